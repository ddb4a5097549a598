"""[B26]'s comparison with stations: the scores in its text, and Figs 9 to 12."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from landda_hpc.config import Forcing, Model, TwinConfig, VerificationConfig
from landda_hpc.evaluation.drawing import Figure, capital
from landda_hpc.instances.domain import depth_name
from landda_hpc.studies.reproduction.bai2026_modes import image_run
from landda_hpc.studies.reproduction.campaign_data import CampaignData
from landda_hpc.studies.reproduction.independent import Independent, write_independent_table
from landda_hpc.studies.reproduction.page import Page
from landda_hpc.studies.reproduction.sentences import (
    constant_gain,
    enumerated,
    has_generated_weather,
    has_white_noise_alone,
    weather_words,
)
from landda_hpc.verification.statistics.station_scores import GroupRow

_SERIES = (
    ("broadleaf deciduous tree, boreal", 0.38, 0.62),
    ("corn", 0.60, 0.89),
    ("grass, not arctic", 0.33, 0.90),
)
"""[B26] Fig. 11: vegetation at three selected stations, with R of control and assimilation."""


_PAPER_STATIONS: Final = {"China": 2878, "United States": 148}
"""Stations of the CMA and of the ISMN [B26, section 2.2]."""


def write_station_table(page: Page, m: CampaignData, independent: Independent) -> None:
    """The paper's scores at stations, and those of the campaign."""
    found = independent.verification
    if found is None or not found.stations:
        return
    page.section("At stations: published, and here")
    if not write_independent_table(page, independent, m):
        page.text(f"Not shown. {capital(independent.why_no_stations())}.")
        return
    page.text(
        "R is dimensionless, ubRMSE is in m3 m-3; values are means over the stations of a region in the assimilation "
        "window, with 95 % intervals that account for autocorrelation, where they can be computed. Fig. 12 is the "
        "pattern of a day's anomalies. "
        f"{twin_station_words(independent.config.verification)}Compared: {found.stations}. All tables are in "
        "`verification/verification.md`."
    )
    page.text(number_words(independent.config.verification, found.station_rows, m))


def number_words(asked: VerificationConfig, rows: Sequence[GroupRow], m: CampaignData) -> str:
    """The rule by which stations are compared, and their numbers next to the paper's."""
    rules = [
        f"`{one.entry}` sensors of all depths"
        if one.sensor_depths_m is None
        else f"`{one.entry}` sensors between {100 * one.sensor_depths_m[0]:g} and {100 * one.sensor_depths_m[1]:g} cm"
        for one in asked.stations
    ]
    rules += ["the twin's stations"] if asked.twin_stations is not None else []
    counts = {
        row.group: row.score.n_places
        for row in rows
        if (row.kind, row.metric, row.window, row.layer) == ("region", "r", "assimilation", m.layer)
    }
    numbers = [f"{name} {counts.get(name, 0)} ({paper} in the paper)" for name, paper in _PAPER_STATIONS.items()]
    return (
        "**Number of stations.** The paper names 10 cm sensors and their number, not how they were chosen. Compared "
        f"here are {enumerated(rules)} with at least {asked.min_pairs} usable values at the campaign's times in the "
        f"window, in the region's box: {enumerated(numbers)} at {m.layer}."
    )


def twin_station_words(asked: VerificationConfig) -> str:
    """Description of a twin's stations; empty if all stations are real."""
    twin = asked.twin_stations
    if twin is None:
        return ""
    also = "Some are stations" if asked.stations else "Stations"
    return (
        f"**{also} of the twin**, not real ones: {twin.per_region} cells (all, if there are fewer) are drawn at random "
        "in each region of the grid. Their values are those of the nature run with a constant offset "
        f"({twin.offset_std:g} m3 m-3, standard deviation), white errors ({twin.error_std:g}) and gaps "
        f"({100 * twin.missing_fraction:.0f} %). "
    )


def write_stations(page: Page, independent: Independent) -> None:
    """Figs 9 to 12."""
    layer = depth_name((0.0, 0.1))

    def is_surface(one: Figure) -> bool:
        return one.window == "assimilation" and one.layer == layer

    paper = "; ".join(f"{place} {before:g} and {after:g}" for place, before, after in _SERIES)
    asked = independent.config.verification
    bilinear = "" if (asked.place_of_days or asked.place) == "bilinear" else (
        " The paper interpolates the model bilinearly to the stations (`verification.place_of_days: bilinear`)."
    )  # fmt: skip
    found = independent.verification
    has_changes = found is not None and any(row.difference is not None for row in found.station_rows)
    rims = " Black rims: the interval of the change excludes zero." if has_changes else ""
    for number, what, pictures, more in (
        (
            "Fig. 9",
            "temporal correlation at stations",
            independent.pictures("scores at stations", lambda one: is_surface(one) and one.metric == "r"),
            f"{rims} Means in the corners.",
        ),
        (
            "Fig. 10",
            "ubRMSE at stations",
            independent.pictures("scores at stations", lambda one: is_surface(one) and one.metric == "ubrmse"),
            f"{rims} Means in the corners.",
        ),
        (
            "Fig. 11",
            "series at stations",
            independent.pictures("series at stations"),
            (
                " The panels give R. The paper shows three selected stations; their R with control and assimilation: "
                f"{paper}."
            ),
        ),
        (
            "Fig. 12",
            "anomalies of a day at stations",
            independent.pictures("day", lambda one: not one.reference),
            f" The paper's figure shows China on 18 June 2022.{bilinear}",
        ),
    ):
        for one in pictures:
            page.show(number, one.path, one.caption + more)
        if not pictures:
            about = "anomalies of" if number == "Fig. 12" else "scores at stations"
            page.lacks(number, what, independent.why_no_stations(about))


def station_words(m: CampaignData, independent: Independent) -> list[str]:
    """Reasons why scores at stations differ from the paper's."""
    config = independent.config
    model, forcing, texts = config.model, config.forcing, []
    if config.verification.stations:
        texts.append(real_station_words(model, forcing, is_twin=config.twin is not None))
    if config.verification.twin_stations is not None and config.twin is not None:
        texts.append(drawn_station_words(config.twin, model, forcing))
    rows = [] if independent.verification is None else list(independent.verification.station_rows)
    return [text for text in (*texts, worse_words(m, rows)) if text]


def real_station_words(model: Model, forcing: Forcing, *, is_twin: bool) -> str:
    """Meaning of a comparison with real stations, given the campaign's weather."""
    text = "**Stations** measured soil moisture under the real weather"
    if is_twin:
        return (
            f"{text}, but the campaign is a twin with {weather_words(model, forcing)} whose observations are "
            "generated: scores at real stations do not measure the assimilation."
        )
    if has_generated_weather(model, forcing):
        return (
            f"{text}, but the embedded model has generated weather: only the assimilated product relates the two, so "
            "the control's R is near zero by construction, and the assimilation adds only the information in the "
            "product. The paper's control was driven by observed weather."
        )
    return f"{text}; R of the control depends on how well {weather_words(model, forcing)} represents it."


def drawn_station_words(twin: TwinConfig, model: Model, forcing: Forcing) -> str:
    """Meaning of a comparison with stations drawn from a nature run."""
    shares = (
        f"the correlation of its weather with the nature run's (`twin.weather_correlation`: "
        f"{twin.weather_correlation:g})"
        if has_generated_weather(model, forcing)
        else f"the weather that it has in common with the nature run ({weather_words(model, forcing)})"
    )
    return (
        "**Stations of the twin** are cell values with errors; the paper's stations are points in cells 140 km wide. "
        "Part of the paper's ubRMSE and 1 - R is therefore a difference of scale, which the twin represents only by "
        f"offsets and white errors. The control's R follows from {shares}, not from skill. Compare the sign and size "
        "of the change, not the levels."
    )


def worse_words(m: CampaignData, rows: Sequence[GroupRow]) -> str:
    """Reason why ubRMSE at stations increases, unlike in the paper; empty if it does not."""

    def changes(metric: str) -> dict[str, float]:
        return {
            row.group: row.difference.value
            for row in rows
            if (row.kind, row.metric, row.window) == ("region", metric, "assimilation")
            and row.group in {region.name for region in m.experiment.regions}
            and (row.run, row.layer) == (m.compared.assimilation, m.layer)
            and row.difference is not None
        }

    worse = {region: change for region, change in changes("ubrmse").items() if change > 0.0}
    if not worse:
        return ""
    listed = ", ".join(f"{region} {change:+.3f}" for region, change in worse.items())
    text = f"**ubRMSE at stations increases** here ({listed} m3 m-3), whereas it decreases in the paper."
    observations, gain = m.twin_observations, constant_gain(image_run(m))
    if gain is not None and observations is not None and has_white_noise_alone(observations):
        text += (
            f" It measures variations in time: K = {gain:.2f} adds {gain * observations.error_std:.3f} m3 m-3 of the "
            "observations' white errors to every analysis, while persistent errors of the control do not count. "
            "GLDAS is a model field that is smooth in time and has no such noise."
        )
    r = changes("r")
    if all(r.get(region, 0.0) > 0.0 for region in worse):
        gains = ", ".join(f"{region} {r[region]:+.3f}" for region in worse)
        text += f" R increases nevertheless ({gains})."
    return text
