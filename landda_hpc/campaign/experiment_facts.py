"""What a campaign was, in terms and short texts: for the box of its page, and how to reproduce it."""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, Final

from landda_hpc.config import OPERATIONAL_STD, CampaignConfig, Observations, Run, TwinConfig, settings_text
from landda_hpc.instances.domain import Domain
from landda_hpc.storage import checkpoint
from landda_hpc.storage.campaign_folder import CampaignFolder
from landda_hpc.storage.provenance_log import read_events
from landda_hpc.storage.retention import list_checkpoints
from landda_hpc.verification.tables.score_records import TRUTH, ScoreRecord

Facts = list[tuple[str, str]]

MODERATE_SCC: Final = 0.7
"""Smallest mean correlation of the free run with the truth at which the model errors of a twin are called moderate.

Real climatologies correlate with products at 0.75 to 0.8; with the enlarged errors of [B26] a free run is at 0.4.
"""


@dataclass(frozen=True, eq=False)
class Experiment:
    """A campaign to be described.

    Attributes
    ----------
    config, domain : of the campaign.
    records : its scores, for the size of the model errors.
    cycles : lines of ``cycles.jsonl``, for errors that were learned.
    """

    config: CampaignConfig
    domain: Domain
    records: Sequence[ScoreRecord]
    cycles: Sequence[Mapping[str, Any]]


def experiment_facts(experiment: Experiment, seeds: Sequence[int] = ()) -> Facts:
    """Return the box of the experiment.

    Parameters
    ----------
    seeds : of several campaigns that are otherwise the same; default: that of the configuration.
    """
    config, domain, cycles = experiment.config, experiment.domain, experiment.cycles
    free = next((run.name for run in config.runs if not run.assimilates), "")
    time = config.time
    facts = [("Purpose", config.description)] if config.description else []
    facts += [("Label", config.output.label)] if config.output.label else []
    analyses = f"{time.n_analyses} analyses, the last at {time.assimilation_end:%Y-%m-%d %H:%M}"
    period = (
        f"{time.start:%Y-%m-%d %H:%M} to {time.end:%Y-%m-%d %H:%M} UTC in {time.n_cycles} cycles of "
        f"{time.cycle_hours} h; {analyses}"
    )
    facts += [
        ("Period", period),
        ("Grid", f"{domain.grid.describe()}; {len(domain.cells)} land cells, {int(domain.is_scored.sum())} scored"),
        ("Land model", _section(config.model)),
        ("Weather", _section(config.forcing)),
        ("Truth", _truth(config.twin, _size(experiment.records, free))),
        ("Observations", _observations(config.observations)),
        ("Seeds" if len(seeds) > 1 else "Seed", ", ".join(map(str, seeds or (config.seed,)))),
    ]
    return facts + [(f"Run {run.name}", run_words(run, cycles)) for run in config.runs]


def run_words(run: Run, cycles: Sequence[Mapping[str, Any]]) -> str:
    """Return method, settings and errors of a run."""
    members = "" if run.ensemble is None else f", ensemble of {run.ensemble.members} model states"
    errors = error_words(run, next((r for r in reversed(cycles) if r["run"] == run.name and "gain_mean" in r), None))
    errors = "; ".join(text for text in (errors, baseline_words(run)) if text)
    return f"{run.method}{members}; settings: {_plain(run.changed_settings())}{f'; {errors}' if errors else ''}"


def baseline_words(run: Run) -> str:
    """Return that a run is the baseline of static errors, if it is; otherwise an empty text."""
    if run.static_background_std != OPERATIONAL_STD:
        return ""
    return (
        f"baseline: the static background error of operational land analyses, {OPERATIONAL_STD:g} m³ m⁻³ in every cell "
        "and analysed layer"
    )


def error_words(run: Run, last: Mapping[str, Any] | None) -> str:
    """Return the errors that a run assumes, or that it has learned by its last analysis; empty if it has none."""
    pairs = (("background", "background_std_by_scale"), ("observation", "observation_std_by_scale"))
    if last is not None and all(last.get(key) for _, key in pairs):
        how = "learned" if last.get("is_learned") == 1.0 else "not yet learned" if "is_learned" in last else "assumed"
        spans = [f"{name} {_span(last[key])}" for name, key in pairs]
        return f"errors {how}: {', '.join(spans)} m³ m⁻³ from the coarsest scale to the finest"
    models = {name: getattr(run, f"{name}_errors", None) for name in ("background", "observation")}
    assumed = [
        (name, getattr(run, f"{name}_std", None) if model is None else model.constant_std)
        for name, model in models.items()
    ]
    if all(std is not None for _, std in assumed):
        return f"errors assumed: {', '.join(f'{name} {std:g}' for name, std in assumed)} m³ m⁻³"
    gain = getattr(run, "gain", None) if models["background"] is None else None
    return f"gain assumed: {gain:.3g}" if isinstance(gain, float) else ""


def _span(values: Sequence[float | None]) -> str:
    ends = [math.nan if v is None else v for v in (values[0], values[-1])]
    return f"{ends[0]:.3f} to {ends[1]:.3f}"


def _plain(settings: Mapping[str, Any]) -> str:
    return settings_text(settings).removeprefix("{").removesuffix("}")


def _section(section: Any) -> str:
    """Return the kind of a section, and its keys that differ from the default."""
    if section is None:
        return "that of the model"
    plain = section.model_dump(mode="json", exclude_defaults=True)
    kind = str(section.kind)
    physics = getattr(section, "physics", None)
    name = kind if physics is None else f"{kind}, physics {physics}"
    settings = {key: value for key, value in plain.items() if key not in ("kind", "physics")}
    return f"{name}; settings: {_plain(settings)}"


def _truth(twin: TwinConfig | None, size: str) -> str:
    if twin is None:
        return "none: real observations"
    return (
        f"twin experiment: a nature run with errors {_plain(twin.model_dump(mode='json', exclude_defaults=True))}{size}"
    )


def _size(records: Sequence[ScoreRecord], free: str) -> str:
    """Return whether the errors of a twin are moderate or enlarged, as the free run shows."""
    of_control = [r for r in records if r.run == free and r.reference == TRUTH]
    layer = of_control[0].layer if of_control else ""
    known = [r.scc for r in of_control if r.layer == layer and not math.isnan(r.scc)]
    if not known:
        return ""
    mean = math.fsum(known) / len(known)
    size = "moderate" if mean >= MODERATE_SCC else "forced (enlarged)"
    return f"; model errors are {size}: the free run correlates at {mean:.2f} with the truth, {layer}"


def _observations(asked: Observations) -> str:
    top, bottom = (100.0 * depth for depth in asked.depth_m)
    source = "of the nature run" if asked.kind == "twin" else asked.catalogue_entry or asked.kind
    parts = [f"soil moisture {top:g}-{bottom:g} cm {source}"]
    if asked.kind == "twin":
        parts.append(f"white errors of {asked.error_std:g} m³ m⁻³")
        if asked.correlated_std:
            parts.append(f"correlated errors of {asked.correlated_std:g} m³ m⁻³")
        if asked.missing_fraction:
            parts.append(f"{100.0 * asked.missing_fraction:g} % missing")
    if asked.monitor_only:
        parts.append("compared only, not assimilated")
    return ", ".join(parts)


def reproduction_html(folder: CampaignFolder, seed: int) -> str:
    """Return how to compute the campaign again: commands, versions, digest and configuration, as HTML."""
    rows: Facts = [("configuration", "below, and in config.yaml"), ("seed", str(seed))]
    events = read_events(folder.path)
    commands = [shlex.join(["landda", *map(str, event["command"][1:])]) for event in events if event.get("command")]
    rows += [("command" if n == 0 else "then", command) for n, command in enumerate(commands)]
    if events:
        last = events[-1]
        packages = ", ".join(f"{name} {v}" for name, v in last.get("packages", {}).items())
        rows += [
            ("version", f"landda_hpc {last.get('version')}, commit {last.get('git') or 'unknown'}"),
            ("ranks", f"{last.get('ranks', '?')}; the result does not depend on their number"),
            ("processor", f"{last.get('cpu')}, {last.get('system')}"),
            ("packages", f"Python {last.get('python')}; {packages}; Fourier transforms by {last.get('fourier')}"),
        ]
    kept = list_checkpoints(folder.checkpoints)
    if kept:
        rows.append(("digest of the last state", f"{checkpoint.digest(kept[-1][1])} ({kept[-1][1].name})"))
    terms = "".join(f"<div><dt>{escape(term)}</dt><dd><code>{escape(text)}</code></dd></div>" for term, text in rows)
    text = folder.config_file.read_text(encoding="utf-8")
    return (
        "<p>The same configuration, version and type of processor give the same bits; <code>landda digest DIR</code> "
        f"prints the digest.</p><dl>{terms}</dl><details><summary>Configuration</summary>"
        f'<pre tabindex="0" aria-label="Configuration">{escape(text)}</pre></details>'
    )
