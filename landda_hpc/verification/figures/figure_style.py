"""Style of the figures that are made now: formats, resolution, letters and borders. It loads no plotting library."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, get_args

from landda_hpc.io.experiment_label import labelled

if TYPE_CHECKING:
    from landda_hpc.config import FigureStyleConfig, OutputConfig

MapKind = Literal["maps", "increments", "regions"]
SeriesKind = Literal["scores", "innovations", "minimisation", "spectra", "skill", "ensembles"]
FigureKind = MapKind | SeriesKind
"""Kinds of figures of a campaign: of one run and time each, or of all runs over time."""
MAP_KINDS: Final[tuple[MapKind, ...]] = get_args(MapKind)
SERIES_KINDS: Final[tuple[SeriesKind, ...]] = get_args(SeriesKind)

FONT_SIZE: Final = 9.0
"""Usual size of letters, points; all sizes and margins are designed for it."""


@dataclass(frozen=True)
class FigureStyle:
    """Formats and appearance that all figures share.

    Attributes
    ----------
    formats : formats in which each figure is written (png, pdf, svg).
    dpi : pixels per inch of a PNG, and of the images in the other formats.
    font : family of all letters; empty: that of matplotlib.
    font_size : size of the letters at axes, points. The others and the margins are in proportion to it.
    borders : whether maps show borders of countries.
    """

    formats: tuple[str, ...] = ("png",)
    dpi: int = 150
    font: str = ""
    font_size: float = FONT_SIZE
    borders: bool = False

    @classmethod
    def of(cls, asked: FigureStyleConfig) -> FigureStyle:
        """Return the style of a configuration; PNG, which the pages show, is always a format."""
        return cls(("png", *asked.formats), asked.dpi, asked.font, asked.font_size, asked.borders)

    @property
    def zoom(self) -> float:
        """Size of the letters in proportion to the usual one."""
        return self.font_size / FONT_SIZE


_STYLE: Final[ContextVar[FigureStyle | None]] = ContextVar("style of figures", default=None)


def current_style() -> FigureStyle:
    """Return the style that figures have now."""
    return _STYLE.get() or FigureStyle()


@contextmanager
def styled(style: FigureStyle) -> Iterator[None]:
    """Give a style to every figure that is made inside. Local."""
    token = _STYLE.set(style)
    try:
        yield
    finally:
        _STYLE.reset(token)


@contextmanager
def in_style_of(output: OutputConfig) -> Iterator[None]:
    """Show the label of an experiment on every page and figure that is made inside, in its style. Local."""
    with labelled(output.label), styled(FigureStyle.of(output.figure_style)):
        yield
