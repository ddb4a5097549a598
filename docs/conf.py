"""Settings of the documentation site; ``make docs`` builds it in build/docs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import h5py  # noqa: F401 - before xarray, which loads eccodes: docs/howto/troubleshooting.md, "Segmentation fault"

import landda_hpc

sys.path.insert(0, str(Path(__file__).parent / "_extensions"))

project = "landda_hpc"
project_copyright = "the landda_hpc authors"
version = release = landda_hpc.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
    "generated_reference",
    "blocks_not_run",
]
exclude_patterns = ["gallery/GALLERY_HEADER.rst", "_extensions"]
suppress_warnings = ["config.cache"]

myst_enable_extensions = ["attrs_block", "colon_fence", "deflist"]
myst_heading_anchors = 3
myst_links_external_new_tab = False

autodoc_typehints = "description"
napoleon_numpy_docstring = True
sphinx_gallery_conf = {
    "examples_dirs": "gallery",
    "gallery_dirs": "_gallery",
    "filename_pattern": r"/plot_",
    "within_subsection_order": "FileNameSortKey",
    "show_memory": False,
    "abort_on_example_error": True,
    "download_all_examples": False,
    "remove_config_comments": True,
    "image_scrapers": ("matplotlib",),
    "reset_modules": (),
    "min_reported_time": 0,
}

html_theme = "pydata_sphinx_theme"
html_title = "landda_hpc"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_theme_options: Final = {
    "navbar_align": "left",
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "footer_start": ["copyright"],
    "footer_end": ["sphinx-version"],
    "secondary_sidebar_items": ["page-toc"],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
linkcheck_timeout = 20
linkcheck_retries = 2
