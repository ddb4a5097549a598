"""What the papers print, to stand beside our own scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

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


@dataclass(frozen=True)
class ScoreOf:
    """Which score of a campaign a published figure stands beside.

    Attributes
    ----------
    layer, window, score : as in a score record.
    assimilates : False for the control run.
    statistic : over the window: its mean, its first or last time, the greatest value; 'onset': after the first
        analysis of the campaign.
    """

    layer: str
    window: Literal["assimilation", "forecast"]
    score: Literal["scc", "rmse", "ubrmse"]
    assimilates: bool
    statistic: Literal["mean", "first", "onset", "last"] = "mean"


@dataclass(frozen=True)
class PublishedFigure:
    """One figure that a paper prints.

    Attributes
    ----------
    place : where in the paper.
    what : in words.
    value : as printed, 1 or m3 m-3; the lower end where the paper gives a range.
    upper : the range's upper end, None otherwise.
    ours : what stands beside it; None where nothing can.
    missing : why nothing can.
    """

    place: str
    what: str
    value: float
    upper: float | None = None
    ours: ScoreOf | None = None
    missing: str = ""

    @property
    def text(self) -> str:
        """As printed."""
        return f"{self.value:g}" if self.upper is None else f"{self.value:g} to {self.upper:g}"


_STATIONS: Final = "no station data in the campaign"
_CLDAS: Final = "no CLDAS data in the campaign"
_T: Final = "0-10 cm"
_M: Final = "10-40 cm"
_D: Final = "40-100 cm"
_UP: Final = "0-7 cm"
_LOW: Final = "7-28 cm"

BAI2026_FIGURES: Final = (
    PublishedFigure("Fig. 8a", "surface SCC, control", 0.40, 0.45, ScoreOf(_T, "assimilation", "scc", False)),
    PublishedFigure("Fig. 8a", "surface SCC, first time", 0.40, None,
                    ScoreOf(_T, "assimilation", "scc", False, "first")),
    PublishedFigure("Fig. 8a", "surface SCC, after the start", 0.70, None,
                    ScoreOf(_T, "assimilation", "scc", True, "onset")),
    PublishedFigure("Fig. 8a", "surface SCC, assimilation", 0.75, 0.80, ScoreOf(_T, "assimilation", "scc", True)),
    PublishedFigure("Fig. 8a", "10-40 cm SCC, control", 0.35, None, ScoreOf(_M, "assimilation", "scc", False)),
    PublishedFigure("Fig. 8a", "10-40 cm SCC, assimilation", 0.55, None, ScoreOf(_M, "assimilation", "scc", True)),
    PublishedFigure("Fig. 8a", "40-100 cm SCC, control", 0.25, None, ScoreOf(_D, "assimilation", "scc", False)),
    PublishedFigure("Fig. 8a", "40-100 cm SCC, assimilation", 0.35, 0.40, ScoreOf(_D, "assimilation", "scc", True)),
    PublishedFigure("Fig. 8a", "surface SCC, start of the forecast", 0.82, None,
                    ScoreOf(_T, "forecast", "scc", True, "first")),
    PublishedFigure("Fig. 8a", "surface SCC, day 30 of the forecast", 0.58, None,
                    ScoreOf(_T, "forecast", "scc", True, "last")),
    PublishedFigure("Fig. 8b", "surface ubRMSE, before the start", 0.118, None,
                    ScoreOf(_T, "assimilation", "ubrmse", False, "first")),
    PublishedFigure("Fig. 8b", "surface ubRMSE, after the start", 0.095, None,
                    ScoreOf(_T, "assimilation", "ubrmse", True, "onset")),
    PublishedFigure("Fig. 8b", "surface ubRMSE, control", 0.12, None, ScoreOf(_T, "assimilation", "ubrmse", False)),
    PublishedFigure("Fig. 8b", "surface ubRMSE, assimilation", 0.060, 0.065,
                    ScoreOf(_T, "assimilation", "ubrmse", True)),
    PublishedFigure("Fig. 8b", "10-40 cm ubRMSE, control", 0.110, None, ScoreOf(_M, "assimilation", "ubrmse", False)),
    PublishedFigure("Fig. 8b", "10-40 cm ubRMSE, end of the window", 0.080, None,
                    ScoreOf(_M, "assimilation", "ubrmse", True, "last")),
    PublishedFigure("Fig. 8b", "40-100 cm ubRMSE, control", 0.125, None, ScoreOf(_D, "assimilation", "ubrmse", False)),
    PublishedFigure("Fig. 8b", "40-100 cm ubRMSE, end of the window", 0.105, None,
                    ScoreOf(_D, "assimilation", "ubrmse", True, "last")),
    PublishedFigure("Fig. 8b", "surface ubRMSE, day 30, control", 0.108, None,
                    ScoreOf(_T, "forecast", "ubrmse", False, "last")),
    PublishedFigure("Fig. 8b", "surface ubRMSE, day 30, after assimilation", 0.095, None,
                    ScoreOf(_T, "forecast", "ubrmse", True, "last")),
    PublishedFigure("Fig. 9", "stations, mean R, China, control", 0.153, missing=_STATIONS),
    PublishedFigure("Fig. 9", "stations, mean R, China, assimilation", 0.425, missing=_STATIONS),
    PublishedFigure("Fig. 9", "stations, mean R, US, control", 0.142, missing=_STATIONS),
    PublishedFigure("Fig. 9", "stations, mean R, US, assimilation", 0.504, missing=_STATIONS),
    PublishedFigure("Fig. 10", "stations, ubRMSE, China, control", 0.061, missing=_STATIONS),
    PublishedFigure("Fig. 10", "stations, ubRMSE, China, assimilation", 0.051, missing=_STATIONS),
    PublishedFigure("Fig. 10", "stations, ubRMSE, US, control", 0.044, missing=_STATIONS),
    PublishedFigure("Fig. 10", "stations, ubRMSE, US, assimilation", 0.035, missing=_STATIONS),
    PublishedFigure("Fig. 11", "station R, forest, control", 0.38, missing=_STATIONS),
    PublishedFigure("Fig. 11", "station R, forest, assimilation", 0.62, missing=_STATIONS),
    PublishedFigure("Fig. 11", "station R, corn, control", 0.60, missing=_STATIONS),
    PublishedFigure("Fig. 11", "station R, corn, assimilation", 0.89, missing=_STATIONS),
    PublishedFigure("Fig. 11", "station R, grass, control", 0.33, missing=_STATIONS),
    PublishedFigure("Fig. 11", "station R, grass, assimilation", 0.90, missing=_STATIONS),
    PublishedFigure("Fig. 12", "station anomalies 18 June, SCC, control", 0.21, missing=_STATIONS),
    PublishedFigure("Fig. 12", "station anomalies 18 June, SCC, assimilation", 0.51, missing=_STATIONS),
)  # fmt: skip
"""[B26] section 4.2; against GLDAS-2.1 but for the stations."""

SHEN2024_FIGURES: Final = (
    PublishedFigure("Fig. 13", "surface SCC, first time, control", 0.44, None,
                    ScoreOf(_UP, "assimilation", "scc", False, "first")),
    PublishedFigure("Fig. 13", "surface SCC, after the first analysis", 0.76, None,
                    ScoreOf(_UP, "assimilation", "scc", True, "onset")),
    PublishedFigure("Fig. 13", "surface SCC, control", 0.39, None, ScoreOf(_UP, "assimilation", "scc", False)),
    PublishedFigure("Fig. 13", "surface SCC, assimilation", 0.67, None, ScoreOf(_UP, "assimilation", "scc", True)),
    PublishedFigure("Fig. 13", "7-28 cm SCC, first time, control", 0.31, None,
                    ScoreOf(_LOW, "assimilation", "scc", False, "first")),
    PublishedFigure("Fig. 13", "7-28 cm SCC, after the first analysis", 0.53, None,
                    ScoreOf(_LOW, "assimilation", "scc", True, "onset")),
    PublishedFigure("Fig. 13", "7-28 cm SCC, control (table 0.35, text 0.41)", 0.35, 0.41,
                    ScoreOf(_LOW, "assimilation", "scc", False)),
    PublishedFigure("Fig. 13", "7-28 cm SCC, assimilation", 0.57, None, ScoreOf(_LOW, "assimilation", "scc", True)),
    PublishedFigure("Fig. 13", "7-28 cm SCC, mean of the forecast", 0.63, None,
                    ScoreOf(_LOW, "forecast", "scc", True)),
    PublishedFigure("Fig. 16", "surface RMSE, control", 0.16, None, ScoreOf(_UP, "assimilation", "rmse", False)),
    PublishedFigure("Fig. 16", "surface RMSE, assimilation", 0.12, None, ScoreOf(_UP, "assimilation", "rmse", True)),
    PublishedFigure("Fig. 16", "7-28 cm RMSE, control", 0.15, None, ScoreOf(_LOW, "assimilation", "rmse", False)),
    PublishedFigure("Fig. 16", "7-28 cm RMSE, assimilation (text 0.12, table 0.13)", 0.12, 0.13,
                    ScoreOf(_LOW, "assimilation", "rmse", True)),
    PublishedFigure("Fig. 14", "CLDAS 0-5 cm SCC, control", 0.67, missing=_CLDAS),
    PublishedFigure("Fig. 14", "CLDAS 0-5 cm SCC, assimilation", 0.71, missing=_CLDAS),
    PublishedFigure("Fig. 14", "CLDAS 5-10 cm SCC, control", 0.67, missing=_CLDAS),
    PublishedFigure("Fig. 14", "CLDAS 5-10 cm SCC, assimilation", 0.73, missing=_CLDAS),
)  # fmt: skip
"""[S24] section 4; against ERA5-Land, its assimilated reference, but for CLDAS."""
