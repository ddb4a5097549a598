"""The style of figures: formats, letters and borders."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.text import Text

from landda_hpc.regions import GLOBE, Region
from landda_hpc.verification.figures import appearance
from landda_hpc.verification.figures.borders import border_lines
from landda_hpc.verification.figures.figure_style import FigureStyle, styled


def test_letters_and_margins_have_the_size_that_is_asked_for(tmp_path: Path) -> None:
    found = []
    for size in (9.0, 12.0):
        with styled(FigureStyle(("pdf", "png"), font="DejaVu Serif", font_size=size)):
            figure = appearance.new_figure(6.0, 4.0, "A title", is_placed=True)
            ax = figure.subplots()
            appearance.place_panels(figure, left=0.6, right=0.3, top=0.5, bottom=0.6)
            appearance.panel_title(ax, "(a) panel")
            appearance.save(figure, tmp_path / f"{size:g}.png")
        texts = {t.get_text(): t for t in figure.findobj(Text) if isinstance(t, Text) and t.get_text()}
        assert {text.get_fontfamily()[0] for text in texts.values()} == {"DejaVu Serif"}
        found.append((texts["(a) panel"].get_fontsize(), texts["0.2"].get_fontsize(), 6.0 * ax.get_position().x0))
        assert {path.suffix for path in tmp_path.glob(f"{size:g}.*")} == {".pdf", ".png"}
    np.testing.assert_allclose(np.array(found[1]) / np.array(found[0]), 12.0 / 9.0)


def test_a_title_is_not_wider_than_its_figure(tmp_path: Path) -> None:
    figure = appearance.new_figure(3.0, 2.0, "A title that is much wider than a figure of three inches")
    appearance.save(figure, tmp_path / "a.png")
    assert figure.texts[0].get_window_extent().width <= figure.bbox.width


@pytest.mark.parametrize(
    "region",
    [GLOBE, Region("east", 10.0, 60.0, 70.0, 140.0), Region("by the date line", 30.0, 72.0, 170.0, 260.0)],
    ids=lambda region: region.name,
)
def test_borders_lie_in_the_longitudes_of_a_region(region: Region) -> None:
    lines = border_lines(region)
    assert len(lines) > (300 if region == GLOBE else 0)
    for line in lines:
        assert line[:, 0].max() >= region.west and line[:, 0].min() <= region.east
        assert np.all(np.abs(line[:, 1]) <= 90.0)
    # The northern end of the border of the United States and Canada, 141 W.
    place = np.array([219.0 if region.east > 180.0 else -141.0, 69.7])
    nearest = min(float(np.abs(line - place).max(axis=1).min()) for line in lines)
    assert (nearest < 0.2) is (region.name != "east")
