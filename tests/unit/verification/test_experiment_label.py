"""The label of an experiment on its pages and figures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from landda_hpc.io.experiment_label import labelled
from landda_hpc.io.markdown import MarkdownPage
from landda_hpc.verification.figures import appearance


def test_pages_and_figures_show_the_label_while_it_is_set(tmp_path: Path) -> None:
    pictures = {}
    for label in ("", "forced"):
        with labelled(label):
            page = MarkdownPage("twin")
            path = tmp_path / f"figure{label}.png"
            appearance.save(appearance.new_figure(4.0, 3.0), path)
        assert page.content().splitlines()[0] == ("# twin (forced)" if label else "# twin")
        pictures[label] = np.asarray(Image.open(path))
    rows, columns, _ = np.nonzero(pictures["forced"] != pictures[""])
    assert rows.min() > 0.85 * 450 and columns.min() > 0.7 * 600  # the lower right corner, and nowhere else
    assert MarkdownPage("twin").content().splitlines()[0] == "# twin"
