"""A comparison at the terminal: one campaign after the other, then the table."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from landda_hpc.commands.console.campaign_queue import CampaignQueue
from landda_hpc.config import CampaignConfig, load_config
from landda_hpc.instances.domain import depth_name
from landda_hpc.io.atomic import write_text
from landda_hpc.io.markdown import MarkdownPage
from landda_hpc.parallel.together import together
from landda_hpc.studies.comparison import (
    Comparison,
    plan_comparison,
    split_methods,
)
from landda_hpc.studies.comparison_options import OptionSet
from landda_hpc.studies.comparison_tuning import Tuning, choose, tuning_campaign
from landda_hpc.studies.report_pages import write_comparison_page
from landda_hpc.verification.statistics.sample_size import seed_warnings
from landda_hpc.verification.tables.comparison_table import (
    ComparisonRow,
    compare,
    comparison_markdown,
    comparison_tables,
    write_comparison_csv,
)
from landda_hpc.verification.tables.ensemble_table import (
    EnsembleComparison,
    compare_ensembles,
    comparison_of_ensembles_markdown,
)
from landda_hpc.verification.tables.score_records import TRUTH, parse_json_lines, read_json_lines

logger = logging.getLogger(__name__)

_TUNING = "tuning_seed_{}"
_FILES: Final = ("comparison.csv", "comparison.md", "report.html", "comparison.png", "differences.png")


@dataclass(frozen=True)
class Request:
    """Options of the command; ``tuned`` is empty without --tune-gain."""

    file: Path
    overrides: dict[str, Any]
    methods: str
    seeds: tuple[int, ...]
    baseline: str | None
    last_days: float | None
    tuned: tuple[Tuning, ...]
    options: tuple[OptionSet, ...]
    slopes: Path | None
    output: Path | None
    csv: Path | None
    overwrite: bool


class ComparisonSession:
    """One comparison on all ranks, from the command line. Collective."""

    def __init__(self, request: Request, verbose: bool) -> None:
        self._request = request
        self._queue = CampaignQueue(verbose, request.overwrite)
        self._world, self._is_first = self._queue.world, self._queue.is_first

    def run(self) -> None:
        """Run the campaigns that are not finished yet and write the table. Collective.

        Raises
        ------
        typer.Exit : stopped by a signal other than SIGUSR1, with the code that says so.
        """
        request = self._request
        config: CampaignConfig | None = None
        comparison: Comparison | None = None
        with together(self._world, f"reading {request.file}"):
            if self._is_first:
                config = load_config(request.file, request.overrides)
                if request.tuned:
                    tuning_campaign(config, 0, request.tuned)
                # The best settings are not known yet, but all errors are reported before work begins.
                comparison = self._plan(config)
        config, comparison = self._world.broadcast((config, comparison) if self._is_first else None)
        assert config is not None and comparison is not None, "rank 0 made them"
        output = request.output or Path("runs") / f"compare_{config.name}"
        self._queue.make_folder(output, "comparison", _FILES, ("seed_*", _TUNING.format("*"), "tuning"))
        if request.tuned:
            comparison = self._tune(config, comparison, output)
        for number, seed in enumerate(comparison.seeds, start=1):
            name = f"seed {seed} ({number} of {len(comparison.seeds)})"
            self._queue.run(comparison.of_seed(seed), output / f"seed_{seed}", name)
        with together(self._world, "comparing"):
            if self._is_first:
                self._conclude(comparison, output)

    def _plan(self, config: CampaignConfig) -> Comparison:
        request = self._request
        methods = split_methods(request.methods)
        return plan_comparison(
            config,
            methods,
            request.seeds,
            request.baseline,
            request.last_days,
            request.tuned,
            request.options,
            request.slopes,
        )

    def _tune(self, config: CampaignConfig, comparison: Comparison, output: Path) -> Comparison:
        """Choose the settings of tuned runs with the truth, for every seed."""
        tuned = self._request.tuned
        best: dict[str, dict[int, dict[str, float]]] = {tuning.name: {} for tuning in tuned}
        for seed in comparison.seeds:
            folder = output / _TUNING.format(seed)
            self._queue.run(tuning_campaign(config, seed, tuned), folder, f"tuning with the truth of seed {seed}")
            with together(self._world, "choosing settings with the truth"):
                if self._is_first:
                    records = read_json_lines(folder / "scores.jsonl")
                    for tuning in tuned:
                        found, _ = choose(records, tuning, depth_name(config.observations.depth_m), comparison.since)
                        best[tuning.name][seed] = found
                        listed = ", ".join(f"{key} {value:g}" for key, value in found.items())
                        logger.info("%s, seed %d: %s", tuning.name, seed, listed)
        return comparison.with_best(self._world.broadcast(best))

    def _conclude(self, comparison: Comparison, output: Path) -> None:
        """Print the table, and write it and the figures. Rank 0."""
        rows = compare(
            {seed: read_json_lines(output / f"seed_{seed}" / "scores.jsonl") for seed in comparison.seeds},
            methods=comparison.methods,
            baseline=comparison.baseline,
            since=comparison.since,
            tuned=comparison.tuned,
        )
        for warning in seed_warnings(len(comparison.seeds)):
            logger.warning("%s", warning)
        table = self._request.csv or output / "comparison.csv"
        write_comparison_csv(rows, table)
        console = Console()
        for shown in comparison_tables(rows):
            console.print(shown)
        written = [table, output / "comparison.md", *_draw(rows, output)]
        time = comparison.config.time
        of_seeds = {seed: read_ensembles(output / f"seed_{seed}") for seed in comparison.seeds}
        ensembles = compare_ensembles(of_seeds, comparison.since, time.assimilation_end, time.end)
        page = _page(comparison, rows, ensembles)
        report = write_comparison_page(comparison, rows, page.content(), output)
        for figure in written[2:]:
            page.picture(figure.name, figure.name)
        write_text(written[1], page.content())
        written.append(report)
        console.print(f"Written: {', '.join(map(str, written))}", highlight=False, soft_wrap=True)


def _draw(rows: list[ComparisonRow], output: Path) -> list[Path]:
    """Scores and paired differences against the truth; without a truth, against the first reference."""
    from landda_hpc.verification.figures.comparison_figures import (
        draw_comparison,  # imported here: needed once, on one rank
    )

    reference = TRUTH if any(r.reference == TRUTH for r in rows) else rows[0].reference
    paths = [output / "comparison.png"]
    draw_comparison(rows, paths[0], reference=reference)
    if len({r.method for r in rows}) > 1:
        paths.append(output / "differences.png")
        draw_comparison(rows, paths[1], differences=True, reference=reference)
    return paths


def read_ensembles(folder: Path) -> list[dict[str, Any]]:
    """Lines of ``ensembles.jsonl`` of a campaign; empty for one without ensembles."""
    path = folder / "ensembles.jsonl"
    return [line for line, _ in parse_json_lines(path)] if path.is_file() else []


def _page(comparison: Comparison, rows: list[ComparisonRow], ensembles: list[EnsembleComparison]) -> MarkdownPage:
    seeds = ", ".join(map(str, comparison.seeds))
    page = MarkdownPage(f"Comparison of methods: {comparison.config.name}")
    page.text(f"Seeds {seeds}; differences are from {comparison.baseline}.")
    page.items(comparison.describe())
    page.text(comparison_markdown(rows), comparison_of_ensembles_markdown(ensembles))
    return page
