"""A comparison at the terminal: one campaign after the other, then the table."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from landda_hpc.commands.console.campaign_queue import CampaignQueue
from landda_hpc.config import CampaignConfig, load_config
from landda_hpc.io.atomic import write_text
from landda_hpc.io.markdown import MarkdownPage
from landda_hpc.parallel.together import together
from landda_hpc.studies.comparison import (
    Comparison,
    choose_gain,
    observed_layer,
    plan_comparison,
    split_methods,
    tuning_campaign,
)
from landda_hpc.studies.comparison_options import OptionSet
from landda_hpc.verification.statistics.sample_size import seed_warnings
from landda_hpc.verification.tables.comparison_table import (
    ComparisonRow,
    compare,
    comparison_markdown,
    comparison_tables,
    write_comparison_csv,
)
from landda_hpc.verification.tables.score_records import TRUTH, read_json_lines

logger = logging.getLogger(__name__)

_TUNING = "tuning"
_FILES: Final = ("comparison.csv", "comparison.md", "comparison.png", "differences.png")


@dataclass(frozen=True)
class Request:
    """Options of the command; ``gains`` is None without --tune-gain."""

    file: Path
    overrides: dict[str, Any]
    methods: str
    seeds: tuple[int, ...]
    baseline: str | None
    last_days: float | None
    gains: tuple[float, ...] | None
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
                if request.gains is not None:
                    tuning_campaign(config, 0, request.gains)
                # The best gain is not known yet, but all errors are reported before work begins.
                comparison = self._plan(config, request.gains[0] if request.gains else None)
        config, comparison = self._world.broadcast((config, comparison) if self._is_first else None)
        assert config is not None and comparison is not None, "rank 0 made them"
        output = request.output or Path("runs") / f"compare_{config.name}"
        self._queue.make_folder(output, "comparison", _FILES, ("seed_*", _TUNING))
        tried: dict[float, float] = {}
        if request.gains is not None:
            comparison, tried = self._tune(config, comparison, request.gains, output)
        for number, seed in enumerate(comparison.seeds, start=1):
            name = f"seed {seed} ({number} of {len(comparison.seeds)})"
            self._queue.run(comparison.of_seed(seed), output / f"seed_{seed}", name)
        with together(self._world, "comparing"):
            if self._is_first:
                self._conclude(comparison, tried, output)

    def _plan(self, config: CampaignConfig, best_gain: float | None) -> Comparison:
        request = self._request
        methods = split_methods(request.methods)
        return plan_comparison(
            config,
            methods,
            request.seeds,
            request.baseline,
            request.last_days,
            best_gain,
            request.options,
            request.slopes,
        )

    def _tune(
        self, config: CampaignConfig, comparison: Comparison, gains: tuple[float, ...], output: Path
    ) -> tuple[Comparison, dict[float, float]]:
        """Choose the constant gain that is best against the truth of the first seed."""
        seed = comparison.seeds[0]
        self._queue.run(tuning_campaign(config, seed, gains), output / _TUNING, f"gains on seed {seed}")
        tried: dict[float, float] = {}
        with together(self._world, "choosing the gain"):
            if self._is_first:
                records = read_json_lines(output / _TUNING / "scores.jsonl")
                best, tried = choose_gain(records, gains, observed_layer(config), comparison.since)
                logger.info("best constant gain against the truth of seed %d: %g", seed, best)
                comparison = self._plan(config, best)
        return self._world.broadcast((comparison, tried) if self._is_first else None)

    def _conclude(self, comparison: Comparison, tried: dict[float, float], output: Path) -> None:
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
        write_text(written[1], _page(comparison, rows, tried, [p.name for p in written[2:]]))
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


def _page(comparison: Comparison, rows: list[ComparisonRow], tried: dict[float, float], figures: list[str]) -> str:
    seeds = ", ".join(map(str, comparison.seeds))
    page = MarkdownPage(f"Comparison of methods: {comparison.config.name}")
    page.text(f"Seeds {seeds}; differences are from {comparison.baseline}.")
    page.items(comparison.describe())
    if tried:
        listed = ", ".join(f"{gain:g}: {value:.4f}" for gain, value in tried.items())
        page.text(f"Constant gains tried on seed {comparison.seeds[0]}, ubRMSE of the analysis: {listed} m3 m-3.")
    page.text(comparison_markdown(rows))
    for name in figures:
        page.picture(name, name)
    return page.content()
