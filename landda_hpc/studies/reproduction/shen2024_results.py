"""[S24]'s Figs 8 to 11 and 13 to 16: the minimisation, the analyses, and their scores over time."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from landda_hpc.evaluation.rain import DAY
from landda_hpc.regridding.depth import depth_weights
from landda_hpc.studies.reproduction.between_analyses import interval_words, recorded_place
from landda_hpc.studies.reproduction.campaign_data import CampaignData
from landda_hpc.studies.reproduction.common import time_words
from landda_hpc.studies.reproduction.experiment import SHEN2024
from landda_hpc.studies.reproduction.independent import Independent
from landda_hpc.studies.reproduction.page import Page, stamp
from landda_hpc.studies.reproduction.shen2024_transform import image_run
from landda_hpc.verification.figures.maps import MapStyle
from landda_hpc.verification.figures.minimisation import (
    KnownMinimisation,
    draw_minimisation,
    read_minimisations,
)
from landda_hpc.verification.figures.paper_series import Line, draw_lines, draw_place, read_profiles
from landda_hpc.verification.tables.score_table import described

_PUBLISHED = KnownMinimisation("[S24]", ((0, 1121.0), (2, 863.1)), 22)
"""The cost function on 16 May 2016, 00 UTC, and the iterations to a gradient below 1e-9."""


def write_minimisation(page: Page, m: CampaignData) -> None:
    """Fig. 8: the cost function over its iterations."""
    wanted = SHEN2024.moments["after 15 days"]
    cycles = m.folder.records_file("cycles")
    when, records = read_minimisations(cycles, wanted.of(m.config.time))
    if when is None or m.compared.assimilation not in records:
        page.lacks(
            "Fig. 8",
            "the cost function over its iterations",
            f"the campaign recorded no minimisation of {m.compared.assimilation} then",
        )
        return
    record = records[m.compared.assimilation]
    run = image_run(m)
    draw_minimisation(
        {m.compared.assimilation: record},
        page.figure_file("fig08_cost"),
        known=_PUBLISHED,
        tolerance=None if run.tolerance_is_relative else run.tolerance,
        title=f"Minimisation of the cost function, {when:%Y-%m-%d %H:%M} UTC",
    )
    n = len(record.cost) - 1
    printed = f"{_PUBLISHED.costs[0][1]:g} at the start, {_PUBLISHED.costs[1][1]:g} by the second iteration, "
    start = f", {record.cost[2]:.4g} by the second iteration" if n >= 2 else ""
    bound = (
        f", which is at most 1 + B/s² = {1.0 + (run.background_std / run.image_std) ** 2:.1f} with one B, for any "
        "number of cells"
        if run.background_archive is None
        else ""
    )
    page.figure(
        "Fig. 8",
        "fig08_cost",
        f"{stamp(when)}. Published: {printed}{_PUBLISHED.iterations} iterations to a gradient below 1e-9. Here: "
        f"{record.cost[0]:.4g} at the start{start}, {n} iteration{'' if n == 1 else 's'} to "
        f"{record.gradient_norm[-1]:.1e}. The size of J depends on B, on the error of the image's coefficients "
        f"({run.image_std:g} m3 m-3 here; 1 in the paper as printed, with which there is hardly any update) and on "
        "the number of cells and coefficients. The number of iterations depends only on the condition number of J's "
        f"second derivative{bound}.",
    )


def write_maps(page: Page, m: CampaignData, independent: Independent) -> None:
    """Figs 9, 10 and 11: maps of reference, analysis and control."""
    run = m.compared.assimilation
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
            mine, control = m.layer_image(layer, run, time), m.layer_image(layer, m.compared.control, time)
            reference = mine["truth"] if "truth" in mine else independent.product_image(layer, time)
            images = {} if reference is None else {m.reference_image: reference}
            images |= {"analysis": mine["forecast"]} if mine else {}
            images |= {"control": control["forecast"]} if control else {}
        if time is None or not {m.reference_image, "analysis", third} <= set(images):
            of = layer or "a layer below the observed one, and scored none (`verification.depths_m`)"
            page.lacks(number, "reference, analysis, control", f"the campaign stored no such images of {of}")
            continue
        name = f"fig{int(number.split()[1]):02d}_{(layer or '').replace(' ', '')}"
        panels = [m.reference_image, "analysis", third]
        panels += [f"{x} minus {m.reference_image}" for x in ("analysis", third)]
        title = f"Soil moisture {layer}, {run}"
        m.draw(images, page.figure_file(name), MapStyle(title, time, columns=3), panels=panels)
        stands = "truth (the paper shows ERA5-Land)" if m.is_twin else "product"
        words = f"{layer}: {stands}, analysis, {third}, and their differences. {time_words(time, wanted)}"
        if number == "Fig. 9":
            words += (
                " The paper's panel (c) is 'background' in its caption and the control experiment in its text; after "
                "its 15 days of analyses these are not the same. Here the control is shown."
            )
        words += " The scores in the panels include frozen cells, which analyses do not change."
        page.figure(number, name, words)


def write_cldas(page: Page, m: CampaignData, independent: Independent) -> None:
    """Fig. 14: the spatial correlation with CLDAS, if the campaign is verified against it."""
    pictures = independent.pictures("patterns", lambda one: one.reference == "CLDAS")
    for one in pictures:
        page.show("Fig. 14", one.path, f"{one.caption} The paper prints means of 0.67 and 0.71 (0-5 cm).")
    if not pictures:
        why = independent.why_no_reference("CLDAS") or (
            "it needs CLDAS, a product of the real weather, which the configuration does not name (an entry of "
            "product cldas in `catalogue`, and in `verification.references` with `name: CLDAS`; "
            "`experiments/shen2024_real.yaml` has them)"
            + (". In a twin the truth is the independent reference: see Fig. 13" if m.is_twin else "")
        )
        page.lacks("Fig. 14", "SCC against CLDAS", why)


def write_series(
    page: Page,
    m: CampaignData,
    number: str,
    kind: Literal["scc", "rmse"],
    name: str,
    independent: Independent,
    *,
    with_rain: bool = True,
) -> None:
    """Fig. 13 (with the domain's rain) or Fig. 16: a score over time, once per reference."""
    bars = independent.rain_of_domain() if with_rain else []
    rain = independent.hourly_rain if with_rain else None
    label = "" if rain is None else f"{rain.label}, mean"
    colours = [("#D62728", "#1F77B4"), ("#000000", "#8C8C8C")]
    if not m.references:
        page.lacks(number, f"{kind.upper()} over time", "the campaign has no scores")
    for i, reference in enumerate(m.references):
        present = {r.layer for r in m.records if r.reference == reference}
        lines = []
        for layer, (analysed, free) in zip(m.domain.depth_names, colours, strict=False):
            if layer not in present:
                continue
            for run, colour, assimilates in (
                (m.compared.assimilation, analysed, True),
                (m.compared.control, free, False),
            ):
                printed = m.published_means(layer, (kind,), assimilates=assimilates)
                lines.append(Line(run, layer, f"{run}, {layer}", colour, "-", printed))
        file = f"{name}_{i + 1}"
        title = f"{kind.upper()} against {described(reference)}"
        draw_lines(
            independent.scores,
            page.figure_file(file),
            lines,
            reference=reference,
            scores=(kind,),
            title=title,
            since=m.since,
            rain=(label, bars),
            rain_step=DAY if rain is None else rain.step,
        )
        interval = interval_words(independent.scores, reference)
        words = f"{kind.upper()} against {described(reference)}, {interval} (the paper: 1 h)."
        names = ("red and blue", "black and grey")
        drawn = [layer for layer in m.domain.depth_names if any(line.layer == layer for line in lines)]
        looks = [f"{names[m.domain.depth_names.index(layer)]} for {layer}" for layer in drawn]
        words += f" Assimilation and control: {'; '.join(looks)}."
        if any(line.published for line in lines):
            words += " Dotted: the paper's means."
        if bars:
            assert rain is not None, "it has bars"
            words += f" Bars: {rain.words} {label} over the domain (the paper: hourly totals)."
        elif with_rain:
            words += f" {independent.no_rain_words()}".rstrip()
        page.figure(number, file, words)


def write_place(page: Page, m: CampaignData, independent: Independent) -> None:
    """Fig. 15: soil moisture at one place."""
    profiles = read_profiles(m.folder.records_file("profiles"))
    number = len(SHEN2024.places) - 1
    place = SHEN2024.places[number]
    recorded = m.config.output.profiles
    runs = {"control": m.compared.control, "assimilation": m.compared.assimilation, "truth": "nature"}
    chosen = {label: profiles[number, run] for label, run in runs.items() if (number, run) in profiles}
    if len(recorded) <= number or recorded[number] != (place.lat, place.lon) or len(chosen) < 2:
        why = "the campaign recorded no profile there (`output.profiles`)"
        page.lacks("Fig. 15", "series in the Tianshan", why)
        return
    series = independent.series
    is_within = series is not None and series.step < m.config.time.cycle
    if series is not None and is_within:
        chosen = {label: recorded_place(m, series, place, runs[label]) for label in chosen}
    weights = series.weights if series is not None and is_within else lambda depth: depth_weights(*depth)
    layers = {name: weights(d) for name, d in zip(m.domain.depth_names, m.config.verification.depths_m, strict=True)}
    draw_place(
        chosen,
        page.figure_file("fig15_tianshan"),
        layers,
        colours={"control": "#1F77B4", "assimilation": "#D62728", "truth": "#000000"},
        window_end=m.config.time.assimilation_end,
        title=f"Soil moisture in the Tianshan, {chosen['control'].lat:.1f}°N {chosen['control'].lon:.1f}°E",
    )
    when = f"every {series.step / timedelta(hours=1):g} h" if series and is_within else "at the end of every cycle"
    black = ", black: truth of the twin (the paper shows ERA5-Land)" if "truth" in chosen else ""
    page.figure(
        "Fig. 15",
        "fig15_tianshan",
        f"Soil moisture at one place in the Tianshan {when}, after the analysis if there was one. "
        f"Blue: {m.compared.control}, red: {m.compared.assimilation}{black}. The paper marks the place on a map and "
        "prints no coordinates.",
    )
