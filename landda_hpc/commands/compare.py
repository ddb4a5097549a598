"""``landda study compare``: several methods with the same weather and observations, over several seeds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from landda_hpc.commands.console.options import ConfigFile, SetOption, VerboseOption, parse_overrides
from landda_hpc.errors import ConfigError

Number = TypeVar("Number", int, float)


def command(
    file: ConfigFile,
    methods: Annotated[
        str,
        typer.Option(
            help="Runs of FILE, methods with their defaults, or either with settings: "
            "control,pointwise,'enkf_like:estimator=exact;members=20'. Default: all runs of FILE."
        ),
    ] = "",
    seeds: Annotated[str, typer.Option(help="Seeds; each is a campaign.")] = "1,2,3",
    baseline: Annotated[
        str | None, typer.Option(help="Method from which paired differences are computed; default: the first.")
    ] = None,
    last_days: Annotated[
        float | None,
        typer.Option(
            help="Number of scored days at the end of the assimilation window; default: half of the days that "
            "remain after verification.discard_days."
        ),
    ] = None,
    tune_gain: Annotated[
        bool,
        typer.Option(
            "--tune-gain",
            help="Also compare pointwise_best and smoothed_best: the constant gain, and the gain and smoothing "
            "length, with the best score against the truth, chosen for every seed.",
        ),
    ] = False,
    options: Annotated[
        str,
        typer.Option(
            metavar="SETS",
            help="Compare every method with each of these sets of options: plain, depth (vertical regression of the "
            "increments), drift (the model's drift is estimated), depth+drift. Default: the options in FILE.",
        ),
    ] = "",
    slopes: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Slopes from 'landda study regress' for the option depth, a path below data_root; default: the "
            "built-in slopes.",
        ),
    ] = None,
    gains: Annotated[str, typer.Option(help="Gains to try with --tune-gain.")] = "0.1,0.15,0.2,0.3,0.4,0.5,0.6,0.7,0.8",
    lengths: Annotated[
        str, typer.Option(help="Smoothing lengths to try with --tune-gain, km; 'none' omits smoothed_best.")
    ] = "150,300,500",
    csv: Annotated[
        Path | None, typer.Option(help="Table to write; default: comparison.csv in the output folder.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="DIR", help="Output folder; default: runs/compare_<name>."),
    ] = None,
    overrides: SetOption = None,
    overwrite: Annotated[
        bool,
        typer.Option(
            "--overwrite", help="Run all seeds again and replace their folders; other files in the output folder stay."
        ),
    ] = False,
    verbose: VerboseOption = False,
) -> None:
    """Compare methods with the same weather, truth and observations, over several seeds, in one table.

    Each seed is a campaign in DIR/seed_<n>. The table gives the mean of SCC and ubRMSE over seeds with 95 % confidence
    intervals (Student), and paired differences from the baseline, against the truth and, separately, against the
    assimilated reference. With --options the table has each method with and without depth and drift. It writes
    comparison.csv (one row per method, layer, window, stage, reference and score), comparison.md and two figures.

    After a stop of any kind the same command resumes, on any number of ranks. Finished seeds are not run again, so
    seeds can be added later.
    """
    from landda_hpc.commands.console.comparison_session import ComparisonSession, Request
    from landda_hpc.studies.comparison_options import parse_option_sets
    from landda_hpc.studies.comparison_tuning import tunings

    tried_lengths = () if lengths.strip() == "none" else _numbers("--lengths", lengths, float)
    request = Request(
        file=file,
        overrides=parse_overrides(overrides),
        methods=methods,
        seeds=_numbers("--seeds", seeds, int),
        baseline=baseline,
        last_days=last_days,
        tuned=tunings(_numbers("--gains", gains, float), tried_lengths) if tune_gain else (),
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
        raise ConfigError(f"{option} {text}: expected numbers separated by commas") from error
