"""[B26]'s comparison with stations: the scores in its text, and Figs 9 to 12."""

from __future__ import annotations

from landda_hpc.campaign.domain import depth_name
from landda_hpc.campaign.reproduction.independent import Independent, write_independent_table
from landda_hpc.campaign.reproduction.material import Material
from landda_hpc.campaign.reproduction.page import Page
from landda_hpc.campaign.verify.drawing import Figure
from landda_hpc.config import TwinObservations
from landda_hpc.methods.enkf_like import EnkfLikeRun
from landda_hpc.verification.published import BAI2026_INDEPENDENT, BAI2026_SERIES


def write_station_table(page: Page, m: Material, independent: Independent) -> None:
    """The paper's scores at stations, and what stands for its stations here."""
    found, twin = independent.verification, independent.config.verification.twin_stations
    if found is None or not found.stations:
        return
    page.section("At stations: published, and here")
    if not write_independent_table(page, independent, BAI2026_INDEPENDENT, m.roles):
        page.text(independent.why_no_stations())
        return
    words = (
        "R and differences in time in 1 and m3 m-3, means over the region's stations in the assimilation window with "
        "intervals of 95 % that respect autocorrelation; Fig. 12: pattern of a day's anomalies. The paper: 2878 "
        "stations of the CMA, 148 of the ISMN. "
    )
    if twin is not None:
        words += (
            "**Stations of the twin**, no real ones: in each region "
            f"{twin.per_region} cells (all, where there are fewer), drawn at random, whose values are the nature run's "
            f"with a lasting offset ({twin.offset_std:g} m3 m-3, standard deviation), white errors "
            f"({twin.error_std:g}) and gaps ({100 * twin.missing_fraction:.0f} %). "
        )
    page.text(f"{words}Compared: {found.stations}. All tables are in `verification/verification.md`.")


def write_stations(page: Page, independent: Independent) -> None:
    """Figs 9 to 12."""
    layer = depth_name((0.0, 0.1))

    def is_surface(one: Figure) -> bool:
        return one.window == "assimilation" and one.layer == layer

    paper = "; ".join(f"{place} {before:g} and {after:g}" for place, before, after in BAI2026_SERIES)
    bilinear = "" if independent.config.verification.place == "bilinear" else (
        " The paper interpolates the model bilinearly to the stations (`verification.place: bilinear`); here the "
        "nearest cell stands for them, as in the other figures."
    )  # fmt: skip
    for number, what, pictures, more in (
        (
            "Fig. 9",
            "temporal correlation at stations",
            independent.pictures("scores at stations", lambda one: is_surface(one) and one.metric == "r"),
            " Black rims: the interval of the change leaves zero out; means in the corners.",
        ),
        (
            "Fig. 10",
            "ubRMSE at stations",
            independent.pictures("scores at stations", lambda one: is_surface(one) and one.metric == "ubrmse"),
            "",
        ),
        (
            "Fig. 11",
            "series at three stations",
            independent.pictures("series at stations"),
            (
                " R in the panels. The paper shows three stations of its choice, R with control and assimilation: "
                f"{paper}."
            ),
        ),
        (
            "Fig. 12",
            "station anomalies of 18 June",
            independent.pictures("day", lambda one: not one.reference),
            f" The paper's is of China on 18 June 2022.{bilinear}",
        ),
    ):
        for one in pictures:
            page.show(number, one.path, one.caption + more)
        if not pictures:
            page.lacks(number, what, independent.why_no_stations())


def station_words(m: Material, independent: Independent) -> list[str]:
    """Why scores at stations are not the paper's."""
    twin = m.config.twin
    if twin is None or independent.config.verification.twin_stations is None:
        text = (
            "**Stations.** They measured the real weather, the embedded model has generated weather: nothing but the "
            "assimilated product can bring the two together, so the control's R is near zero by construction, and what "
            "the assimilation adds is what the product knows. The paper's control was driven by observed weather."
        )
        return [text]
    text = (
        "**Stations.** A station of the twin is its cell with errors; the paper's are points in cells 140 km wide, so "
        "part of its ubRMSE and of what R lacks is a difference of scale that the twin's offset and white errors only "
        "stand in for. The control's R follows from how much of its weather is the nature run's "
        f"(`twin.weather_correlation`: {twin.weather_correlation:g}), not from any skill. What can be compared are "
        "sign and size of the change, not the levels."
    )
    texts = [text]
    changes = {
        row.group: row.difference
        for row in (independent.verification.station_rows if independent.verification is not None else ())
        if row.kind == "region"
        and row.group in ("China", "United States")
        and row.metric == "ubrmse"
        and row.window == "assimilation"
        if row.run == m.roles.assimilation and row.layer == m.layer
    }
    worse = {region: change for region, change in changes.items() if change is not None and change.value > 0.0}
    observations, run = m.config.observations, next(r for r in m.config.runs if r.name == m.roles.assimilation)
    if worse and isinstance(observations, TwinObservations) and isinstance(run, EnkfLikeRun):
        gain = run.background_std**2 / (run.background_std**2 + run.observation_std**2)
        listed = ", ".join(f"{region} {change.value:+.3f}" for region, change in worse.items())
        texts.append(
            f"**ubRMSE at stations rises** here ({listed} m3 m-3) where the paper's falls. It is an error in time: K = "
            f"{gain:.2f} lets {gain * observations.error_std:.3f} m3 m-3 of the observations' white errors into every "
            "analysis anew, while the control's errors of soil and climate are lasting and no part of ubRMSE. R gains "
            "all the same, since rain that the control misses comes in. GLDAS is a model's field, smooth in time, and "
            "brings no such noise."
        )
    return texts
