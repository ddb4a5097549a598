"""The page of Bai et al. (2026): EnKF-like image assimilation, global."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from landda_hpc.constants import FloatArray
from landda_hpc.evaluation.drawing import capital
from landda_hpc.regions import named_regions
from landda_hpc.studies.reproduction.bai2026_explanations import explanations
from landda_hpc.studies.reproduction.bai2026_modes import write_modes
from landda_hpc.studies.reproduction.bai2026_stations import write_station_table, write_stations
from landda_hpc.studies.reproduction.between_analyses import interval_words
from landda_hpc.studies.reproduction.campaign_data import CampaignData
from landda_hpc.studies.reproduction.common import (
    time_words,
    write_head,
    write_largest_changes,
    write_sections,
    write_table,
)
from landda_hpc.studies.reproduction.experiment import BAI2026
from landda_hpc.studies.reproduction.independent import Independent
from landda_hpc.studies.reproduction.page import Page, WrittenPage
from landda_hpc.studies.reproduction.sentences import enumerated
from landda_hpc.verification.figures.maps import MapStyle
from landda_hpc.verification.figures.paper_series import Line, draw_lines
from landda_hpc.verification.statistics.region_windows import covers
from landda_hpc.verification.tables.score_table import described
from landda_hpc.verification.tables.side_by_side import ScoreOf

_COLOURS = {"0-10 cm": "#D55E00", "10-40 cm": "#E69F00", "40-100 cm": "#0072B2"}
_OF_CONTROL = (
    ScoreOf("0-10 cm", "assimilation", "scc", False),
    ScoreOf("0-10 cm", "assimilation", "ubrmse", False),
)


def write_page(m: CampaignData, output: Path) -> WrittenPage:
    """Write the page of a finished campaign; missing parts are listed on it. Local: one rank."""
    page = Page(output, "Bai et al. (2026), EnKF-like image assimilation of soil moisture: paper and campaign")
    independent = Independent(m, output, page.gaps)
    write_head(page, m, "GLDAS-2.1", "CoLM", _OF_CONTROL)
    write_table(page, m)
    page.attempt("scores below the increments", (), partial(independent.write_scores_below, page))
    page.attempt("scores at stations", (), partial(write_station_table, page, m, independent))
    page.section("Figures")
    page.attempt("modes of the background", ("Fig. 1", "Fig. 3"), partial(write_modes, page, m))
    page.attempt("maps of the first analysis", ("Fig. 4", "Fig. 5"), partial(_maps, page, m))
    page.attempt("differences in two layers", ("Fig. 6",), partial(_end_of_window, page, m, independent))
    paper = "Differences, assimilation minus control, at a shrub, a grass, a corn and a needleleaf site ([B26] Fig. 7: "
    paper += "1 m after about 10, 5, 10 days and later)."
    sections = partial(_sections, page, m, paper, independent)
    page.attempt("profiles over time and depth", ("Fig. 7",), sections)
    page.attempt("scores over time", ("Fig. 8",), partial(_series, page, m, independent))
    stations = ("Fig. 9", "Fig. 10", "Fig. 11", "Fig. 12")
    page.attempt("stations", stations, partial(write_stations, page, independent))
    page.section("Reasons for differences from the paper")
    page.attempt("explanations", (), lambda: page.text(*explanations(m, independent)))
    return page.write()


def _sections(page: Page, m: CampaignData, paper: str, independent: Independent) -> None:
    """Fig. 7: where changes are largest, or without series at the places of the recorded profiles."""
    if not write_largest_changes(page, m, "Fig. 7", "fig07_profiles", paper, independent):
        write_sections(page, m, "Fig. 7", "fig07_profiles", BAI2026.places, paper, independent)


def _maps(page: Page, m: CampaignData) -> None:
    """Figs 4 and 5."""
    wanted, run = BAI2026.moments["first analysis"].paper, m.compared.assimilation
    time = m.nearest(run, wanted)
    images = {} if time is None else m.images(run, time)
    panels = ["background", "analysis", "increment"]
    lost = [name for name in panels if name not in images]
    if time is None or lost:
        why = f"the campaign stored no {' and no '.join(lost)} of {run} within the assimilation window"
        for number in ("Fig. 4", "Fig. 5"):
            page.lacks(number, "background, analysis, increment", why)
        return
    title = f"Soil moisture {m.layer}"
    m.draw(images, page.figure_file("fig04_globe"), MapStyle(title, time, columns=1), panels=panels)
    page.figure("Fig. 4", "fig04_globe", f"Background, analysis and increment. {time_words(time, wanted)}")
    papers = named_regions(BAI2026.regions, m.config.data_root)
    regions = [region for region in papers if covers(m.domain.grid, region)]
    if len(regions) < 2:
        page.lacks("Fig. 5", "China and the United States", f"the grid ({m.domain.grid.describe()}) lacks them")
        return
    panels = [name for name in ("background", "analysis", "observation", "truth") if name in images]
    m.draw(images, page.figure_file("fig05_regions"), MapStyle(title, time), panels=panels, regions=regions)
    labels = {"observation": m.product or "observations of the twin", "truth": "truth of the twin"}
    shown = capital(enumerated([labels.get(name, name) for name in panels]))
    instead = " (the paper shows GLDAS there)" if m.is_twin and "observation" in panels else ""
    page.figure(
        "Fig. 5", "fig05_regions", f"{shown}{instead}, over China and the United States. {time_words(time, wanted)}"
    )


def _end_of_window(page: Page, m: CampaignData, independent: Independent) -> None:
    """Fig. 6."""
    wanted, run = BAI2026.moments["end of the window"].paper, m.compared.assimilation
    time = m.nearest(run, wanted)
    papers = ("0-10 cm", "10-40 cm")
    layers = [name for name in m.domain.depth_names if name in papers]
    images: dict[str, FloatArray] = {}
    labels: dict[str, str] = {}
    for layer in layers if time is not None else ():
        assert time is not None
        mine, control = m.layer_image(layer, run, time), m.layer_image(layer, m.compared.control, time)
        if layer == m.layer and not mine:  # the observed layer is always stored
            stored = m.images(run, time)
            mine = {"forecast": stored["analysis"]} if "analysis" in stored else {}
            control = {"forecast": stored["control"]} if "control" in stored else {}
            reference = stored.get(m.reference_image)
        else:
            reference = mine.get("truth")
            if reference is None and layer == m.layer:
                reference = m.images(run, time).get(m.reference_image)
            elif reference is None:
                reference = independent.product_image(layer, time)
        if reference is None or "forecast" not in mine or "forecast" not in control:
            continue
        words = {"reference": f"{capital(m.reference_words)} {layer}", "control": "control", "analysis": "analysis"}
        for name, image in (
            ("reference", reference),
            ("control", control["forecast"]),
            ("analysis", mine["forecast"]),
        ):
            images[f"{name} {layer}"] = image
            labels[f"{name} {layer}"] = words[name]
    drawn = [layer for layer in layers if f"reference {layer}" in images]
    if time is None or not drawn:
        why = f"the campaign stored no images of {m.reference_words}, analysis and control at one time of the window"
        page.lacks("Fig. 6", "differences in two layers", why)
        return
    panels = [f"reference {layer}" for layer in drawn]
    panels += [f"reference {layer} minus {name} {layer}" for name in ("control", "analysis") for layer in drawn]
    title = f"{capital(m.reference_words)}, and its difference from control and analysis"
    path = page.figure_file("fig06_end_of_window")
    m.draw(images, path, MapStyle(title, time, labels, columns=len(drawn)), panels=panels)
    lost = "".join(f" {layer}: {_why_no_layer(m, layer)}." for layer in papers if layer not in drawn)
    of = f"The {m.reference_words}" if m.is_twin else m.product
    caption = f"{of} minus control and minus assimilation, {' and '.join(drawn)}. "
    caption += "The scores in the panels include frozen cells, which analyses do not change. "
    page.figure("Fig. 6", "fig06_end_of_window", caption + time_words(time, wanted) + lost)


def _why_no_layer(m: CampaignData, layer: str) -> str:
    if layer not in m.domain.depth_names:
        return f"not shown, because the campaign scored {enumerated(m.domain.depth_names)} (`verification.depths_m`)"
    if layer != m.layer and not m.config.output.layers:
        return "not shown, because `output.layers` was not set when the campaign ran"
    if layer != m.layer and not m.is_twin:
        return f"not shown, because {m.product} has no image of this layer at that time"
    return "not shown, because the campaign stored no such images"


def _series(page: Page, m: CampaignData, independent: Independent) -> None:
    """Fig. 8, once per reference."""
    if not m.references:
        page.lacks(
            "Fig. 8", "scores over time", "the campaign has no scores: nothing was observed and there is no truth"
        )
    for number, reference in enumerate(m.references):
        layers = [name for name in m.domain.depth_names if any(
            r.reference == reference and r.layer == name for r in m.records)]  # fmt: skip
        lines = []
        for i, layer in enumerate(layers):
            colour = _COLOURS.get(layer, ("#9467BD", "#8C564B", "#E377C2")[i % 3])
            for run, assimilates in ((m.compared.assimilation, True), (m.compared.control, False)):
                printed = m.published_means(layer, ("scc", "ubrmse"), assimilates=assimilates)
                words = f"{run}, {layer}"
                lines.append(Line(run, layer, words, colour, "-" if assimilates else "--", printed))
        name = f"fig08_series_{number + 1}"
        title = f"SCC and ubRMSE against {described(reference)}"
        scores = independent.scores
        draw_lines(scores, page.figure_file(name), lines, reference=reference, scores=("scc", "ubrmse"), title=title)
        dotted = "; dotted: means printed in the paper, against GLDAS" if any(x.published for x in lines) else ""
        page.figure(
            "Fig. 8",
            name,
            f"SCC (a) and ubRMSE (b) against {described(reference)}, {interval_words(scores, reference)} "
            f"(the paper: 3 h). Solid: {m.compared.assimilation}, dashed: {m.compared.control}{dotted}.",
        )
