"""Comparison of several methods and seeds in the same campaign: plan, folders and progress."""

from __future__ import annotations

import difflib
import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, Literal

from landda_hpc.campaign.cycle import Campaign
from landda_hpc.campaign.record_check import require_records
from landda_hpc.campaign.start import resume_campaign, start_campaign
from landda_hpc.config import (
    METHODS,
    CampaignConfig,
    TimeConfig,
    apply_overrides,
    parse_config,
    parse_yaml,
    read_resolved,
    settings_text,
    shorten,
)
from landda_hpc.errors import ConfigError, StorageError
from landda_hpc.instances.trajectory import changed_records, changed_trajectory, listed
from landda_hpc.parallel.communicator import Communicator
from landda_hpc.parallel.together import together
from landda_hpc.storage.campaign_folder import CampaignFolder
from landda_hpc.storage.folder_lock import PATIENT
from landda_hpc.studies.comparison_options import OptionSet, name_with, with_options
from landda_hpc.studies.comparison_tuning import Tuning

logger = logging.getLogger(__name__)

DEFAULT_MEMBERS: Final = 20
"""Members of a method that analyses ensembles, if a comparison names the method and not a run of the campaign."""


@dataclass(frozen=True)
class Comparison:
    """Plan of a comparison.

    Attributes
    ----------
    config : the campaign; its runs are the methods compared.
    seeds : one campaign for each.
    baseline : reference run of paired differences.
    since : only later times of the assimilation window count.
    tuned : runs with settings that are chosen with the truth.
    best : of each tuned run, its settings for every seed; empty before they are chosen.
    """

    config: CampaignConfig
    seeds: tuple[int, ...]
    baseline: str
    since: datetime
    tuned: tuple[str, ...] = ()
    best: Mapping[str, Mapping[int, Mapping[str, float]]] = field(default_factory=dict)

    @property
    def methods(self) -> tuple[str, ...]:
        return tuple(run.name for run in self.config.runs)

    def of_seed(self, seed: int) -> CampaignConfig:
        """The campaign of one seed. It draws no figures; `landda plot` draws them, and the comparison has its own."""
        output = self.config.output.model_copy(update={"figures": False})
        runs = tuple(
            run.model_copy(update=dict(self.best[run.name][seed])) if run.name in self.best else run
            for run in self.config.runs
        )
        return self.config.model_copy(update={"seed": seed, "output": output, "runs": runs})

    def with_best(self, best: Mapping[str, Mapping[int, Mapping[str, float]]]) -> Comparison:
        """The comparison with settings of its tuned runs; those with options take the settings of the run without."""
        names = {run: next((n for n in best if run.startswith(n)), None) for run in self.tuned}
        return replace(self, best={run: best[name] for run, name in names.items() if name is not None})

    def describe(self) -> list[str]:
        """One line per method: name, kind, and settings other than the default."""
        lines = []
        for run in self.config.runs:
            changed = run.changed_settings()
            note = ""
            if run.name in self.best:
                by_seed = self.best[run.name]
                changed = {key: v for key, v in changed.items() if all(key not in best for best in by_seed.values())}
                chosen = "; ".join(
                    f"seed {seed}: " + ", ".join(f"{key} {value:g}" for key, value in best.items())
                    for seed, best in by_seed.items()
                )
                note = f", tuned with the truth ({chosen})"
            lines.append(f"{run.name}: {run.method}, {settings_text(changed)}{note}")
        return lines


def plan_comparison(
    config: CampaignConfig,
    methods: Sequence[str] = (),
    seeds: Sequence[int] = (1, 2, 3),
    baseline: str | None = None,
    last_days: float | None = None,
    tuned: Sequence[Tuning] = (),
    options: Sequence[OptionSet] = (),
    slopes: Path | None = None,
) -> Comparison:
    """Validate the request and plan the comparison.

    Parameters
    ----------
    config : the campaign.
    methods : names of its runs, names of methods, or either with settings, ``name:key=value;key=value``; all runs
        of the campaign if empty.
    seeds : distinct, not negative.
    baseline : name of a run; the first by default.
    last_days : last days of the assimilation window that count; default: the second half of the window
        without ``verification.discard_days``.
    tuned : adds these runs, with their first candidates until the best ones are known (``Comparison.with_best``).
    options : every method is compared with each of these sets of options, see ``with_options``.
    slopes : file of the vertical regression for all methods.

    Raises
    ------
    ConfigError : with every problem found, unknown names with a suggestion.
    """
    problems: list[str] = []
    runs = [run.model_dump(mode="json") for run in config.runs]
    chosen = runs
    try:
        chosen = choose_runs(runs, methods)
    except ConfigError as error:
        problems += error.problems
    names_of_tuned = [tuning.name for tuning in tuned]
    chosen = [run for run in chosen if run["name"] not in names_of_tuned]
    chosen += [tuning.run(tuning.candidates[0]) for tuning in tuned]
    with_sets = tuple(name_with(name, one) for name in names_of_tuned for one in options or [()])
    chosen = with_options(chosen, options, slopes)
    names = [str(run["name"]) for run in chosen]
    if baseline is not None and baseline not in names and not problems:
        problems.append(f"--baseline {baseline}: not one of the compared methods.{_suggestion(baseline, names)}")
    if not seeds or len(set(seeds)) < len(seeds) or min(seeds) < 0:
        problems.append(f"--seeds {','.join(map(str, seeds))}: expected distinct whole numbers from 0 on, e.g. 1,2,3")
    try:
        since = counted_since(config.time, last_days, config.verification.discard_days)
    except ConfigError as error:
        problems += error.problems
    if problems:
        raise ConfigError(problems)
    raw = config.model_dump(mode="json") | {"runs": chosen}
    return Comparison(parse_config(raw), tuple(seeds), baseline or names[0], since, with_sets)


def choose_runs(runs: Sequence[Mapping[str, Any]], methods: Sequence[str]) -> list[dict[str, Any]]:
    """Runs of a campaign by name, methods with their defaults, or either with settings.

    Parameters
    ----------
    runs : the campaign's runs as plain data; they come before methods of the same name.
    methods : ``name`` or ``name:key=value;key=value``: dotted keys, values in YAML. Settings give the run a new
        name, unless they set it (``enkf_like:estimator=exact`` is 'enkf_like_estimator_exact').

    Returns
    -------
    Plain data, to be validated with the campaign.

    Raises
    ------
    ConfigError : with every unknown name and malformed setting.
    """
    by_name = {str(run["name"]): dict(run) for run in runs}
    chosen: list[dict[str, Any]] = []
    problems: list[str] = []
    for text in methods:
        name, separator, settings = (part.strip() for part in text.partition(":"))
        if name in by_name:
            run = by_name[name]
        elif name in METHODS:
            run = {"method": name, "name": name}
            if METHODS[name].needs_ensemble:
                run["ensemble"] = {"members": DEFAULT_MEMBERS}
        else:
            known = list(dict.fromkeys((*by_name, *METHODS)))
            problems.append(f"--methods {name}: neither a run of the file nor a method.{_suggestion(name, known)}")
            continue
        try:
            chosen.append(_with_settings(run, settings) if separator else run)
        except ConfigError as error:
            problems += [f"--methods {text}: {problem}" for problem in error.problems]
    if problems:
        raise ConfigError(problems)
    return chosen or list(by_name.values())


def _with_settings(run: Mapping[str, Any], settings: str) -> dict[str, Any]:
    overrides: dict[str, Any] = {}
    for item in settings.split(";"):
        key, separator, value = (part.strip() for part in item.partition("="))
        if not separator or not key or key == "method":
            raise ConfigError(f"'{item}' is not a setting of a method; expected key=value, e.g. gain=0.3")
        overrides[key] = parse_yaml(value, f"'{shorten(item)}': the value")
    # An absent section is None in plain data and must be created before its keys are set.
    parents = {key.split(".")[0] for key in overrides if "." in key}
    plain = {k: {} if k in parents and v is None else v for k, v in run.items()}
    changed = apply_overrides(plain, overrides, within="runs.*")
    if "name" not in overrides:
        words = re.sub(r"[^a-z0-9]+", "_", f"{run['name']}_{settings.lower()}")
        changed["name"] = words.strip("_")[:40]
    return changed


def _suggestion(name: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f" Did you mean '{close[0]}'?" if close else f" Known: {', '.join(known)}."


def split_methods(text: str) -> list[str]:
    """Split at commas outside of brackets: ``a,b:errors={kind: white, std: 0.06}`` are two."""
    parts, depth = [""], 0
    for character in text:
        depth += (character in "{[") - (character in "}]")
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return [part.strip() for part in parts if part.strip()]


def counted_since(time: TimeConfig, last_days: float | None, discard_days: int = 0) -> datetime:
    """The time after which the assimilation window counts.

    Parameters
    ----------
    last_days : default: half of the days that are not discarded.
    discard_days : days from the start that are never counted (``verification.discard_days``).

    Raises
    ------
    ConfigError : there is no assimilation window, all of it is discarded, or it has fewer remaining days.
    """
    window = time.assimilation_end - time.start
    if not window:
        raise ConfigError("time.assimilation_end is time.start: without an analysis there is nothing to compare.")
    left = window - timedelta(days=discard_days)
    if left <= timedelta(0):
        raise ConfigError(f"verification.discard_days = {discard_days} discards the whole window.")
    if last_days is None:
        return time.assimilation_end - left / 2
    if not 0.0 < last_days <= left / timedelta(days=1):
        without = f", {discard_days} days being discarded" if discard_days else ""
        raise ConfigError(
            f"--last-days {last_days:g}: expected more than 0 and at most {left / timedelta(days=1):g}{without}"
        )
    return time.assimilation_end - timedelta(days=last_days)


def open_seed(
    config: CampaignConfig, world: Communicator, output: Path, overwrite: bool = False, *, same_records: bool = True
) -> Campaign | None:
    """Start or resume a campaign, unless it is finished. Collective.

    Parameters
    ----------
    output : its folder.
    overwrite : start again, replacing an existing campaign.
    same_records : the records must also agree with the configuration; otherwise those of the folder are used.

    Returns
    -------
    None if the campaign is finished; its records are in ``output``.

    Raises
    ------
    ConfigError : the folder holds a campaign of another trajectory, or with other records.
    StorageError, DataError : as ``start_campaign`` and ``resume_campaign``.
    """
    state: Literal["absent", "begun", "finished"] = "absent"
    with together(world, f"looking at {output}"):
        if world.rank == 0 and not overwrite:
            state = _state_of(config, output, same_records)
    state = world.broadcast(state)
    if state == "finished":
        return None
    if state == "begun":
        return resume_campaign(output, world, asked=config, claim=PATIENT)
    return start_campaign(config, world, output, overwrite, claim=PATIENT)


def _state_of(config: CampaignConfig, output: Path, same_records: bool) -> Literal["absent", "begun", "finished"]:
    if not (output / "config.yaml").is_file() or CampaignFolder(output).is_preparing:
        return "absent"
    folder = CampaignFolder.open(output)
    found = read_resolved(folder.config_file)
    changed = changed_trajectory(found, config)
    changed += changed_records(found.verification, config.verification) if same_records else []
    if changed:
        runs = ", ".join(run.name for run in found.runs)
        raise ConfigError(
            f"{output} holds a campaign with other settings or methods ({runs}): {listed(changed)} differ. Choose "
            "another folder with --output, or replace it with --overwrite."
        )
    status = folder.read_status()
    if status is None or status.state != "finished":
        return "begun"
    try:
        require_records(folder)
    except StorageError as error:
        logger.warning("%s", error)
        return "begun"  # the resume computes missing parts again, or reports why it cannot
    return "finished"
