"""HTML pages of studies: a comparison of methods, a reproduction of a paper, several campaigns side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from landda_hpc.campaign.experiment_facts import Experiment, experiment_facts, reproduction_html
from landda_hpc.campaign.report_page import score_cards
from landda_hpc.config import CampaignConfig, read_resolved
from landda_hpc.errors import DataError
from landda_hpc.instances.domain import make_domain
from landda_hpc.io.markdown import table_lines
from landda_hpc.storage.campaign_folder import CampaignFolder
from landda_hpc.studies.campaign_difference import configuration_differences
from landda_hpc.studies.comparison import Comparison
from landda_hpc.verification.pages.charts import Bar, Line, day_number, interval_chart, legend, line_chart
from landda_hpc.verification.pages.markdown_html import markdown_html, minus_signs
from landda_hpc.verification.pages.report_page import REPORT, Card, ReportPage, Section, write_report_page
from landda_hpc.verification.run_styles import RunStyle, run_styles
from landda_hpc.verification.statistics.sample_size import plus_minus, seed_warnings
from landda_hpc.verification.tables.comparison_table import SHOWN, ComparisonRow
from landda_hpc.verification.tables.headline import UNIT, Ranking, comparison_headline, headline, rank_runs
from landda_hpc.verification.tables.score_records import ScoreRecord, last_stage, layer_depth
from landda_hpc.verification.tables.score_table import described, in_order_of_trust
from landda_hpc.verification.tables.summary import read_scores

_SCORES = (("ubrmse", "ubRMSE", UNIT), ("scc", "SCC", ""))
_STATES = dict(zip(SHOWN, ("analyses", "backgrounds", "last day of the forecast"), strict=True))


def write_comparison_page(comparison: Comparison, rows: Sequence[ComparisonRow], text: str, output: Path) -> Path:
    """Write the page of a comparison, and return its path. Local.

    Parameters
    ----------
    rows : result of ``comparison_table.compare``.
    text : page in Markdown, whose tables are shown.
    output : folder of the comparison, with a folder per seed.
    """
    config, first = comparison.config, output / f"seed_{comparison.seeds[0]}"
    folder = CampaignFolder(first)
    records = read_scores(folder.records_file("scores"))
    experiment = Experiment(config, make_domain(config, n_ranks=1), records, folder.read_records("cycles"))
    reproduction = reproduction_html(folder, comparison.seeds[0])
    sections = [
        Section("Scores and differences", _intervals(rows)),
        *sections_of(text),
        Section("Campaigns", _links([(f"seed {seed}", f"seed_{seed}/{REPORT}") for seed in comparison.seeds])),
        Section(f"How to reproduce seed {comparison.seeds[0]}", reproduction),
    ]
    page = ReportPage(
        title=config.name,
        kind="Comparison of methods",
        headline=comparison_headline(rows),
        notes=seed_warnings(len(comparison.seeds)),
        facts=experiment_facts(experiment, comparison.seeds),
        cards=_method_cards(rows),
        sections=sections,
    )
    write_report_page(output / REPORT, page)
    return output / REPORT


def write_reproduction_page(page: Path, campaign: CampaignFolder, experiment: Experiment) -> Path:
    """Write a reproduction as HTML next to its Markdown page, with its pictures in it; return the path. Local.

    Parameters
    ----------
    page : reproduction.md.
    campaign, experiment : the paper's experiment.
    """
    text = page.read_text(encoding="utf-8")
    records = experiment.records
    ranking = rank_runs(records, experiment.config.scored_since)
    title, sections = text.splitlines()[0].removeprefix("# "), sections_of(text, page.parent)
    shown = ReportPage(
        title=title,
        kind="Reproduction",
        headline=[] if ranking is None else headline(ranking),
        facts=experiment_facts(experiment),
        cards=[] if ranking is None else score_cards(ranking, run_styles(r.run for r in records)),
        sections=[*sections, Section("How to reproduce", reproduction_html(campaign, experiment.config.seed))],
    )
    write_report_page(page.with_name(REPORT), shown)
    return page.with_name(REPORT)


def sections_of(text: str, folder: Path | None = None) -> list[Section]:
    """Return the sections of a Markdown page; what precedes the first is the section "Summary"."""
    sections: list[tuple[str, list[str]]] = [("Summary", [])]
    for line in text.splitlines():
        if line.startswith("## "):
            sections.append((line.removeprefix("## "), []))
        elif not line.startswith("# "):
            sections[-1][1].append(line)
    return [
        Section(title, markdown_html("\n".join(lines), folder, name=title))
        for title, lines in sections
        if any(line.strip() for line in lines)
    ]


@dataclass(frozen=True, eq=False)
class ShownCampaign:
    """A campaign next to others: name that is unique among them, folder, configuration, scores, ranking of its runs."""

    name: str
    folder: Path
    config: CampaignConfig
    records: Sequence[ScoreRecord]
    ranking: Ranking


def read_campaign(folder: CampaignFolder, name: str) -> ShownCampaign:
    """Read the scores of a campaign.

    Raises
    ------
    DataError, StorageError : it has no scores.
    """
    config = read_resolved(folder.config_file)
    records = read_scores(folder.records_file("scores"))
    ranking = rank_runs(records, config.scored_since)
    if ranking is None:
        raise DataError(f"campaign '{folder.path}' has no defined score to show.")
    return ShownCampaign(name, folder.path, config, records, ranking)


def unique_names(folders: Sequence[Path]) -> list[str]:
    """Return the shortest ends of the paths that distinguish the folders."""
    parts = [folder.resolve().parts for folder in folders]
    for length in range(1, max(len(p) for p in parts) + 1):
        names = ["/".join(p[-length:]) for p in parts]
        if len(set(names)) == len(names):
            return names
    raise DataError(f"the same campaign is named twice: {', '.join(map(str, folders))}.")


def write_side_by_side(campaigns: Sequence[ShownCampaign], path: Path) -> None:
    """Write a page with the tables and series of several campaigns. Local."""
    layers = {(one.ranking.reference, one.ranking.layer) for one in campaigns}
    notes = [] if len(layers) == 1 else [
        "The campaigns are scored against different references or layers: their numbers are not comparable."
    ]  # fmt: skip
    best = min(campaigns, key=lambda one: one.ranking.means[one.ranking.best][0])
    lead = (
        f"Of {len(campaigns)} campaigns, {best.name} has the run with the smallest error: {best.ranking.best} with "
        f"{best.ranking.means[best.ranking.best][0]:.4f} {UNIT}."
    )
    page = ReportPage(
        title=" and ".join(one.name for one in campaigns),
        kind="Campaigns side by side",
        headline=[lead, *(f"{one.name}: {headline(one.ranking)[0]}" for one in campaigns)],
        notes=notes,
        cards=[_best_card(one) for one in campaigns],
        sections=[
            Section("Scores", markdown_html(_table(campaigns), name="scores")),
            Section("Scores over time", _series(campaigns)),
            Section("Differences of the configurations", _differences(campaigns)),
            Section("Pages", _links([(one.name, (one.folder / REPORT).resolve().as_uri()) for one in campaigns])),
        ],
    )
    write_report_page(path, page)


def _best_card(one: ShownCampaign) -> Card:
    error, correlation = one.ranking.means[one.ranking.best]
    lines = [f"ubRMSE of {one.ranking.best}; SCC {correlation:.3f}"]
    lines += [f"{one.ranking.baseline}: {one.ranking.means[one.ranking.baseline][0]:.4f}"]
    return Card(one.name, f"{error:.4f}", UNIT, lines)


def _table(campaigns: Sequence[ShownCampaign]) -> str:
    rows = []
    for one in campaigns:
        gains = {gain.run: gain for gain in one.ranking.against_baseline}
        for run, (error, correlation) in one.ranking.means.items():
            gain = gains.get(run)
            difference = "" if gain is None else plus_minus(gain.difference, gain.low, gain.high, 4, sign=True)
            scores = (f"{correlation:.3f}", f"{error:.4f}", difference)
            rows.append((one.name, run, one.ranking.layer, described(one.ranking.reference), *scores))
    headings = ("campaign", "run", "layer", "reference", "SCC", "ubRMSE, m3 m-3", "difference from the baseline")
    return "\n".join(table_lines(headings, rows, n_texts=4))


def _series(campaigns: Sequence[ShownCampaign]) -> str:
    names = {(one.name, run): f"{one.name}: {run}" for one in campaigns for run in one.ranking.means}
    styles = run_styles(names.values())
    charts = []
    for score, title, unit in _SCORES:
        lines = []
        for one in campaigns:
            chosen = [r for r in one.records if (r.reference, r.layer) == (one.ranking.reference, one.ranking.layer)]
            states = sorted(last_stage(chosen), key=lambda r: r.time)
            for run in one.ranking.means:
                name = names[one.name, run]
                points = [(day_number(r.time), float(getattr(r, score))) for r in states if r.run == run]
                lines.append(Line(name, points, styles[name]))
        charts.append(line_chart(title, lines, unit=unit, y_range=(None, 1.0 if score == "scc" else None)))
    return f'{legend(styles)}<div class="charts">{"".join(charts)}</div>'


def _differences(campaigns: Sequence[ShownCampaign]) -> str:
    """Keys in which the configurations differ from that of the first campaign."""
    first = campaigns[0]
    parts = []
    for other in campaigns[1:]:
        found = configuration_differences(first.config.model_dump(mode="json"), other.config.model_dump(mode="json"))
        rows = [(key, _cell(one), _cell(two)) for key, one, two in found]
        if rows:
            parts += ["\n".join(table_lines(("key", first.name, other.name), rows, n_texts=3)), ""]
        else:
            parts += [f"{other.name} has the configuration of {first.name}.", ""]
    html = markdown_html("\n".join(parts), name="differences of the configurations")
    return f'<div class="wrapped">{html}</div>'


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _method_cards(rows: Sequence[ComparisonRow]) -> list[Card]:
    """A card for each method, the best first: its error in the most important state."""
    layer, reference, place = _first_place(rows)
    if place is None:
        return []
    here = {
        (r.method, r.score): r for r in rows if (r.layer, r.reference, (r.window, r.stage)) == (layer, reference, place)
    }
    errors = sorted((r for (_, score), r in here.items() if score == "ubrmse"), key=lambda r: r.mean)
    styles = run_styles(r.method for r in rows)
    cards = []
    for row in errors:
        scc = here.get((row.method, "scc"))
        lines = [f"ubRMSE{'' if scc is None else f'; SCC {scc.mean:.3f}'}"]
        if row.method == row.baseline:
            lines.append("the baseline")
        else:
            shown = plus_minus(row.paired_difference, row.paired_low, row.paired_high, 4, sign=True)
            lines.append(f"{minus_signs(shown)} against {row.baseline}")
        lines += [row.note] if row.note else []
        is_best = row is errors[0] and len(errors) > 1
        cards.append(Card(row.method, f"{row.mean:.4f}", UNIT, lines, styles[row.method].colour, is_best))
    return cards


def _first_place(rows: Sequence[ComparisonRow]) -> tuple[str, str, tuple[str, str] | None]:
    reference = in_order_of_trust(r.reference for r in rows)[0]
    of_reference = [r for r in rows if r.reference == reference]
    layer = min((r.layer for r in of_reference), key=layer_depth)
    place = next((p for p in SHOWN if any((r.window, r.stage) == p and r.layer == layer for r in of_reference)), None)
    return layer, reference, place


def _intervals(rows: Sequence[ComparisonRow]) -> str:
    """Charts of ubRMSE and SCC of each layer against the first reference, and of paired differences."""
    styles = run_styles(r.method for r in rows)
    _, reference, place = _first_place(rows)
    if place is None:
        return ""
    rule = f"Against {described(reference)}, {_STATES[place]}: mean over seeds with the 95 % interval."
    parts = [f'<p class="rule">{escape(rule)} Differences are paired seed by seed.</p>']
    chosen = [r for r in rows if r.reference == reference and (r.window, r.stage) == place]
    for is_difference in (False, True):
        charts = []
        for layer in sorted({r.layer for r in chosen}, key=layer_depth):
            for score, title, unit in _SCORES:
                here = [r for r in chosen if (r.layer, r.score) == (layer, score)]
                bars = [
                    _bar(r, is_difference, styles[r.method])
                    for r in here
                    if not is_difference or r.method != r.baseline
                ]
                charts.append(interval_chart(f"{title}, {layer}", bars, unit=unit, zero=is_difference))
        heading = f"Differences from {chosen[0].baseline}" if is_difference else "Scores"
        shown = "".join(charts)
        parts += [f'<h3>{escape(heading)}</h3><div class="charts">{shown}</div>'] if shown else []
    return "".join(parts)


def _bar(row: ComparisonRow, is_difference: bool, style: RunStyle) -> Bar:
    if is_difference:
        return Bar(row.method, row.paired_difference, row.paired_low, row.paired_high, style)
    return Bar(row.method, row.mean, row.low, row.high, style)


def _links(links: Sequence[tuple[str, str]]) -> str:
    items = "".join(f'<li><a href="{escape(link, quote=True)}">{escape(name)}</a></li>' for name, link in links)
    return f"<ul>{items}</ul>"
