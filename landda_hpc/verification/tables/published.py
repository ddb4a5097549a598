"""Scores published in the papers, for comparison with our own."""

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


Statistic = Literal["mean", "first", "onset", "last"]


@dataclass(frozen=True)
class ScoreOf:
    """Score of a campaign that corresponds to a published value.

    Attributes
    ----------
    layer, window, score : as in a score record.
    assimilates : False for the control run.
    statistic : over the window: its mean, its first or last time; 'onset': after the first
        analysis of the campaign.
    paper_day : day after the last analysis that the published value is of; None where it is of none.
    """

    layer: str
    window: Literal["assimilation", "forecast"]
    score: Literal["scc", "rmse", "ubrmse"]
    assimilates: bool
    statistic: Statistic = "mean"
    paper_day: float | None = None


@dataclass(frozen=True)
class PublishedFigure:
    """One figure that a paper prints.

    Attributes
    ----------
    place : where in the paper.
    what : in words.
    value : as printed, 1 or m3 m-3; the lower end where the paper gives a range.
    upper : the range's upper end, None otherwise.
    ours : the corresponding score of a campaign.
    """

    place: str
    what: str
    value: float
    upper: float | None
    ours: ScoreOf

    @property
    def text(self) -> str:
        """As printed."""
        return f"{self.value:g}" if self.upper is None else f"{self.value:g} to {self.upper:g}"


@dataclass(frozen=True)
class IndependentScore:
    """A pair of scores against data that were not assimilated, as a paper prints it.

    Attributes
    ----------
    place : where in the paper.
    against : stations, mean over them; the pattern of stations on one day; or CLDAS.
    metric : "r" (temporal correlation), "ubrmse" or "scc" (spatial correlation).
    region, layer : names, as in the rows of a verification.
    control, assimilation : as printed, 1 or m3 m-3.
    """

    place: str
    against: Literal["stations", "stations of a day", "CLDAS"]
    metric: Literal["r", "ubrmse", "scc"]
    region: str
    layer: str
    control: float
    assimilation: float


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
                    ScoreOf(_T, "forecast", "scc", True, "last", 30.0)),
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
                    ScoreOf(_T, "forecast", "ubrmse", False, "last", 30.0)),
    PublishedFigure("Fig. 8b", "surface ubRMSE, day 30, after assimilation", 0.095, None,
                    ScoreOf(_T, "forecast", "ubrmse", True, "last", 30.0)),
)  # fmt: skip
"""[B26] section 4.2.1; against GLDAS-2.1, its assimilated reference."""

BAI2026_INDEPENDENT: Final = (
    IndependentScore("Fig. 9", "stations", "r", "China", _T, 0.153, 0.425),
    IndependentScore("Fig. 9", "stations", "r", "United States", _T, 0.142, 0.504),
    IndependentScore("Fig. 10", "stations", "ubrmse", "China", _T, 0.061, 0.051),
    IndependentScore("Fig. 10", "stations", "ubrmse", "United States", _T, 0.044, 0.035),
    IndependentScore("Fig. 12", "stations of a day", "scc", "China", _T, 0.21, 0.51),
)
"""[B26] section 4.2.2; stations of the CMA and the ISMN, means over the assimilation window; Fig. 12 is of 18 June."""

BAI2026_SERIES: Final = (
    ("broadleaf deciduous tree, boreal", 0.38, 0.62),
    ("corn", 0.60, 0.89),
    ("grass, not arctic", 0.33, 0.90),
)
"""[B26] Fig. 11: three stations of the paper's choice, R of control and assimilation."""

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
)  # fmt: skip
"""[S24] section 4; against ERA5-Land, its assimilated reference."""

SHEN2024_INDEPENDENT: Final = (
    IndependentScore("Fig. 14", "CLDAS", "scc", "all cells", "0-5 cm", 0.67, 0.71),
    IndependentScore("Fig. 14", "CLDAS", "scc", "all cells", "5-10 cm", 0.67, 0.73),
)
"""[S24] section 4: means from 16 May to 30 September over the part of the domain that CLDAS has."""
