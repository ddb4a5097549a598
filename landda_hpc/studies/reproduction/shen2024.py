"""The page of Shen et al. (2024): 3D-Var with image structure, regional."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from landda_hpc.config import TwinObservations
from landda_hpc.methods.var3d import Var3dImageRun
from landda_hpc.studies.reproduction import sentences
from landda_hpc.studies.reproduction.campaign_data import CampaignData
from landda_hpc.studies.reproduction.china import write_china
from landda_hpc.studies.reproduction.common import (
    calendar_words,
    depth_words,
    frozen_words,
    write_head,
    write_sections,
    write_table,
)
from landda_hpc.studies.reproduction.experiment import SHEN2024
from landda_hpc.studies.reproduction.independent import Independent, write_independent_table
from landda_hpc.studies.reproduction.page import Page, WrittenPage
from landda_hpc.studies.reproduction.shen2024_results import (
    write_cldas,
    write_maps,
    write_minimisation,
    write_place,
    write_series,
)
from landda_hpc.studies.reproduction.shen2024_transform import (
    image_run,
    write_background_errors,
    write_thresholded,
    write_thresholds,
)
from landda_hpc.verification.tables.score_records import ASSIMILATED_REFERENCE
from landda_hpc.verification.tables.side_by_side import ScoreOf, measure

_OF_CONTROL = (
    ScoreOf("0-7 cm", "assimilation", "scc", False),
    ScoreOf("0-7 cm", "assimilation", "rmse", False),
)
_PAPER_SCC = 0.67
"""SCC of the assimilation with the assimilated product, mean over the window: [S24] Fig. 13."""


def write_page(m: CampaignData, output: Path, china: Mapping[str, Path]) -> WrittenPage:
    """Write the page of a finished campaign; missing parts are listed on it. Local: one rank.

    Parameters
    ----------
    china : campaigns of the observation-error experiment, by kind of observations: 'ideal', 'with errors'.
    """
    page = Page(output, "Shen et al. (2024), 3D-Var with image structure: paper and campaign")
    independent = Independent(m, output, page.gaps)
    write_head(page, m, "ERA5-Land", "CoLM", _OF_CONTROL)
    write_table(page, m)
    page.attempt("scores below the increments", (), partial(independent.write_scores_below, page))
    page.attempt("scores against CLDAS", (), partial(_write_cldas_table, page, m, independent))
    page.section("Figures")
    page.attempt("an image and its largest coefficients", ("Fig. 1",), partial(write_thresholded, page, m))
    page.attempt("variance of simulation errors", ("Fig. 2",), partial(write_background_errors, page, m))
    page.attempt("threshold study", ("Fig. 3", "Fig. 4", "Fig. 5"), partial(write_thresholds, page, m))
    page.attempt("observation errors inside China", ("Fig. 6", "Fig. 7"), partial(write_china, page, china))
    page.attempt("the cost function over its iterations", ("Fig. 8",), partial(write_minimisation, page, m))
    page.attempt("maps of analyses", ("Fig. 9", "Fig. 10", "Fig. 11"), partial(write_maps, page, m, independent))
    paper = (
        "Differences, assimilation minus control, at two places on the plateau and two on the plain ([S24] Fig. 12: "
    )
    paper += "10 cm within a day, 50 cm in about 15 days, corn to 2 m, needleleaf to 1 m)."
    sections = partial(write_sections, page, m, "Fig. 12", "fig12_profiles", SHEN2024.places[:4], paper, independent)
    page.attempt("profiles over time and depth", ("Fig. 12",), sections)
    scc = partial(write_series, page, m, "Fig. 13", "scc", "fig13_scc", independent)
    page.attempt("SCC over time", ("Fig. 13",), scc)
    page.attempt("SCC against CLDAS", ("Fig. 14",), partial(write_cldas, page, m, independent))
    page.attempt("series in the Tianshan", ("Fig. 15",), partial(write_place, page, m, independent))
    rmse = partial(write_series, page, m, "Fig. 16", "rmse", "fig16_rmse", independent, with_rain=False)
    page.attempt("RMSE over time", ("Fig. 16",), rmse)
    page.section("Reasons for differences from the paper")
    page.attempt("explanations", (), lambda: page.text(*explanations(m)))
    return page.write()


def _write_cldas_table(page: Page, m: CampaignData, independent: Independent) -> None:
    if write_independent_table(page, independent, m):
        page.text(
            "Against CLDAS, in the part of the domain that it covers: means over the assimilation window with "
            "intervals of 95 % (the paper's are from 16 May to 30 September). All tables are in "
            "`verification/verification.md`."
        )


def explanations(m: CampaignData) -> list[str]:
    """Conflicts in the paper, and the campaign's choices; each paragraph is derived from the campaign."""
    run, observations = image_run(m), m.twin_observations
    scc = ScoreOf(m.layer, "assimilation", "scc", True)
    texts = [
        acceptance_words(run, measure(m.records, scc, m.compared, ASSIMILATED_REFERENCE, m.since)),
        (
            "**Threshold.** The paper selects coefficients both 'by value' and 'by rank'; here it is by rank, the "
            f"largest {100 * run.keep_fraction:g} % of the coefficients."
        ),
        background_words(run),
        layer_words(run, m.layer),
        depth_words(m),
        (
            "**Table and text differ** for the layer below: SCC of the control 0.35 or 0.41, RMSE of the assimilation "
            "0.13 or 0.12; the table above gives both."
        ),
        (
            "**The start of Fig. 13** ('0.44 to 0.76 after the first assimilation') may be the first analysis of May "
            "or the first of the period shown, which begins 15 days later; the table takes the first of the campaign."
        ),
        (
            "**Reference.** The paper calls ERA5-Land 'ideal observations' and computes scores against it, although it "
            "was assimilated."
        ),
        frozen_words(m),
        "" if observations is None else noise_words(observations, run),
        calendar_words(m.config.time, SHEN2024.moments["end of the window"].paper),
    ]
    return [text for text in texts if text]


def acceptance_words(run: Var3dImageRun, scc: float) -> str:
    """Fraction of the innovation that an analysis accepts, compared with the paper's fit.

    Parameters
    ----------
    scc : with the assimilated reference, mean over the window; NaN if there is none.
    """
    kept = f"the largest {100 * run.keep_fraction:g} % of the coefficients with an error of {run.image_std:g} m3 m-3"
    if run.background_archive is not None:
        text = (
            f"**Accepted part of the innovation.** The image term compares {kept}; B comes from an archive and "
            f"varies from cell to cell."
        )
    else:
        gain = run.background_std**2 / (run.background_std**2 + run.image_std**2)
        text = (
            f"**Accepted part of the innovation.** The image term compares {kept} with a background error of "
            f"{run.background_std:g}: about {100 * gain:.0f} % of the innovation in these coefficients is accepted in "
            "each analysis."
        )
    if math.isnan(scc):
        return text
    text += f" The mean SCC with the assimilated product is {scc:.2f} here and {_PAPER_SCC:g} in the paper."
    if scc > _PAPER_SCC + 0.02:
        text += (
            " In the paper a far smaller part was accepted, or other processes (depths, the model's return to its "
            "own climate) removed it."
        )
    return text


def background_words(run: Var3dImageRun) -> str:
    """Source of B, compared with the paper's two periods."""
    here = (
        f"Here B comes from the archive `{run.background_archive}`."
        if run.background_archive is not None
        else f"Here B is one number, {run.background_std:g} m3 m-3 squared; `landda study archive` makes variances "
        "per cell."
    )
    return (
        "**B** is from 2014-2015 in the paper's text and from May to September 2016 in the caption of Fig. 2; the "
        f"latter would leak information from the test period. {here}"
    )


def layer_words(run: Var3dImageRun, observed: str) -> str:
    """Analysed layers, compared with the paper's three layers.

    Parameters
    ----------
    observed : name of the observed layer.
    """
    here = (
        f"here each layer uses the {observed} image unchanged and is analysed separately; Fig. 8 shows the sum of "
        f"the three cost functions"
        if run.layers == "upper_three"
        else f"this campaign analysed the mean over the observed depth, {observed}, instead (`layers: observed`)"
    )
    return (
        "**Layers.** The paper has one B for each of CoLM's three uppermost layers (nodes at 0.7, 2.8 and 6.2 cm), "
        "no covariance between them, and interpolates ERA5-Land's 0-7 cm to their depths. It does not say how a "
        f"single layer is interpolated; {here}."
    )


def noise_words(observations: TwinObservations, run: Var3dImageRun) -> str:
    """Effect of the errors of a twin's observations."""
    removed = (
        " Thresholding removes part of the noise here, which the paper's experiment cannot show."
        if run.keep_fraction < 1.0
        else ""
    )
    return (
        f"**Noise.** The twin's observations are {sentences.twin_observation_words(observations)}; ERA5-Land is a "
        f"smooth model field.{removed}"
    )
