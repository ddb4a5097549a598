"""Links, anchors and names of files on the pages, in the package's messages and in the gallery lead somewhere.

Links to other sites need a network: ``make docs DOCS_ARGS="-b linkcheck"``.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from tests.documents.pages import PAGES, ROOT

MARKDOWN = sorted([*PAGES, *(ROOT / name for name in ("ARCHITECTURE.md", "CHANGELOG.md", "SECURITY.md"))])
_FENCE = re.compile(r"^( *)(`{3,}).*?^\1\2$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(<?([^)\s>]+)>?\)")
_NAME = re.compile(
    r"(?<![\w/.:])((?:docs|experiments|tests|tools|env|landda_hpc)/[\w./-]*\w\.(?:md|py|yaml|sh|csv|nc|json))"
)
_MODULE = re.compile(r"`([a-z_]+/[a-z_0-9/]+\.py)`")
_PLACEHOLDER = re.compile(r"\bx\.py$|[A-Z]{3,}")
"""In names that stand for several files."""
_MADE = ("_gallery", "_generated")
"""Folders of pages that the build of the site writes; it checks links to them."""


def _text(page: Path) -> str:
    """A page without its blocks of code."""
    return _FENCE.sub("", page.read_text(encoding="utf-8"))


@cache
def _anchors(page: Path) -> set[str]:
    """Anchors of a page: its headings as GitHub and MyST name them, and labels."""
    text = _text(page)
    for include in re.findall(r"^```\{include\} (\S+)$", page.read_text(encoding="utf-8"), re.MULTILINE):
        text += _text(page.parent / include)
    headings = re.findall(r"^#{1,6} +(.+?) *$", text, re.MULTILINE)
    slugs = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    return slugs | set(re.findall(r"^\(([\w-]+)\)=$", text, re.MULTILINE)) | set(re.findall(r"\{#([\w-]+)\}", text))


@pytest.mark.parametrize("page", MARKDOWN, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_and_anchors_of_a_page_exist(page: Path) -> None:
    faults = []
    for target in _LINK.findall(_text(page)):
        if re.match(r"\w+:", target) or any(folder in target for folder in _MADE):
            continue
        name, _, anchor = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        if not file.exists():
            faults.append(target)
        elif anchor and file.suffix == ".md" and anchor not in _anchors(file):
            faults.append(f"{target}: no such heading")
    assert faults == []


def test_files_that_texts_name_exist() -> None:
    """In pages, docstrings and messages of the package, experiments and the gallery."""
    sources = [
        *(ROOT / "landda_hpc").rglob("*.py"),
        *(ROOT / "docs/gallery").glob("*.py"),
        *ROOT.glob("experiments/*.yaml"),
    ]
    faults = []
    for file in [*MARKDOWN, *sources]:
        if file.name == "CHANGELOG.md":
            continue  # names files that are no more
        text = file.read_text(encoding="utf-8")
        named = {name for name in _NAME.findall(text) if not (ROOT / name).exists()}
        if file.suffix == ".md":
            modules = [name for name in _MODULE.findall(text) if (ROOT / "landda_hpc" / name.split("/")[0]).is_dir()]
            named |= {name for name in modules if not (ROOT / "landda_hpc" / name).exists()}
        faults += [f"{file.relative_to(ROOT)}: {name}" for name in sorted(named) if not _PLACEHOLDER.search(name)]
    assert faults == []
