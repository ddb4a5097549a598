"""Report on a campaign's observations: counts by reason, and the effect of the bias treatment on their structure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from landda_hpc.campaign.observation_preparation import ObservationProcessing
from landda_hpc.config import FrameConfig, Observations, TimeConfig
from landda_hpc.constants import FloatArray
from landda_hpc.curvelet.backends import Frame
from landda_hpc.errors import ConfigError
from landda_hpc.instances.domain import Domain
from landda_hpc.io.markdown import MarkdownPage
from landda_hpc.methods.base.curvelet_frame import make_frame
from landda_hpc.observation.bias_report import Energies, StructureEffect, add_image
from landda_hpc.observation.source import ObservationSource

CHECKS_OF_A_FORECAST = ("frozen_model", "frozen_temperature", "snow_amount", "spike", "innovation")
"""Checks that need a running model, or its memory; a report from files alone omits them."""


@dataclass(eq=False)
class ObservationReport:
    """Observations of the analysis times, as far as the files alone show.

    Attributes
    ----------
    times : with an observation.
    missing : times without one.
    counts : cells by reason, summed over the times.
    left_out : checks of the configuration that were omitted, because they need the running model.
    statistics : of used values, m3 m-3: mean, standard deviation, mean error standard deviation.
    bias : name of the bias treatment.
    bias_by_season : soil cells by season and by the climatology that their treatment uses; empty without seasons.
    effect : of the bias treatment; None without one.
    """

    times: list[datetime] = field(default_factory=list)
    missing: list[datetime] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()
    statistics: dict[str, float] = field(default_factory=dict)
    bias: str = "none"
    bias_by_season: dict[str, dict[str, int]] = field(default_factory=dict)
    effect: StructureEffect | None = None

    def to_plain(self) -> dict[str, Any]:
        """Numbers and texts for JSON."""
        return {
            "times": [time.isoformat() for time in self.times],
            "missing": [time.isoformat() for time in self.missing],
            "counts": self.counts,
            "checks_left_out": list(self.left_out),
            "statistics": self.statistics,
            "bias": self.bias,
            "bias_by_season": self.bias_by_season,
            "effect": None if self.effect is None else asdict(self.effect),
        }


def report_observations(
    observations: Observations, clock: TimeConfig, domain: Domain, source: ObservationSource, data_root: Path, seed: int
) -> ObservationReport:
    """Read every observation of a campaign's analysis times and process it as the campaign would. Local.

    Raises
    ------
    ConfigError : a twin, whose observations need a model run.
    DataError, MissingFileError : a file is not usable.
    """
    if observations.kind == "twin":
        raise ConfigError(
            "the observations of a twin come from its nature run. Run the campaign, then report on its folder."
        )
    standing = {name: getattr(observations.quality, name) for name in CHECKS_OF_A_FORECAST}
    off = {name: False if isinstance(value, bool) else None for name, value in standing.items()}
    further = observations.quality.checks
    kept = [c for c in further if not (c.needs_model or c.needs_surface or c.needs_backgrounds)]
    quality = observations.quality.model_copy(update={**off, "checks": tuple(kept)})
    without_model = observations.model_copy(update={"quality": quality})
    processing = ObservationProcessing(without_model, [], domain, data_root, seed)
    report = ObservationReport(
        left_out=(
            *(name for name, value in standing.items() if value not in (None, False)),
            *(f"checks: {check.kind}" for check in further if check not in kept),
        ),
        bias=observations.bias.kind,
        bias_by_season=processing.bias_by_season,
        effect=None if processing.bias.treated is None else StructureEffect(),
    )
    energies = scale_energies(make_frame(FrameConfig(), domain.grid))
    nothing = np.zeros(domain.grid.shape, dtype=np.bool_)
    sums = np.zeros(4)
    for number in range(1, clock.n_analyses + 1):
        time = clock.valid_time(number)
        given = source.at(time)
        (report.missing if given is None else report.times).append(time)
        if given is None:
            continue
        checked = processing(given, nothing, None, {})
        add_counts(report.counts, checked.counts)
        used = checked.values[checked.is_used]
        assert checked.error_std is not None, "processing gives every observation its errors"
        sums += used.size, used.sum(), (used**2).sum(), checked.error_std[checked.is_used].sum()
        climatology = processing.bias.model_mean(time)
        if report.effect is not None and climatology is not None and checked.untreated is not None:
            before = np.where(checked.is_used, checked.untreated, np.nan)
            add_image(report.effect, before, checked.values, climatology, energies)
    if sums[0]:
        mean = sums[1] / sums[0]
        std = np.sqrt(max(sums[2] / sums[0] - mean**2, 0.0))
        report.statistics = {"mean": mean, "std": float(std), "error_std": sums[3] / sums[0]}
        report.statistics = {name: float(value) for name, value in report.statistics.items()}
    return report


def add_counts(total: dict[str, int], counts: Mapping[str, int]) -> None:
    """Add counts by reason to a total, in place."""
    for reason, number in counts.items():
        total[reason] = total.get(reason, 0) + number


def counts_of_records(records: Iterable[Mapping[str, Any]], product: str | None = None) -> tuple[int, dict[str, int]]:
    """Number of times with observations, and cells by reason summed over them, from the lines of cycles.jsonl.

    All runs of a cycle use the same observations, so only the first line of a cycle is used.

    Parameters
    ----------
    records : lines of cycles.jsonl.
    product : name of one of several products; None: the observations that are assimilated.
    """
    total: dict[str, int] = {}
    seen: set[int] = set()
    for line in records:
        cycle = int(line["cycle"])
        record = line if product is None else line.get("products", {}).get(product, {})
        if cycle not in seen and isinstance(record.get("observations"), Mapping):
            seen.add(cycle)
            add_counts(total, record["observations"])
    return len(seen), total


def counts_table(n_times: int, counts: Mapping[str, int]) -> list[tuple[str, str, str]]:
    """Rows (reason, cells, fraction of the cells with a value on the model's soil), for reasons that occurred.

    Cells that are missing, or outside the model's soil, have no fraction.
    """
    apart = {"missing", "outside the model's soil"}
    judged = sum(n for reason, n in counts.items() if reason not in apart)
    rows = []
    for reason, n in counts.items():
        if n or reason == "used":
            share = "" if reason in apart or not judged else f"{100.0 * n / judged:.2f} %"
            rows.append((reason, f"{n} ({n / n_times:.0f} per time)" if n_times else "0", share))
    return rows


def counts_markdown(records: Sequence[Mapping[str, Any]]) -> str:
    """The counts of lines of cycles.jsonl as a Markdown page, with a section for each of several products."""
    page = MarkdownPage("Observations")
    _add_counts(page, *counts_of_records(records))
    for name in products_of_records(records):
        page.section(f"Product {name}")
        _add_counts(page, *counts_of_records(records, name))
    return page.content()


def products_of_records(records: Iterable[Mapping[str, Any]]) -> list[str]:
    """Names of several products in lines of cycles.jsonl, in the order of their first occurrence."""
    return list(dict.fromkeys(name for record in records for name in record.get("products", ())))


def _add_counts(page: MarkdownPage, n_times: int, counts: Mapping[str, int]) -> None:
    page.text(
        f"Times with observations: {n_times}. The table counts cells, summed over these times, by use or by the "
        f"first reason for their rejection."
    )
    page.table(("reason", "cells", "fraction of the values on soil"), counts_table(n_times, counts))


def scale_energies(frame: Frame) -> Energies:
    """Energy of an image's curvelet coefficients by scale and by wedge, m6 m-6; scale 0 is the coarsest.

    Names are ``scale j`` and ``scale j wedge l``.
    """

    def energies(image: FloatArray) -> dict[str, float]:
        energy = np.zeros(frame.n_var)
        frame.accumulate_energy(image, energy)
        by_name: dict[str, float] = {}
        for block in frame.blocks:
            value = float(energy[block.variances].sum())
            scale = f"scale {block.scale}"
            by_name[scale] = by_name.get(scale, 0.0) + value
            by_name[f"{scale} wedge {block.wedge}"] = value
        return by_name

    return energies
