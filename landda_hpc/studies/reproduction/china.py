"""[S24]'s observation-error experiment: large errors assumed inside China (Figs 6 and 7)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from functools import partial
from pathlib import Path

import numpy as np

from landda_hpc.errors import ConfigError
from landda_hpc.evaluation.drawing import capital
from landda_hpc.methods.var3d import Var3dPointRun
from landda_hpc.regions import named_regions, std_by_region
from landda_hpc.studies.reproduction.campaign_data import CampaignData
from landda_hpc.studies.reproduction.common import time_words
from landda_hpc.studies.reproduction.experiment import SHEN2024
from landda_hpc.studies.reproduction.page import Page
from landda_hpc.studies.reproduction.paper_regions import INSIDE_CHINA
from landda_hpc.verification.figures.maps import MapStyle
from landda_hpc.verification.statistics.scores import score


def write_china(page: Page, china: Mapping[str, Path]) -> None:
    """Figs 6 and 7: the observation-error experiment.

    Parameters
    ----------
    china : campaigns of the experiment, by kind of observations: 'ideal', 'with errors'; may be empty.
    """
    if not china:
        for number in ("Fig. 6", "Fig. 7"):
            why = "it needs a separate campaign, which `landda study reproduce` runs without --from"
            page.lacks(number, "observation errors inside China", why)
        return
    for kind, folder in china.items():
        what = f"observation errors inside China, observations {kind}"
        page.attempt(what, ("Fig. 7",), partial(_write_one, page, kind, folder))
    if "Fig. 7" in page.shown:
        page.text(
            "In the paper's experiment the observations are ERA5-Land itself, 'ideal': a large error inside China is "
            "assumed, but the observations do not have it. A method that uses the error map stays near the background "
            "there; the image term has no such map and follows the observations. If the observations do have the "
            "errors of the map, the same comparison shows the cost of ignoring them. The paper's figure shows ideal "
            "observations, without the differences (e, f)."
        )


def _write_one(page: Page, kind: str, folder: Path) -> None:
    """Figs 6 and 7 from one campaign."""
    m = CampaignData(folder, SHEN2024)
    point = _conventional(m)
    if point is None:
        raise ConfigError(f"campaign {folder} has no run of method var3d_point.")
    time = m.nearest(m.compared.assimilation, m.config.time.valid_time(1))
    if time is None:
        page.lacks("Fig. 7", f"analyses, observations {kind}", f"campaign {folder} stored no images")
        return
    if "Fig. 6" not in page.shown:
        _write_error_map(page, m, point)
    images, of_point = m.images(m.compared.assimilation, time), m.images(point.name, time)
    lost = [name for name in (m.reference_image, "background", "analysis", "observation") if name not in images]
    lost += [] if "analysis" in of_point else [f"analysis of {point.name}"]
    if lost:
        page.lacks("Fig. 7", f"analyses, observations {kind}", f"campaign {folder} stored no {' and no '.join(lost)}")
        return
    shown = {
        "reference": images[m.reference_image],
        "control": images["background"],
        "point": of_point["analysis"],
        "image": images["analysis"],
    }
    labels = {
        "reference": capital(m.reference_words),
        "control": "Background",
        "point": "Conventional 3D-Var",
        "image": "Image 3D-Var",
    }
    panels = [*shown, "point minus reference", "image minus reference"]
    name = f"fig07_{kind.replace(' ', '_')}"
    title = f"Soil moisture {m.layer}, observations {kind}"
    m.draw(shown, page.figure_file(name), MapStyle(title, time, labels, columns=2), panels=panels)
    observed = np.isfinite(images["observation"])
    (china,) = named_regions((INSIDE_CHINA,), m.config.data_root)
    inside_china = china.mask(m.domain.grid)
    texts = []
    for run in ("control", "point", "image"):
        parts = []
        for where, mask in (("inside", inside_china), ("outside", ~inside_china)):
            s = score(shown[run], shown["reference"], m.domain.is_scored & observed & mask)
            parts.append(f"{where} {_number(s.scc, 2)} / {_number(s.ubrmse, 3)}")
        texts.append(f"{labels[run]}: {', '.join(parts)}")
    page.figure(
        "Fig. 7",
        name,
        f"Observations {kind}. {time_words(time, datetime(2016, 5, 1))} SCC / ubRMSE (m3 m-3) against "
        f"the {m.reference_words}, over observed cells inside and outside China: {'; '.join(texts)}.",
    )


def _write_error_map(page: Page, m: CampaignData, point: Var3dPointRun) -> None:
    """Fig. 6: the errors that the conventional 3D-Var assumes."""
    outside, regions = point.observation_std, point.observation_std_regions
    assumed = std_by_region(m.domain.grid, outside, regions, m.config.data_root)
    errors = np.where(m.domain.is_land, assumed, np.nan)
    panels = ["Assumed by the 3D-Var"]
    m.draw(
        {panels[0]: errors},
        page.figure_file("fig06_errors"),
        MapStyle("Observation errors", columns=1, quantity="Standard deviation"),
        panels=panels,
    )
    words = f"Observation errors: {outside:g} m3 m-3"
    words += "".join(f", and {one.std:g} inside {one.name}" for one in regions) or ", the same inside China"
    page.figure(
        "Fig. 6", "fig06_errors", f"{words}. The paper says 'negligible' and 'significant' and gives no values."
    )


def _number(value: float, digits: int) -> str:
    return "-" if math.isnan(value) else f"{value:.{digits}f}"


def _conventional(m: CampaignData) -> Var3dPointRun | None:
    return next((run for run in m.config.runs if isinstance(run, Var3dPointRun)), None)
