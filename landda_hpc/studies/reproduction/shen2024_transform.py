"""[S24]'s Figs 1 to 5: reconstruction of an image above thresholds, and the errors of the simulation."""

from __future__ import annotations

import logging
import math

import numpy as np

from landda_hpc.analysis.background_archive import archive_of
from landda_hpc.constants import SOIL_Z
from landda_hpc.errors import ConfigError, DataError
from landda_hpc.formats.products.image_series import open_image_series
from landda_hpc.io.markdown import table_lines
from landda_hpc.methods.base.curvelet_frame import make_frame
from landda_hpc.methods.var3d import Var3dImageRun
from landda_hpc.storage.image_files import list_images
from landda_hpc.studies.error_archive import campaign_differences
from landda_hpc.studies.reproduction.campaign_data import CampaignData
from landda_hpc.studies.reproduction.experiment import SHEN2024
from landda_hpc.studies.reproduction.page import Page, stamp
from landda_hpc.studies.reproduction.sentences import twin_observation_words
from landda_hpc.studies.threshold_statistics import reconstruct
from landda_hpc.studies.threshold_study import ThresholdReport, ThresholdSettings, distance_warnings, study_thresholds
from landda_hpc.verification.figures.maps import MapStyle
from landda_hpc.verification.statistics.sample_size import variance_warnings

logger = logging.getLogger(__name__)


def image_run(m: CampaignData) -> Var3dImageRun:
    """Settings of the campaign's run that corresponds to the paper's assimilation."""
    return m.run_of(Var3dImageRun)


def write_thresholded(page: Page, m: CampaignData) -> None:
    """Fig. 1: an image and its reconstructions from the largest coefficients."""
    wanted = SHEN2024.moments["first analysis"].paper
    time = m.nearest(m.compared.assimilation, wanted)
    image = None if time is None else m.images(m.compared.assimilation, time).get("background")
    if time is None or image is None:
        page.lacks(
            "Fig. 1", "an image and its largest coefficients", "the campaign stored no background within the window"
        )
        return
    frame = make_frame(image_run(m).frame, m.domain.grid)
    parts = [np.where(np.isfinite(image), part, np.nan) for part in reconstruct(frame, image, (0.1, 0.5))]
    images = {"raw": image, "0.1": parts[0], "0.5": parts[1]}
    labels = {"raw": "Raw image", "0.1": "Threshold 0.1", "0.5": "Threshold 0.5"}
    title = f"Background {m.layer} and its largest curvelet coefficients"
    m.draw(images, page.figure_file("fig01_threshold"), MapStyle(title, time, labels, columns=3), panels=list(images))
    words = f"Simulated soil moisture, and images of the largest 10 % and 50 % of its coefficients. {stamp(time)}; the "
    page.figure("Fig. 1", "fig01_threshold", words + "paper shows 1 May 2016.")


def write_background_errors(page: Page, m: CampaignData) -> None:
    """Fig. 2: variance over time of control minus observation, layer by layer."""
    since = m.config.scored_since
    stored = [time for time in m.stored(m.compared.control) if time >= since]
    if "innovation_layers" not in m.config.output.fields or len(stored) < 3:
        why = (
            "it needs images of the control's `innovation_layers` at three times or more (`output.fields`); the "
            f"campaign stored {', '.join(m.config.output.fields) or 'no fields'} at {len(stored)} times since "
            f"{stamp(since)}"
        )
        page.lacks("Fig. 2", "variance of simulation errors", why)
        return
    with campaign_differences(m.folder.path, m.compared.control, since, with_layers=True) as differences:
        count = len(differences)
        nothing = np.zeros(differences[0].shape)
        variance = archive_of((difference, nothing) for difference in differences).variance
    if count < 3:
        page.lacks("Fig. 2", "variance of simulation errors", f"only {count} images have observations")
        return
    images = {
        f"Layer {k} ({100 * SOIL_Z[k - 1]:.1f} cm)": np.sqrt(of_layer) for k, of_layer in enumerate(variance, start=1)
    }
    spread = max(float(np.nanquantile(image, 0.98)) for image in images.values())
    m.draw(
        images,
        page.figure_file("fig02_background_errors"),
        MapStyle(
            f"Control minus observation, {count} times since {stamp(since)}",
            labels={name: name for name in images},
            columns=3,
            quantity="Standard deviation",
            top=max(0.012, 0.012 * math.ceil(spread / 0.012)),
        ),
        panels=list(images),
    )
    warnings = variance_warnings(count, "The variance of a cell")
    for warning in warnings:
        logger.warning("Fig. 2: %s", warning)
    means = ", ".join(f"{float(np.nanmean(image)):.3f}" for image in images.values())
    run, observations = image_run(m), m.twin_observations
    noise = (
        f" The differences contain the observation errors, as in the paper; here these are {observations.error_std:g} "
        "m3 m-3."
        if observations is not None
        else ""
    )
    own = (
        f"the analysis uses the archive `{run.background_archive}` instead"
        if run.background_archive is not None
        else f"the analysis does not use it, but B = {run.background_std:g} m3 m-3 squared; `landda study archive "
        "--layers` makes an archive as in the paper"
    )
    page.figure(
        "Fig. 2",
        "fig02_background_errors",
        "Standard deviation over time of control minus observation, about its mean, of CoLM's three uppermost layers "
        f"(the paper shows its square); means {means} m3 m-3; grey: fewer than two observed times.{noise} The paper's "
        "archive is from 2014-2015 according to the text and from May to September 2016, the test period itself, "
        f"according to the caption. This figure shows the campaign's own period: {own}."
        + "".join(f" Warning: {warning}" for warning in warnings),
    )


def write_thresholds(page: Page, m: CampaignData) -> None:
    """Figs 3 to 5: the threshold study of the truth and of the observations, with its numbers next to the paper's."""
    paths = list_images(m.folder.images, m.compared.control)
    wanted = [time for time in SHEN2024.times_of_series(m.config.time) if time in paths]
    if len(wanted) < 3:
        for number in ("Fig. 3", "Fig. 4", "Fig. 5"):
            why = f"the campaign stored {len(wanted)} images in the period; three are needed (`output.times`)"
            page.lacks(number, "threshold study", why)
        return
    frame = image_run(m).frame
    reports: dict[str, ThresholdReport] = {}
    for name in ("truth", "observation") if m.is_twin else ("observation",):
        folder = page.folder / "figures" / f"threshold_{name}"
        try:
            with open_image_series([paths[time] for time in wanted], name) as series:
                reports[name] = study_thresholds(series, folder, ThresholdSettings(frame=frame), is_known=True)
        except (DataError, ConfigError) as error:
            page.gaps.add(f"threshold study of the {name}", str(error), is_fault=isinstance(error, DataError))
    if not reports:
        for number in ("Fig. 3", "Fig. 4", "Fig. 5"):
            page.lacks(number, "threshold study", "it was not possible; see the end of the page for the reason")
        return
    found = {name: next(e for e in r.study.errors if e.fraction == 0.5) for name, r in reports.items()}
    rows = [
        ("SCC with the original", "> 0.99", [f"{e.scc:.4f}" for e in found.values()]),
        ("errors within 0.02 m3 m-3", "'basically'", [f"{100 * e.share_small:.1f} %" for e in found.values()]),
        ("skewness of the errors", "0.00", [_number(e.skewness) for e in found.values()]),
        ("excess kurtosis", "0.38", [_number(e.kurtosis) for e in found.values()]),
    ]
    for r, printed in ((0.5, "200"), (0.4, "300")):
        reach = [report.distances.reach_km(r) if report.distances else np.nan for report in reports.values()]
        texts = ["never" if np.isnan(km) else f"{km:.0f}" for km in reach]
        rows.append((f"distance to which the original's correlation exceeds {r:g}, km", printed, texts))
    cells = [[what, printed, *ours] for what, printed, ours in rows]
    page.text("\n".join(table_lines(("sigma 0.5", "published", *reports), cells)))
    period = f"{len(wanted)} images, {stamp(wanted[0])} to {stamp(wanted[-1])}"
    for name, report in reports.items():
        of = f"From the {name}, {period}."
        stem = f"threshold_{name}"
        page.figure(
            "Fig. 3", f"{stem}/reconstructions", f"Mean original, reconstructions with 0.1 and 0.5, errors. {of}"
        )
        if report.distances is not None:
            words = "Correlation against distance, by band (a) and cumulative (b). The paper's series is hourly"
            page.figure("Fig. 4", f"{stem}/distance_correlation", f"{words}, 1-30 May. {of}")
        page.figure("Fig. 5", f"{stem}/error_densities", f"Density of the reconstruction errors. {of}")
    both = (
        " The truth has no observation errors, and the observations are "
        f"{twin_observation_words(m.twin_observations)}. The paper's interpretation that a threshold of 0.5 removes "
        "noise can therefore be tested by comparing the two columns."
        if m.twin_observations is not None and len(reports) == 2
        else ""
    )
    page.text(f"The paper's Figs 3 and 5 show 100 images, 1-25 May; here they show the same images as Fig. 4.{both}")
    page.text(*(f"Warning: {warning}" for warning in distance_warnings(len(wanted))))


def _number(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.2f}"
