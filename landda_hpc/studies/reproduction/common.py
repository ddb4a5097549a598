"""Common parts of the pages of both papers: description of the experiment, table, reasons for differences."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime

import numpy as np

from landda_hpc.config import OPERATIONAL_STD, AssimilatingRun, Forcing, Model, TimeConfig, TwinConfig, TwinObservations
from landda_hpc.constants import SOIL_Z
from landda_hpc.evaluation.rain import bars_of_cell
from landda_hpc.instances.domain import depth_name
from landda_hpc.model.column.static_fields import cell_fields
from landda_hpc.model.column.vegetation import vegetation_types
from landda_hpc.studies.reproduction import sentences
from landda_hpc.studies.reproduction.between_analyses import mean_changes, recorded_profiles
from landda_hpc.studies.reproduction.campaign_data import CampaignData
from landda_hpc.studies.reproduction.experiment import Place
from landda_hpc.studies.reproduction.independent import Bars, Independent
from landda_hpc.studies.reproduction.page import Page, stamp
from landda_hpc.verification.figures.paper_series import DAILY_FROM_DAYS, Profile, draw_sections, read_profiles
from landda_hpc.verification.tables.score_records import ASSIMILATED_REFERENCE
from landda_hpc.verification.tables.side_by_side import ComparedRuns, ScoreOf, measure, side_by_side


def write_head(page: Page, m: CampaignData, product: str, model: str, scores: Sequence[ScoreOf]) -> None:
    """Describe the experiment: period, runs, and replacements of the paper's model and product.

    Parameters
    ----------
    product, model : product and land model of the paper.
    scores : scores of the control against the truth, to be given on the page.
    """
    time, config = m.config.time, m.config
    if config.twin is not None and m.twin_observations is not None:
        text = twin_words(config.model, config.forcing, config.twin, m.twin_observations, product, model)
        page.text(f"{text} {_control_words(m, scores)}")
    else:
        is_papers = m.product_key == m.experiment.product_key
        page.text(real_words(config.model, config.forcing, m.product, product, model, is_papers=is_papers))
    runs = ", ".join(f"{run.name} ({run.method})" for run in config.runs)
    assimilation = (
        "observations are compared and not assimilated (`observations.monitor_only`)"
        if config.observations.monitor_only
        else f"analyses every {time.cycle_hours} h until {stamp(time.assimilation_end)}, {m.n_analyses} of "
        f"{time.n_analyses} made"
    )
    page.text(
        f"Campaign `{config.name}`, seed {config.seed}: {stamp(time.start)} to {stamp(time.end)}, {assimilation}; "
        f"{m.domain.grid.describe()}; runs {runs}. The paper's control is `{m.compared.control}`, its assimilation "
        f"`{m.compared.assimilation}`."
    )


def twin_words(
    land: Model, weather: Forcing, twin: TwinConfig, observations: TwinObservations, product: str, model: str
) -> str:
    """Differences between a twin and the paper's experiment; parameters as in ``real_words``."""
    is_generated = sentences.has_generated_weather(land, weather)
    differs = sentences.enumerated(sentences.nature_differences(twin, is_generated=is_generated))
    nature = f"a nature run of the same model with {differs}" if differs else "a second run of the same model"
    places = "weather and soil moisture" if is_generated else "soil and soil moisture"
    return (
        f"**A twin, not {product}.** The paper drives {model} with observed weather and assimilates {product}. Here "
        f"{sentences.model_words(land)} runs under {sentences.weather_words(land, weather)}, and {nature} stands for "
        f"{product}: the *truth* is that nature run, the *observations* are "
        f"{sentences.twin_observation_words(observations)}. The twin can show how the method works, but its {places} "
        f"are not those of the real year. The paper calls scores against {product} scores against observations; "
        f"{product} is also assimilated, so these scores measure a fit. Here there are separate scores against the "
        "truth and against the *assimilated reference* (the observations with their errors)."
    )


def real_words(land: Model, weather: Forcing, read: str, product: str, model: str, *, is_papers: bool) -> str:
    """Differences between a campaign with real observations and the paper's experiment.

    Parameters
    ----------
    land, weather : sections of the campaign.
    read : product that the campaign assimilates.
    product, model : product and land model of the paper.
    is_papers : whether the two products are the same.
    """
    differs = [] if is_papers else [f"the paper assimilates {product}"]
    differs += [f"the paper's land model is {model}"] if land.runs_here else []
    differs += ["the paper's weather is observed"] if sentences.has_generated_weather(land, weather) else []
    return (
        f"**Real observations.** {read} is read from files here; {sentences.model_words(land)} runs under "
        f"{sentences.weather_words(land, weather)}"
        + (
            f" ({sentences.enumerated(differs)}). The scores cannot be expected to equal the paper's."
            if differs
            else "."
        )
    )


def _control_words(m: CampaignData, scores: Sequence[ScoreOf]) -> str:
    """Scores of the control against the truth."""
    reference = m.references[0] if m.references else ""
    found = [(one, measure(m.records, one, m.compared, reference, m.since)) for one in scores]
    names = {"scc": "SCC", "rmse": "RMSE", "ubrmse": "ubRMSE"}
    known = [f"{names[one.score]} {value:.3f}" for one, value in found if value == value]
    if not known:
        return ""
    return (
        "The distance of the control from the truth depends on the configured errors of the nature run "
        f"(`twin`); its means over the window are {sentences.enumerated(known)} at {scores[0].layer}."
    )


def write_table(page: Page, m: CampaignData) -> None:
    """Published values next to the campaign's."""
    figures = [one for one in m.benchmarks if one.kind == "images"]
    page.section("Published values and those of the campaign")
    page.text(side_by_side(figures, m.records, m.compared, m.references, m.since, m.config.time.assimilation_end))
    page.text(_baseline_scores(m))
    left_out = f" Means exclude times before {stamp(m.since)}." if m.since is not None else ""
    last, days = m.last_time("forecast"), ""
    if last is not None and any(one.day is not None for one in figures):
        lead = sentences.lead_days(last, m.config.time.assimilation_end)
        days = f" The free forecast here ends {sentences.days_words(lead)} after the last analysis time."
    page.text(
        "SCC is dimensionless, RMSE and ubRMSE are in m3 m-3; values are means over the window unless stated "
        f"otherwise. A run's state is its analysis, if there is one.{left_out}{days} '-' means that the campaign has "
        f"no such score{_why_no_score(m)}."
    )


def _baseline_scores(m: CampaignData) -> str:
    """Scores of the run with static errors, next to those of the paper's assimilation; empty without one."""
    run = next((run.name for run in m.config.runs if run.static_background_std == OPERATIONAL_STD), None)
    if run is None:
        return ""
    names, parts = {"scc": "SCC", "ubrmse": "ubRMSE"}, []
    for reference in m.references:
        values = {}
        for compared in (ComparedRuns(m.compared.control, run), m.compared):
            wanted = [ScoreOf(m.layer, "assimilation", score, True) for score in ("scc", "ubrmse")]
            values[compared.assimilation] = [measure(m.records, one, compared, reference, m.since) for one in wanted]
        texts = [f"{name} {a:.3f} ({b:.3f})" for name, a, b in zip(names.values(), *values.values(), strict=True)]
        if not any(math.isnan(value) for of_run in values.values() for value in of_run):
            parts.append(f"{sentences.enumerated(texts)} against the {reference}")
    if not parts:
        return ""
    return (
        f"**Baseline.** `{run}` analyses each cell with the static background error of operational land analyses, "
        f"{OPERATIONAL_STD:g} m3 m-3 in every cell and analysed layer. At {m.layer}, in brackets those of "
        f"`{m.compared.assimilation}`: {'; '.join(parts)}."
    )


def _why_no_score(m: CampaignData) -> str:
    """Reason why layers lack scores against the observations."""
    others = [name for name in m.domain.depth_names if name != m.layer]
    if m.is_twin and others and ASSIMILATED_REFERENCE in m.references:
        return f" (only {m.layer} is observed; {sentences.enumerated(others)} can be scored only against the truth)"
    unscored = [name for name in others if not any(r.layer == name for r in m.records)]
    if not m.is_twin and unscored:
        return f" ({m.product} was read without {sentences.enumerated(unscored)})"
    return ""


def write_sections(
    page: Page,
    m: CampaignData,
    number: str,
    name: str,
    places: Sequence[Place],
    paper: str,
    independent: Independent,
) -> None:
    """Profiles over time and depth, if the campaign recorded them, with the rain of the places."""
    profiles = read_profiles(m.folder.records_file("profiles"))
    recorded = m.config.output.profiles
    are_papers = recorded[: len(places)] == tuple((p.lat, p.lon) for p in places)
    wanted = range(min(len(places), len(recorded)))
    known = [i for i in wanted if (i, m.compared.assimilation) in profiles and (i, m.compared.control) in profiles]
    chosen = [
        (
            places[i].name if are_papers else f"place {i + 1}",
            profiles[i, m.compared.assimilation],
            profiles[i, m.compared.control],
        )
        for i in known
    ]
    if not chosen:
        page.lacks(
            number,
            "profiles over time and depth",
            "the campaign recorded no profiles (`output.profiles`, which `landda study reproduce` sets when it runs "
            "the campaign itself)",
        )
        return
    where = (
        "The paper prints no coordinates, so the cells are those nearest to typical places of each kind. "
        f"{sentences.plant_words(m.config.model)}"
        if are_papers
        else "The places are those of the configuration (`output.profiles`), not the paper's kinds of vegetation."
    )
    rain = independent.rain_at([recorded[i] for i in known])
    _draw_sections(page, m, number, name, chosen, f"{paper} {{}} {where}", rain, independent)


def write_largest_changes(
    page: Page, m: CampaignData, number: str, name: str, paper: str, independent: Independent
) -> bool:
    """Profiles over time and depth where the change is largest among the cells of each kind of vegetation.

    Returns
    -------
    False, without a figure, if the campaign has no series, or the model no types of vegetation.
    """
    series, kinds = independent.series, m.experiment.kinds
    if series is None or not kinds or m.domain.case is not None:
        return False
    fields, land = cell_fields(m.domain.grid), m.domain.cells.cell
    types = np.array(vegetation_types(fields.climate_class[land], fields.tree_share[land]))
    changes = mean_changes(m, series, _CHANGE_TO_M)
    cells: dict[str, int] = {}
    for kind, of_model in kinds:
        candidates = np.where(types == of_model, changes, np.nan)
        if np.isfinite(candidates).any():
            cells[f"{kind} ({of_model})"] = int(np.nanargmax(candidates))
    if not cells:
        return False
    numbers = list(cells.values())
    profiles = [recorded_profiles(m, series, numbers, run) for run in (m.compared.assimilation, m.compared.control)]
    chosen = list(zip(cells, *profiles, strict=True))
    rain = [] if independent.rain is None else [bars_of_cell(independent.rain, cell) for cell in numbers]
    sizes = sentences.enumerated([f"{kind} {changes[cell]:.3f}" for kind, cell in cells.items()])
    where = (
        "As in the paper, each panel is the cell of its kind where the change is largest: the mean of its size over "
        f"0-{100 * min(_CHANGE_TO_M, series.to_depth_m):.0f} cm and the assimilation window, in m3 m-3: {sizes}. In "
        "brackets: the type of the embedded model, from climate and trees, that stands for the paper's."
    )
    _draw_sections(page, m, number, name, chosen, f"{paper} {{}} {where}", rain, independent)
    return True


_CHANGE_TO_M = 1.0
"""Depth over which changes are compared, m."""


def _draw_sections(
    page: Page,
    m: CampaignData,
    number: str,
    name: str,
    chosen: Sequence[tuple[str, Profile, Profile]],
    caption: str,
    rain: Sequence[Bars],
    independent: Independent,
) -> None:
    """Draw sections; the caption has a place for the description of the panels."""
    run = m.compared.assimilation
    label = "" if independent.rain is None else f"daily {independent.rain.label}"
    draw_sections(
        chosen,
        page.figure_file(name),
        window_end=m.config.time.assimilation_end,
        title=f"Soil moisture: {run} minus {m.compared.control} (shading), {run} (contours)",
        rain=rain,
        rain_label=label,
    )
    reached = "; ".join(_reach(place, a, c) for place, a, c in chosen)
    is_long = any(a.times[-1] - a.times[0] > DAILY_FROM_DAYS for _, a, _ in chosen)
    means = " Daily means (contours: five-day running means)." if is_long else ""
    bars = f" Grey bars: {label}." if any(rain) else f" {independent.no_rain_words()}".rstrip()
    panels = (
        f"Shading: {run} minus {m.compared.control}; contours: {run}; depths are those of the model's nodes.{means} "
        f"The difference first exceeds 0.01 m3 m-3: {reached}."
    )
    page.figure(number, name, f"{caption.format(panels)}{bars}")


_REACH_M = (0.5, 1.0)
"""The arrival of the increments is listed at the nodes nearest to these depths, m."""


def _reach(name: str, analysed: Profile, control: Profile) -> str:
    """Time at which the difference reaches half a metre and a metre."""
    nodes: Mapping[str, int] = {f"{SOIL_Z[k]:.2f} m": k for k in (int(np.abs(SOIL_Z - d).argmin()) for d in _REACH_M)}
    n_layers = analysed.water.shape[1]
    parts = []
    for label, layer in nodes.items():
        if layer >= n_layers:
            continue
        exceeds = abs(analysed.water[:, layer] - control.water[:, layer]) > 0.01
        if exceeds.any():
            days = (analysed.times[int(exceeds.argmax())] - analysed.times[0]).total_seconds() / 86400.0
            parts.append(f"{label} after {days:.0f} days")
        else:
            parts.append(f"{label} never")
    return f"{name}: {', '.join(parts)}"


def time_words(found: datetime, wanted: datetime) -> str:
    """Description of the time of a figure."""
    if found == wanted:
        return f"{stamp(found)}, as in the paper."
    return f"{stamp(found)}; the paper's time is {stamp(wanted)}, for which this campaign has no image."


def frozen_words(m: CampaignData) -> str:
    """Number of frozen cells, which are not analysed or scored; empty without records."""
    counts = [int(r["frozen_cells"]) for r in m.folder.read_records("cycles") if r["run"] == m.compared.control]
    if not counts:
        return ""
    n_cells = int(np.count_nonzero(m.domain.is_soil))
    if not any(counts):
        return "**Frozen soil.** No cell is frozen in the observed layer."
    often = f"{min(counts)}" if min(counts) == max(counts) else f"{min(counts)} to {max(counts)}"
    stays = ", the same number in every cycle" if min(counts) == max(counts) and len(counts) > 1 else ""
    return (
        f"**Frozen soil.** {often} of {n_cells} cells with soil are frozen in the observed layer of "
        f"`{m.compared.control}`{stays}; frozen cells are not analysed and are excluded from the scores of the table."
    )


def depth_words(m: CampaignData) -> str:
    """Depth of the increments, and meaning of scores below the surface."""
    model = "the embedded model" if m.config.model.runs_here else "CoLM"
    soils = " and of the twin's soils" if m.is_twin else ""
    observed = m.config.observations.depth_m
    text = f"**Deep layers.** {sentences.increment_words(m.run_of(AssimilatingRun), observed)}"
    if m.config.model.runs_here:
        deeper = [name for name in m.domain.depth_names if name != depth_name(observed)]
        about = f"scores of {sentences.enumerated(deeper)} say" if deeper else "it says"
        text += f" The response of deeper layers is a property of {model}{soils}: {about} little about CoLM."
    return text


PAPER_FORECAST_DAYS = 30.0
"""Length of the free forecast in both papers."""


def calendar_words(time: TimeConfig, paper_end: datetime) -> str:
    """Differences from the paper's calendar; empty if there are none.

    Parameters
    ----------
    paper_end : end of the paper's assimilation window.
    """
    lead = sentences.lead_days(time.end, time.assimilation_end)
    if time.assimilation_end == paper_end and lead == PAPER_FORECAST_DAYS:
        return ""
    free = (
        "there is no free forecast"
        if lead <= 0.0
        else f"its free forecast ends {sentences.days_words(lead)} later, on {stamp(time.end)}"
    )
    return (
        f"**Calendar.** The paper's window ends on {stamp(paper_end)}, its forecast {PAPER_FORECAST_DAYS:g} days "
        f"later; this campaign's window ends on {stamp(time.assimilation_end)}, and {free}. Means are over its periods."
    )
