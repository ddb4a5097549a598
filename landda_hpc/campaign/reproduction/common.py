"""Parts that the pages of both papers share: what kind of experiment it is, the table, why twin and paper differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import numpy as np

from landda_hpc.campaign.reproduction.experiment import Place
from landda_hpc.campaign.reproduction.independent import Independent
from landda_hpc.campaign.reproduction.material import Material
from landda_hpc.campaign.reproduction.page import Page, stamp
from landda_hpc.verification.paper_series import Profile, draw_sections, read_profiles
from landda_hpc.verification.published import PublishedFigure
from landda_hpc.verification.side_by_side import side_by_side


def write_head(page: Page, m: Material, product: str, model: str) -> None:
    """Say what this is: period, runs, and what stands in for the paper's model and product."""
    time, config = m.config.time, m.config
    if m.is_twin:
        page.text(
            f"**A twin, not {product}.** The paper drives {model} with observed weather and assimilates {product}. "
            f"Here the embedded land model stands for {model}, and its *nature run* (other soil, other "
            f"weather, other climate) for {product}: the *truth* is that run itself, the *observations* are the truth "
            f"with errors of {config.observations.error_std:g} m3 m-3. The size of the difference between nature run "
            "and control was chosen so that the control's scores resemble the paper's; it is forced, and large. What "
            "the twin can show is how the method works; places, weather and amounts are not those of the real year. "
            f"The paper calls scores against {product} scores against observations; {product} is what it assimilates, "
            "so they are a fit. Here they are kept apart: against the truth, and against the *assimilated reference* "
            "(the observations with their errors)."
        )
    else:
        page.text(
            f"**Real observations, embedded model.** {m.product} is read from files here"
            + ("" if product in m.product else f", where the paper takes {product}")
            + f"; the land model is the embedded one, not {model}, under generated weather: no score can be "
            "the paper's."
        )
    runs = ", ".join(f"{run.name} ({run.method})" for run in config.runs)
    page.text(
        f"Campaign `{config.name}`, seed {config.seed}: {stamp(time.start)} to {stamp(time.end)}, analyses every "
        f"{time.cycle_hours} h until {stamp(time.assimilation_end)}; {m.domain.grid.describe()}; runs {runs}. The "
        f"paper's control is `{m.roles.control}`, its assimilation `{m.roles.assimilation}`."
    )


def write_table(page: Page, m: Material, figures: Sequence[PublishedFigure]) -> None:
    """Every printed figure beside the campaign's."""
    page.section("Published figures and these")
    since = m.config.scored_since if m.config.verification.discard_days else None
    page.text(side_by_side(figures, m.records, m.roles, m.references, since))
    left_out = f" Means leave out what lies before {stamp(since)}." if since is not None else ""
    page.text(
        "SCC in 1, RMSE and ubRMSE in m3 m-3; means over the window unless said otherwise. A run's state is its "
        f"analysis, where there is one.{left_out} '-': the campaign has no such score"
        + (
            " (the twin observes the surface only, so deeper layers are scored against the truth alone)."
            if m.is_twin
            else "."
        )
    )


def write_sections(
    page: Page,
    m: Material,
    number: str,
    name: str,
    places: Sequence[Place],
    paper: str,
    independent: Independent,
) -> None:
    """Profiles over time and depth, where the campaign recorded them, with the rain of the places."""
    profiles = read_profiles(m.folder.records_file("profiles"))
    known = [
        i for i in range(len(places)) if (i, m.roles.assimilation) in profiles and (i, m.roles.control) in profiles
    ]
    chosen = [(places[i].name, profiles[i, m.roles.assimilation], profiles[i, m.roles.control]) for i in known]
    if m.config.output.profiles != tuple((p.lat, p.lon) for p in places) and not _begins_with(m, places):
        chosen = [(f"place {i + 1}", a, c) for i, (_, a, c) in enumerate(chosen)]
    if not chosen:
        page.lacks(
            number,
            "profiles over time and depth",
            "The campaign recorded no profiles: `output.profiles` takes places; `landda reproduce` sets it when it "
            "runs the campaign itself.",
        )
        return
    run = m.roles.assimilation.replace("_", "-")
    rain = independent.rain_at([m.config.output.profiles[i] for i in known])
    label = "" if independent.rain is None else f"daily {independent.rain.label}"
    draw_sections(
        chosen,
        page.figure_file(name),
        window_end=m.config.time.assimilation_end,
        title=f"Soil moisture: {run} minus control (shading), {run} (contours)",
        rain=rain,
        rain_label=label,
    )
    reached = "; ".join(_reach(name, a, c) for name, a, c in chosen)
    page.figure(
        number,
        name,
        f"{paper} Here: shading {m.roles.assimilation} minus {m.roles.control}, contours {m.roles.assimilation}; "
        "depths are CoLM's nodes; daily means where the campaign is longer than ten days (contours: five-day running "
        f"means). The difference exceeds 0.01 m3 m-3 first: {reached}. The paper prints no coordinates: the cells are "
        "those nearest to typical places of each kind, and the embedded model knows vegetation cover but no plant "
        "types, so roots do not tell the four apart as they do in CoLM. "
        + (f"Grey bars: {label}." if rain else "Precipitation was not recorded (`output.series`)."),
    )


def _begins_with(m: Material, places: Sequence[Place]) -> bool:
    recorded = m.config.output.profiles
    return recorded[: len(places)] == tuple((p.lat, p.lon) for p in places)


def _reach(name: str, analysed: Profile, control: Profile) -> str:
    """When the difference reaches half a metre and a metre."""
    nodes: Mapping[str, int] = {"0.62 m": 6, "1.04 m": 7}
    parts = []
    for label, layer in nodes.items():
        exceeds = abs(analysed.water[:, layer] - control.water[:, layer]) > 0.01
        if exceeds.any():
            days = (analysed.times[int(exceeds.argmax())] - analysed.times[0]).total_seconds() / 86400.0
            parts.append(f"{label} after {days:.0f} days")
        else:
            parts.append(f"{label} never")
    return f"{name}: {', '.join(parts)}"


def time_words(found: datetime, wanted: datetime) -> str:
    """Words about the time of a figure."""
    if found == wanted:
        return f"{stamp(found)}, as in the paper."
    return f"{stamp(found)}; the paper's is {stamp(wanted)}, of which this campaign has no image."


def frozen_words(m: Material) -> str:
    """How many cells were frozen, which no analysis touches and no score counts."""
    counts = [int(r["frozen_cells"]) for r in m.folder.read_records("cycles") if r["run"] == m.roles.control]
    n_cells = int(np.count_nonzero(m.domain.is_soil))
    often = f"{min(counts)}" if min(counts) == max(counts) else f"{min(counts)} to {max(counts)}"
    stays = ", the same from the first cycle to the last" if min(counts) == max(counts) and len(counts) > 1 else ""
    return (
        f"**Frozen soil.** {often} of {n_cells} cells are frozen in the observed layer{stays}; they are not analysed "
        "and count in no score of the table."
    )
