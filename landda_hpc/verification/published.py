"""What the papers print, to stand beside our own scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

SOURCE: Final = "published [B26]"
REFERENCE: Final = "GLDAS-2.1, the product that [B26] assimilates"


@dataclass(frozen=True)
class PublishedScore:
    """A figure of [B26], read from its text and Fig. 8; scores against GLDAS, its assimilated reference.

    Attributes
    ----------
    layer, window : as in a score record.
    assimilates : False for the control run.
    scc : spatial correlation, 1; None where the paper gives none. ``scc_last`` at the end of the window.
    ubrmse : m3 m-3; likewise.
    """

    layer: str
    window: str
    assimilates: bool
    scc: float | None = None
    ubrmse: float | None = None
    scc_last: float | None = None
    ubrmse_last: float | None = None


BAI2026: Final = (
    PublishedScore("0-10 cm", "assimilation", False, 0.40, 0.12),
    PublishedScore("0-10 cm", "assimilation", True, 0.80, 0.06),
    PublishedScore("10-40 cm", "assimilation", False, 0.35, 0.110),
    PublishedScore("10-40 cm", "assimilation", True, 0.55, 0.080),
    PublishedScore("40-100 cm", "assimilation", False, 0.25, 0.125),
    PublishedScore("40-100 cm", "assimilation", True, 0.40, 0.105),
    PublishedScore("0-10 cm", "forecast", False, ubrmse_last=0.108),
    PublishedScore("0-10 cm", "forecast", True, scc_last=0.58, ubrmse_last=0.095),
)
"""[B26] section 4.2.1; the forecast window's figures are those of its day 30."""


def published(layer: str, window: str, *, assimilates: bool) -> PublishedScore | None:
    """[B26]'s figure for a layer and window, None where it gives none."""
    for item in BAI2026:
        if (item.layer, item.window, item.assimilates) == (layer, window, assimilates):
            return item
    return None
