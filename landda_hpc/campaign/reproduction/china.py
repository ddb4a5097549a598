"""[S24]'s observation-error experiment: large errors assumed inside China (Figs 6 and 7)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import numpy as np

from landda_hpc.campaign.reproduction.common import time_words
from landda_hpc.campaign.reproduction.experiment import SHEN2024
from landda_hpc.campaign.reproduction.material import Material
from landda_hpc.campaign.reproduction.page import Page
from landda_hpc.campaign.verify.drawing import capital
from landda_hpc.config import Run
from landda_hpc.fields.error_map import china_error_map
from landda_hpc.methods.var3d import Var3dPointRun
from landda_hpc.verification.scores import score


def write_china(page: Page, china: Mapping[str, Path]) -> None:
    """Figs 6 and 7: the observation-error experiment.

    Parameters
    ----------
    china : its campaigns, by what their observations are: 'ideal', 'with errors'; empty without them.
    """
    if not china:
        for number in ("Fig. 6", "Fig. 7"):
            why = "A finished campaign was given; this experiment is one of its own: `landda reproduce` without --from."
            page.lacks(number, "observation errors inside China", why)
        return
    for i, (kind, folder) in enumerate(china.items()):
        m = Material(folder, SHEN2024)
        point = _conventional(m)
        assert isinstance(point, Var3dPointRun), "the experiment has it"
        time = m.nearest(m.roles.assimilation, m.config.time.valid_time(1))
        if time is None:
            page.lacks("Fig. 7", "analyses", f"Campaign {folder} stored no images.")
            continue
        if i == 0:
            outside, inside = point.observation_std, point.observation_std_china or point.observation_std
            errors = np.where(m.domain.is_land, china_error_map(m.domain.grid, inside, outside), np.nan)
            path = page.figure_file("fig06_errors")
            title, quantity = "Observation errors", "Standard deviation"
            panels = ["Assumed by the 3D-Var"]
            m.draw({panels[0]: errors}, None, path, panels=panels, title=title, columns=1, quantity=quantity)
            words = (
                f"Observation errors: {outside:g} m3 m-3, and {inside:g} inside China. The paper says 'negligible' and "
            )
            page.figure("Fig. 6", "fig06_errors", words + "'significant' and gives no values.")
        images = m.images(m.roles.assimilation, time)
        shown = {
            "reference": images[m.reference_image],
            "control": images["background"],
            "point": m.images(point.name, time)["analysis"],
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
        m.draw(shown, time, page.figure_file(name), panels=panels, title=title, labels=labels, columns=2)
        observed = np.isfinite(images["observation"])
        inside_china = china_error_map(m.domain.grid, 1.0, 0.0) > 0.0
        texts = []
        for run in ("control", "point", "image"):
            parts = []
            for where, mask in (("inside", inside_china), ("outside", ~inside_china)):
                s = score(shown[run], shown["reference"], m.domain.is_scored & observed & mask)
                parts.append(f"{where} {s.scc:.2f} / {s.ubrmse:.3f}")
            texts.append(f"{labels[run]}: {', '.join(parts)}")
        page.figure(
            "Fig. 7",
            name,
            f"Observations {kind}. {time_words(time, datetime(2016, 5, 1))} SCC / ubRMSE (m3 m-3) against "
            f"the {m.reference_words}, over observed cells inside and outside China: {'; '.join(texts)}.",
        )
    page.text(
        "In the paper's experiment the observations are ERA5-Land itself, 'ideal': the large error inside China is "
        "assumed, not there. A method that is told of it stays near the background there, one that is not (the image "
        "term knows no error map) follows the perfect observations. With observations that have the errors which the "
        "map tells, the same comparison shows what ignoring them costs. The paper's figure is the first of the two; "
        "its differences (e, f) are ours."
    )


def _conventional(m: Material) -> Run | None:
    return next((run for run in m.config.runs if isinstance(run, Var3dPointRun)), None)
