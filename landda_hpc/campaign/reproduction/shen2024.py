"""The page of Shen et al. (2024): 3D-Var with image structure, regional."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from landda_hpc.campaign.reproduction.china import write_china
from landda_hpc.campaign.reproduction.common import frozen_words, write_head, write_sections, write_table
from landda_hpc.campaign.reproduction.experiment import SHEN2024
from landda_hpc.campaign.reproduction.independent import Independent, write_independent_table
from landda_hpc.campaign.reproduction.material import Material
from landda_hpc.campaign.reproduction.page import Page
from landda_hpc.campaign.reproduction.shen2024_results import (
    write_cldas,
    write_maps,
    write_minimisation,
    write_place,
    write_series,
)
from landda_hpc.campaign.reproduction.shen2024_transform import (
    image_run,
    write_background_errors,
    write_thresholded,
    write_thresholds,
)
from landda_hpc.config import TwinObservations
from landda_hpc.verification.published import SHEN2024_FIGURES, SHEN2024_INDEPENDENT


def write_page(campaign: Path, output: Path, china: Mapping[str, Path] | None = None) -> list[Path]:
    """Write the page of a finished campaign; returns its files. Local: one rank.

    Parameters
    ----------
    china : campaigns of the observation-error experiment, by what their observations are: 'ideal', 'with errors'.

    Raises
    ------
    StorageError, ConfigError, DataError : a campaign is not finished, lacks a run of the paper, or is damaged.
    """
    m = Material(campaign, SHEN2024)
    page = Page(output, "Shen et al. (2024), 3D-Var with image structure: paper and campaign")
    independent = Independent(m, output)
    write_head(page, m, "ERA5-Land", "CoLM")
    write_table(page, m, SHEN2024_FIGURES)
    if write_independent_table(page, independent, SHEN2024_INDEPENDENT, m.roles):
        page.text(
            "Against CLDAS, in the part of the domain that it covers: means over the assimilation window with "
            "intervals of 95 % (the paper's are from 16 May to 30 September). All tables are in "
            "`verification/verification.md`."
        )
    page.section("Figures")
    write_thresholded(page, m)
    write_background_errors(page, m)
    write_thresholds(page, m)
    write_china(page, china or {})
    write_minimisation(page, m)
    write_maps(page, m)
    paper = (
        "Differences, assimilation minus control, at two places of the plateau and two of the plain ([S24] Fig. 12: "
    )
    paper += "10 cm within a day, 50 cm in about 15 days, corn to 2 m, needleleaf to 1 m)."
    write_sections(page, m, "Fig. 12", "fig12_profiles", SHEN2024.places[:4], paper, independent)
    write_series(page, m, "Fig. 13", "scc", "fig13_scc", independent)
    write_cldas(page, independent)
    write_place(page, m)
    write_series(page, m, "Fig. 16", "rmse", "fig16_rmse", None)
    page.section("Why these figures are not the paper's")
    page.text(*_explanations(m))
    return page.write()


def _explanations(m: Material) -> list[str]:
    """Conflicts within the paper, and what the campaign does."""
    run = image_run(m)
    gain = run.background_std**2 / (run.background_std**2 + run.image_std**2)
    texts = [
        (
            "**Why a faithful implementation is better than the paper.** The image term compares the largest half of "
            f"the coefficients with an error of {run.image_std:g} m3 m-3 against a background error of "
            f"{run.background_std:g}: about {100 * gain:.0f} % of the innovation is accepted at each analysis, and "
            "after a few analyses hardly any difference from the product is left. The paper's SCC of 0.67 with the "
            "very product that it assimilates every six hours means that far less was accepted, or that something "
            "outside the analysis (depths, the model's return to its own climate) undid it. Nothing here is tuned to "
            "match."
        ),
        "**Threshold** 'by value' and 'by rank': by rank (the largest 50 % of the coefficients).",
        (
            "**B** from 2014-2015 (text) or May to September 2016 (caption of Fig. 2): the other period leaks the "
            "test. Here one number by default; an archive of variances per cell with `landda archive`."
        ),
        (
            "**Layers.** The paper has one B for each of CoLM's three uppermost layers (nodes at 0.7, 2.8 and 6.2 cm), "
            "none between them, and brings ERA5-Land's 0-7 cm to their depths. It does not say how a single layer is "
            "interpolated; here each layer takes the 0-7 cm image as it is, and is analysed on its own. "
            + _layer_words(m)
        ),
        (
            "**Table and text differ** for the layer below: SCC of the control 0.35 or 0.41, RMSE of the assimilation "
            "0.13 or 0.12; the table above gives both."
        ),
        (
            "**The start of Fig. 13** ('0.44 to 0.76 after the first assimilation') may be the first analysis of May "
            "or the first of the period shown, which begins 15 days later; the table takes the first of the campaign."
        ),
        (
            "**Against what.** The paper calls ERA5-Land 'ideal observations' and scores against it; it is what was "
            "assimilated."
        ),
    ]
    texts.append(frozen_words(m))
    if isinstance(m.config.observations, TwinObservations):
        sigma = m.config.observations.error_std
        texts.append(
            f"**Noise.** The twin's observations have white errors of {sigma:g} m3 m-3; ERA5-Land is a model's field "
            "and smooth. Thresholding removes part of the noise here, which the paper's experiment cannot show."
        )
    return texts


def _layer_words(m: Material) -> str:
    if image_run(m).layers == "upper_three":
        return "Fig. 8 is the sum of the three cost functions, which is the cost of all three together."
    return "This campaign analysed the mean over the observed depth instead (`layers: observed`)."
