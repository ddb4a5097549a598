"""The page of Shen et al. (2024): 3D-Var with image structure, regional."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import numpy as np

from landda_hpc.analysis.background_archive import archive_of
from landda_hpc.campaign.archive import campaign_differences
from landda_hpc.campaign.assembly import make_frame
from landda_hpc.campaign.reproduction.china import write_china
from landda_hpc.campaign.reproduction.common import frozen_words, time_words, write_head, write_sections, write_table
from landda_hpc.campaign.reproduction.experiment import SHEN2024
from landda_hpc.campaign.reproduction.independent import Independent, write_independent_table
from landda_hpc.campaign.reproduction.material import Material
from landda_hpc.campaign.reproduction.page import Page, stamp
from landda_hpc.campaign.threshold_study import ThresholdReport, ThresholdSettings, study_thresholds
from landda_hpc.config import TwinObservations, Var3dImageRun
from landda_hpc.constants import SOIL_Z
from landda_hpc.errors import ConfigError, DataError
from landda_hpc.fields.depth import depth_weights
from landda_hpc.formats.image_series import open_image_series
from landda_hpc.storage.images import list_images
from landda_hpc.verification.minimisation import (
    PUBLISHED_COSTS,
    PUBLISHED_ITERATIONS,
    draw_minimisation,
    read_minimisations,
)
from landda_hpc.verification.paper_series import Line, draw_lines, draw_place, read_profiles
from landda_hpc.verification.published import SHEN2024_FIGURES, SHEN2024_INDEPENDENT, ScoreOf
from landda_hpc.verification.threshold import reconstruct


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
    _thresholded(page, m)
    _background_errors(page, m)
    _thresholds(page, m)
    write_china(page, china or {})
    _minimisation(page, m)
    _maps(page, m)
    paper = (
        "Differences, assimilation minus control, at two places of the plateau and two of the plain ([S24] Fig. 12: "
    )
    paper += "10 cm within a day, 50 cm in about 15 days, corn to 2 m, needleleaf to 1 m)."
    write_sections(page, m, "Fig. 12", "fig12_profiles", SHEN2024.places[:4], paper, independent.rain_at)
    _series(page, m, "Fig. 13", "scc", "fig13_scc", independent)
    _cldas(page, independent)
    _place(page, m)
    _series(page, m, "Fig. 16", "rmse", "fig16_rmse", None)
    page.section("Why these figures are not the paper's")
    page.text(*_explanations(m))
    return page.write()


def _run(m: Material) -> Var3dImageRun:
    found = next(run for run in m.config.runs if run.name == m.roles.assimilation)
    assert isinstance(found, Var3dImageRun), "the roles say so"
    return found


def _thresholded(page: Page, m: Material) -> None:
    """Fig. 1."""
    wanted = SHEN2024.moments["first analysis"].paper
    time = m.nearest(m.roles.assimilation, wanted)
    image = None if time is None else m.images(m.roles.assimilation, time).get("background")
    if time is None or image is None:
        page.lacks("Fig. 1", "an image and its largest coefficients", "The campaign stored no background.")
        return
    frame = make_frame(_run(m).frame, m.domain.grid)
    parts = [np.where(np.isfinite(image), part, np.nan) for part in reconstruct(frame, image, (0.1, 0.5))]
    images = {"raw": image, "0.1": parts[0], "0.5": parts[1]}
    labels = {"raw": "Raw image", "0.1": "Threshold 0.1", "0.5": "Threshold 0.5"}
    title = f"Background {m.layer} and its largest curvelet coefficients"
    m.draw(
        images, time, page.figure_file("fig01_threshold"), panels=list(images), title=title, labels=labels, columns=3
    )
    words = f"Simulated soil moisture, and what the largest 10 % and 50 % of its coefficients keep. {stamp(time)}; the "
    page.figure("Fig. 1", "fig01_threshold", words + "paper's is of 1 May 2016.")


def _background_errors(page: Page, m: Material) -> None:
    """Fig. 2."""
    since = m.config.scored_since
    try:
        with campaign_differences(m.folder.path, m.roles.control, since, with_layers=True) as differences:
            count = len(differences)
            nothing = np.zeros(differences[0].shape)
            variance = archive_of((difference, nothing) for difference in differences).variance
    except DataError:
        count, variance = 0, np.empty(0)
    if count < 3:
        why = "It takes images of the control's `innovation_layers` at several times (`output.fields`)."
        page.lacks("Fig. 2", "variance of simulation errors", why)
        return
    images = {
        f"Layer {k} ({100 * SOIL_Z[k - 1]:.1f} cm)": np.sqrt(of_layer) for k, of_layer in enumerate(variance, start=1)
    }
    noise = m.config.observations.error_std if isinstance(m.config.observations, TwinObservations) else 0.0
    spread = max(float(np.nanquantile(image, 0.98)) for image in images.values())
    m.draw(
        images,
        None,
        page.figure_file("fig02_background_errors"),
        panels=list(images),
        title=f"Control minus observation, {count} times since {stamp(since)}",
        labels={name: name for name in images},
        columns=3,
        quantity="Standard deviation",
        top=max(0.012, 0.012 * math.ceil(spread / 0.012)),
    )
    means = ", ".join(f"{float(np.nanmean(image)):.3f}" for image in images.values())
    words = (
        "Standard deviation over time of control minus observation, about its mean, of CoLM's three uppermost layers "
        f"(the paper shows its square); means {means} m3 m-3; grey: hardly ever observed, mostly frozen in the model. "
    )
    if noise:
        words += f"The errors of the observations are in it, as in the paper's: {noise:g} here. "
    page.figure(
        "Fig. 2",
        "fig02_background_errors",
        words + "The paper takes its archive from 2014-2015 in the text and from May to September 2016, the test "
        "period itself, in the caption; this figure is of the test period and no input of the analysis, whose B is "
        f"{_run(m).background_std:g} m3 m-3 squared"
        + (", or an archive's." if _run(m).background_archive else ". `landda archive --layers` makes the paper's B."),
    )


def _thresholds(page: Page, m: Material) -> None:
    """Figs 3 to 5."""
    paths = list_images(m.folder.images, m.roles.control)
    wanted = [time for time in SHEN2024.times_of_series(m.config) if time in paths]
    if len(wanted) < 3:
        for number in ("Fig. 3", "Fig. 4", "Fig. 5"):
            why = f"The campaign stored {len(wanted)} images in the period; three are needed (`output.times`)."
            page.lacks(number, "threshold study", why)
        return
    frame = _run(m).frame
    reports: dict[str, ThresholdReport] = {}
    for name in ("truth", "observation") if m.is_twin else ("observation",):
        folder = page.folder / "figures" / f"threshold_{name}"
        try:
            with open_image_series([paths[time] for time in wanted], name) as series:
                reports[name] = study_thresholds(series, folder, ThresholdSettings(frame=frame))
        except (DataError, ConfigError) as error:
            page.text(f"The threshold study of the {name} was not possible: {error}")
    if not reports:
        for number in ("Fig. 3", "Fig. 4", "Fig. 5"):
            page.lacks(number, "threshold study", "See above.")
        return
    lines = ["| sigma 0.5 | published | " + " | ".join(reports) + " |", "|---|---:|" + "---:|" * len(reports)]
    found = {name: next(e for e in r.study.errors if e.fraction == 0.5) for name, r in reports.items()}
    rows = [
        ("SCC with the original", "> 0.99", [f"{e.scc:.4f}" for e in found.values()]),
        ("errors within 0.02 m3 m-3", "'basically'", [f"{100 * e.share_small:.1f} %" for e in found.values()]),
        ("skewness of the errors", "0.00", [f"{e.skewness:.2f}" for e in found.values()]),
        ("excess kurtosis", "0.38", [f"{e.kurtosis:.2f}" for e in found.values()]),
    ]
    for r, printed in ((0.5, "200"), (0.4, "300")):
        reach = [report.distances.reach_km(r) if report.distances else np.nan for report in reports.values()]
        texts = ["never" if np.isnan(km) else f"{km:.0f}" for km in reach]
        rows.append((f"original's correlation above {r:g} to, km", printed, texts))
    lines += [f"| {what} | {printed} | {' | '.join(ours)} |" for what, printed, ours in rows]
    page.text("\n".join(lines))
    period = f"{len(wanted)} images, {stamp(wanted[0])} to {stamp(wanted[-1])}"
    for name, report in reports.items():
        of = f"Of the {name}, {period}."
        stem = f"threshold_{name}"
        page.figure(
            "Fig. 3", f"{stem}/reconstructions", f"Mean original, reconstructions with 0.1 and 0.5, errors. {of}"
        )
        if report.distances is not None:
            words = (
                "Correlation against distance for bands (a) and cumulative thresholds (b). The paper's series is hourly"
            )
            page.figure("Fig. 4", f"{stem}/distance_correlation", f"{words}, 1-30 May. {of}")
        page.figure("Fig. 5", f"{stem}/error_densities", f"Density of the errors of reconstruction. {of}")
    page.text(
        "The paper's Figs 3 and 5 are of 100 images, 1-25 May; these are of the same images as Fig. 4. The truth is a "
        "smooth field of large patches and has no errors, the observations are the truth with white noise: the "
        "paper's reading, that what a threshold of 0.5 removes is noise, can be tested here by comparing the two "
        "columns."
    )


def _minimisation(page: Page, m: Material) -> None:
    """Fig. 8."""
    wanted = SHEN2024.moments["after 15 days"]
    cycles = m.folder.records_file("cycles")
    when, records = read_minimisations(cycles, wanted.of(m.config))
    if when is None or m.roles.assimilation not in records:
        page.lacks("Fig. 8", "the cost function over its iterations", "The campaign recorded no minimisation then.")
        return
    record = records[m.roles.assimilation]
    run = _run(m)
    draw_minimisation(
        {m.roles.assimilation: record},
        page.figure_file("fig08_cost"),
        with_published=True,
        tolerance=None if run.tolerance_is_relative else run.tolerance,
        title=f"Minimisation of the cost function, {when:%Y-%m-%d %H:%M} UTC",
    )
    n = len(record.cost) - 1
    printed = f"{PUBLISHED_COSTS[0][1]:g} at the start, {PUBLISHED_COSTS[1][1]:g} by the second iteration, "
    start = record.cost[min(2, n)]
    page.figure(
        "Fig. 8",
        "fig08_cost",
        f"{stamp(when)}. Published: {printed}{PUBLISHED_ITERATIONS} iterations to a gradient below 1e-9. Here: "
        f"{record.cost[0]:.4g}, {start:.4g} and {n} iterations to {record.gradient_norm[-1]:.1e}. The amount of J "
        "follows from B, from the error of the image's coefficients (which the paper leaves at 1, and which then "
        f"gives next to no update; {run.image_std:g} m3 m-3 here) and from how many cells and coefficients are "
        "counted. The number of iterations follows from the condition number of J's second derivative alone, at most "
        f"1 + B/s² = {1.0 + (run.background_std / run.image_std) ** 2:.1f} with one B, whatever the number of cells.",
    )


def _maps(page: Page, m: Material) -> None:
    """Figs 9, 10 and 11."""
    run = m.roles.assimilation
    lower = next((name for name in m.domain.depth_names if name != m.layer), None)
    for number, moment, layer in (
        ("Fig. 9", "after 15 days", m.layer),
        ("Fig. 10", "end of the window", m.layer),
        ("Fig. 11", "end of the window", lower),
    ):
        wanted = SHEN2024.moments[moment].paper
        time = m.nearest(run, wanted)
        images = {} if time is None else m.images(run, time)
        third = "control"
        if layer != m.layer and time is not None and layer is not None:
            mine, control = m.layer_image(layer, run, time), m.layer_image(layer, m.roles.control, time)
            images = {"truth": mine["truth"]} if "truth" in mine else {}
            images |= {"analysis": mine["forecast"]} if mine else {}
            images |= {"control": control["forecast"]} if control else {}
        if time is None or not {m.reference_image, "analysis", third} <= set(images):
            page.lacks(number, "reference, analysis, control", f"The campaign stored no such images of {layer}.")
            continue
        name = f"fig{int(number.split()[1]):02d}_{(layer or '').replace(' ', '')}"
        panels = [m.reference_image, "analysis", third]
        panels += [f"{x} minus {m.reference_image}" for x in ("analysis", third)]
        title = f"Soil moisture {layer}, {run.replace('_', '-')}"
        m.draw(images, time, page.figure_file(name), panels=panels, title=title, columns=3)
        stands = "truth, where the paper shows ERA5-Land" if m.is_twin else "product"
        words = f"{layer}: {stands}, analysis, {third}; differences are ours. {time_words(time, wanted)}"
        if number == "Fig. 9":
            words += (
                " The paper's panel (c) is 'background' in its caption and the control experiment in its text; after "
            )
            words += "15 days of analyses these are not the same, and the control is shown."
        words += " The scores in the panels count frozen cells too, which no analysis touches."
        page.figure(number, name, words)


def _cldas(page: Page, independent: Independent) -> None:
    """Fig. 14."""
    pictures = independent.pictures("patterns", lambda one: one.reference == "CLDAS")
    for one in pictures:
        page.show("Fig. 14", one.path, f"{one.caption} The paper prints means of 0.67 and 0.71 (0-5 cm).")
    if not pictures:
        why = independent.why_not or (
            "It compares with CLDAS, a real product of real weather, which the configuration does not name (an entry "
            "of product cldas in `catalogue`, and under `verification.references` with `name: CLDAS`; the "
            "experiment's file has the lines). In a twin the truth is the independent reference: see Fig. 13."
        )
        page.lacks("Fig. 14", "SCC against CLDAS", why)


def _series(
    page: Page,
    m: Material,
    number: str,
    kind: Literal["scc", "rmse"],
    name: str,
    independent: Independent | None,
) -> None:
    """Fig. 13 (with the domain's rain) or 16, once per reference."""
    bars = [] if independent is None else independent.rain_of_domain()
    label = f"{independent.rain.label}, mean" if independent is not None and independent.rain is not None else ""
    colours = [("#D62728", "#1F77B4"), ("#000000", "#8C8C8C")]
    for i, reference in enumerate(m.references):
        present = {r.layer for r in m.records if r.reference == reference}
        lines = []
        for layer, (analysed, free) in zip(m.domain.depth_names, colours, strict=False):
            if layer not in present:
                continue
            for run, colour, assimilates in (
                (m.roles.assimilation, analysed, True),
                (m.roles.control, free, False),
            ):
                printed = _published_mean(layer, kind, assimilates=assimilates)
                lines.append(Line(run, layer, f"{run.replace('_', '-')}, {layer}", colour, "-", printed))
        since = m.config.scored_since if m.config.verification.discard_days else None
        file = f"{name}_{i + 1}"
        title = f"{kind.upper()} against the {reference}"
        draw_lines(
            m.records,
            page.figure_file(file),
            lines,
            reference=reference,
            scores=(kind,),
            title=title,
            since=since,
            rain=bars,
            rain_label=label,
        )
        words = (
            f"{kind.upper()} against the {reference}, every {m.config.time.cycle_hours} h (the paper: 1 h). Red and "
        )
        words += "blue: surface with assimilation and control; black and grey: the layer below; dotted: the paper's "
        words += "means."
        if bars:
            words += f" Bars: daily {label} over the domain (the paper: hourly totals)."
        elif independent is not None:
            words += " Precipitation was not recorded (`output.series`)."
        page.figure(number, file, words)


def _published_mean(layer: str, kind: Literal["scc", "rmse"], *, assimilates: bool) -> dict[str, float]:
    """What the paper prints for a mean over the assimilation window; empty where it prints none."""
    for figure in SHEN2024_FIGURES:
        if figure.ours == ScoreOf(layer, "assimilation", kind, assimilates):
            return {kind: figure.value}
    return {}


def _place(page: Page, m: Material) -> None:
    """Fig. 15."""
    profiles = read_profiles(m.folder.records_file("profiles"))
    number = len(SHEN2024.places) - 1
    place = SHEN2024.places[number]
    recorded = m.config.output.profiles
    runs = {"control": m.roles.control, "assimilation": m.roles.assimilation, "truth": "nature"}
    chosen = {label: profiles[number, run] for label, run in runs.items() if (number, run) in profiles}
    if len(recorded) <= number or recorded[number] != (place.lat, place.lon) or len(chosen) < 2:
        why = "The campaign recorded no profile there (`output.profiles`)."
        page.lacks("Fig. 15", "series in the Tianshan", why)
        return
    layers = {
        name: depth_weights(*d) for name, d in zip(m.domain.depth_names, m.config.verification.depths_m, strict=True)
    }
    draw_place(
        chosen,
        page.figure_file("fig15_tianshan"),
        layers,
        colours={"control": "#1F77B4", "assimilation": "#D62728", "truth": "#000000"},
        window_end=m.config.time.assimilation_end,
        title=f"Soil moisture in the Tianshan, {chosen['control'].lat:.1f}°N {chosen['control'].lon:.1f}°E",
    )
    words = (
        "Soil moisture at one place in the Tianshan, after each analysis. The paper marks it on a map and prints no "
    )
    page.figure("Fig. 15", "fig15_tianshan", words + "coordinates; its black line is ERA5-Land.")


def _layer_words(m: Material) -> str:
    if _run(m).layers == "upper_three":
        return "Fig. 8 is the sum of the three cost functions, which is the cost of all three together."
    return "This campaign analysed the mean over the observed depth instead (`layers: observed`)."


def _explanations(m: Material) -> list[str]:
    """Conflicts within the paper, and what the campaign does."""
    run = _run(m)
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
