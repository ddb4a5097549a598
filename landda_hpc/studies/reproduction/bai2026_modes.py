"""Figs 1 to 3 of [B26]: modes of a background and of its perturbations."""

from __future__ import annotations

import math

import numpy as np

from landda_hpc.analysis.error_models import WhiteErrors
from landda_hpc.constants import BoolArray, FloatArray
from landda_hpc.curvelet.backends import Frame
from landda_hpc.methods.base.curvelet_frame import make_frame
from landda_hpc.methods.enkf_like import EnkfLikeRun
from landda_hpc.studies.reproduction.campaign_data import CampaignData
from landda_hpc.studies.reproduction.common import time_words
from landda_hpc.studies.reproduction.experiment import BAI2026
from landda_hpc.studies.reproduction.page import Page
from landda_hpc.studies.reproduction.sentences import white_stds
from landda_hpc.verification.figures.maps import MapStyle

_ORDINALS = ("first mode", "first two modes", "first three modes", "first four modes", "first five modes")
_ROUNDING = 1e-9
"""Rounding error of a reconstruction from all modes, m3 m-3."""


def image_run(m: CampaignData) -> EnkfLikeRun:
    """Settings of the run that corresponds to the paper's assimilation."""
    return m.run_of(EnkfLikeRun)


def write_modes(page: Page, m: CampaignData) -> None:
    """Fig. 1 and Fig. 3."""
    wanted = BAI2026.moments["first analysis"].paper
    time = m.nearest(m.compared.assimilation, wanted)
    images = {} if time is None else m.images(m.compared.assimilation, time)
    if time is None or "background" not in images:
        for number in ("Fig. 1", "Fig. 3"):
            page.lacks(number, "modes of the background", "the campaign stored no background within the window")
        return
    background, run = images["background"], image_run(m)
    frame = make_frame(run.frame, m.domain.grid)
    known = np.isfinite(background)
    mean = float(background[known].mean())
    sums = mean + np.cumsum(_scales(frame, np.where(known, background - mean, 0.0)), axis=0)
    sums = np.where(known, sums, np.nan)
    names = [_ORDINALS[i] if i < len(_ORDINALS) else f"first {i + 1} modes" for i in range(len(sums))]
    shown = {"original": background} | dict(zip(names, sums, strict=True))
    labels = {"original": "Original"} | {name: name.capitalize() for name in names}
    panels = list(shown)[:7]
    title = f"Background reconstructed from its first curvelet modes, {m.layer}"
    m.draw(shown, page.figure_file("fig01_modes"), MapStyle(title, time, labels, columns=2), panels=panels)
    rms = [math.sqrt(float(np.mean((s - background)[known] ** 2))) for s in sums]
    whole = " All modes together reproduce the image exactly." if rms[-1] < _ROUNDING else ""
    page.figure(
        "Fig. 1",
        "fig01_modes",
        f"Background and its reconstruction from the first modes. {time_words(time, wanted)} A mode is a scale of the "
        f"curvelet frame ({frame.n_scales} here); cells without soil are filled with the mean before the transform. "
        "Root-mean-square errors of the reconstructions: "
        + ", ".join(f"{name} {value:.4f}" for name, value in zip(names, rms, strict=True))
        + f" m3 m-3.{whole}",
    )
    page.text("**Fig. 2** is the flow chart of the method; `ARCHITECTURE.md` has that of this program.")
    _write_first_mode(page, m, background, frame, sums[0])


def _write_first_mode(
    page: Page, m: CampaignData, background: FloatArray, frame: Frame, first_mode: FloatArray
) -> None:
    """Fig. 3: the background less the first mode of a perturbed background, and the spread of perturbations."""
    run, known = image_run(m), np.isfinite(background)
    time = m.nearest(m.compared.assimilation, BAI2026.moments["first analysis"].paper)
    assert time is not None, "there is a background"
    errors = WhiteErrors(run.background_std, m.config.seed, "background")
    first = np.empty((run.members, *background.shape))
    whole = np.zeros(background.shape)
    for member in range(run.members):
        perturbation = errors.perturbation(known, time.isoformat(), member)
        first[member] = _scales(frame, perturbation)[0]
        whole += perturbation**2 / run.members
    fields = {"background": background, "first mode": first_mode + first[0]}
    labels = {"first mode": "first mode of a perturbed background"}
    title = f"Background and its 'error of the first mode', {m.layer}"
    panels = ["background", "background minus first mode"]
    m.draw(fields, page.figure_file("fig03_first_mode"), MapStyle(title, time, labels, columns=1), panels=panels)
    truncation = background - first_mode
    spread = np.where(known, first.std(axis=0, ddof=1), np.nan)
    share = float(np.corrcoef(truncation[known], (truncation - first[0])[known])[0, 1] ** 2)
    page.figure(
        "Fig. 3",
        "fig03_first_mode",
        "As described in the paper: (b) is the background minus the first-mode reconstruction of the background with "
        f"a white perturbation of {run.background_std:g} m3 m-3.{_other_errors(run)} {100.0 * share:.1f} % of its "
        "variance is due to the truncation to one mode, which is unrelated to errors of the background.",
    )
    m.draw(
        {"Standard deviation": spread},
        page.figure_file("fig03_spread"),
        MapStyle(
            f"Spread of {run.members} perturbations, first mode",
            time,
            columns=1,
            quantity="Standard deviation",
            top=0.036,
        ),
        panels=["Standard deviation"],
    )
    page.figure(
        "Fig. 3",
        "fig03_spread",
        f"The spread of {run.members} such perturbations over the cells with soil is "
        f"{math.sqrt(float(whole[known].mean())):.3f} m3 m-3 in all modes together and "
        f"{float(spread[known].mean()):.4f} in the first mode, as shown.{_rim_words(spread, known)} White noise "
        "does not have the structure of the background.",
    )


def _other_errors(run: EnkfLikeRun) -> str:
    """The run's background errors, if they differ from those of the figure."""
    stds = white_stds(run)
    if run.background_errors is None:
        return ""
    if stds is not None:
        return f" The run's own errors are white, with {stds[0]:g} m3 m-3."
    kind = run.background_errors.model_dump()["kind"]
    return f" The run's own errors are of another kind (`background_errors`: {kind})."


def _rim_words(spread: FloatArray, known: BoolArray) -> str:
    """Comparison of the spread at the margin and in the interior of the perturbed cells; empty without a margin."""
    inner = known.copy()
    inner[1:] &= known[:-1]
    inner[:-1] &= known[1:]
    inner &= np.roll(known, 1, axis=1) & np.roll(known, -1, axis=1)
    rim = known & ~inner
    if not rim.any() or not inner.any():
        return ""
    return (
        f" The latter is {float(spread[rim].mean()):.4f} in cells next to unperturbed ones (e.g. the ocean) and "
        f"{float(spread[inner].mean()):.4f} in the others."
    )


def _scales(frame: Frame, image: FloatArray) -> FloatArray:
    """Return the part of the image in each scale, (n_scales, n_lat, n_lon)."""
    coefficients = frame.forward(image)
    parts = []
    for scale in range(frame.n_scales):
        gain = np.zeros(frame.n_var)
        for block in frame.blocks:
            if block.scale == scale:
                gain[block.var_offset : block.var_offset + block.var_size] = 1.0
        parts.append(frame.inverse(frame.scale_by(coefficients, gain)))
    return np.stack(parts)
