"""``landda compare``: several methods on the same weather and observations, over several seeds, in one table."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from landda_hpc.commands.console.options import ConfigFile, SetOption, parse_overrides
from landda_hpc.errors import ConfigError

Number = TypeVar("Number", int, float)


def command(
    file: ConfigFile,
    methods: Annotated[
        str,
        typer.Option(
            help="Runs of FILE, methods with their defaults, or either with settings: "
            "control,pointwise,'enkf_like:estimator=exact;members=20'. All runs of FILE by default."
        ),
    ] = "",
    seeds: Annotated[str, typer.Option(help="Seeds, a campaign each.")] = "1,2,3",
    baseline: Annotated[
        str | None, typer.Option(help="Method that paired differences are against; default the first.")
    ] = None,
    last_days: Annotated[
        float | None,
        typer.Option(
            help="Days at the end of the assimilation window that count; by default half of what "
            "verification.discard_days leaves of it."
        ),
    ] = None,
    tune_gain: Annotated[
        bool,
        typer.Option(
            "--tune-gain",
            help="Also compare pointwise_best: the constant gain that is best against the truth in the first seed.",
        ),
    ] = False,
    options: Annotated[
        str,
        typer.Option(
            metavar="SETS",
            help="Compare every method with each of these sets of options: plain, depth (vertical regression of the "
            "increments), drift (the model's drift is learned), depth+drift; as FILE has them by default.",
        ),
    ] = "",
    slopes: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Slopes of 'landda regress' for the option depth, under data_root; else the built-in."
        ),
    ] = None,
    gains: Annotated[str, typer.Option(help="Gains that --tune-gain tries.")] = "0.1,0.2,0.3,0.4,0.5,0.6,0.7",
    csv: Annotated[Path | None, typer.Option(help="Table to write; default comparison.csv in the folder.")] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="DIR", help="Output folder; default runs/compare_<name>.")
    ] = None,
    overrides: SetOption = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Run every seed again: replaces those in the folder, no other files.")
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="More lines in the log.")] = False,
) -> None:
    """Compare methods: the same weather, truth and observations for all, several seeds, one table.

    Each seed is a campaign of its own in DIR/seed_<n>. The table has the mean over seeds of SCC and ubRMSE with 95 %
    confidence intervals (Student), and paired differences from the baseline, against the truth and, apart, against the
    assimilated reference. With --options each method stands there with and without depth and drift. Written:
    comparison.csv (one row per method, layer, window, stage, reference and score), comparison.md and two figures.

    The same command goes on after a stop of any kind, on any number of ranks: finished seeds are not run again, so
    seeds can be added later.
    """
    from landda_hpc.campaign.comparison_options import parse_option_sets
    from landda_hpc.commands.console.comparison_session import ComparisonSession, Request

    request = Request(
        file=file,
        overrides=parse_overrides(overrides),
        methods=methods,
        seeds=_numbers("--seeds", seeds, int),
        baseline=baseline,
        last_days=last_days,
        gains=_numbers("--gains", gains, float) if tune_gain else None,
        options=parse_option_sets(options),
        slopes=slopes,
        output=output,
        csv=csv,
        overwrite=overwrite,
    )
    ComparisonSession(request, verbose).run()


def _numbers(option: str, text: str, kind: Callable[[str], Number]) -> tuple[Number, ...]:
    try:
        return tuple(kind(part) for part in text.split(",") if part.strip())
    except ValueError as error:
        raise ConfigError(f"{option} {text}: expected numbers with commas between them") from error
