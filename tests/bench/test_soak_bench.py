"""A long campaign on 64 x 128 cells, without interruption and with random kills: what grows with its cycles?

``LANDDA_SOAK_CYCLES`` (1000) and ``LANDDA_SOAK_KILLS`` (10) set its length. Memory, open files and CPU seconds of
rank 0 are read from /proc once per cycle.
"""

from __future__ import annotations

import os
import random
import subprocess
import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.campaign.conftest import CONFIG, Landda
from tests.campaign.test_kills import RECORDS, children, end

pytestmark = [pytest.mark.bench, pytest.mark.timeout(24 * 3600)]

CYCLES = int(os.environ.get("LANDDA_SOAK_CYCLES", "1000"))
KILLS = int(os.environ.get("LANDDA_SOAK_KILLS", "10"))
RANKS = 2
MAX_GROWTH = 0.02
"""Of memory between two quarters of the cycles: a leak of 100 kB per cycle at 1000 cycles shows."""

LOOK_EVERY_S = 0.05
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass
class Samples:
    """One row per cycle: cycle, resident memory in kB, open files, CPU seconds."""

    rows: list[tuple[int, float, float, float]] = field(default_factory=list)

    def add(self, cycle: int, pid: int) -> None:
        process = Path(f"/proc/{pid}")
        try:
            status, stat = (process / "status").read_text(), (process / "stat").read_text()
            n_files = len(list((process / "fd").iterdir()))
        except OSError:  # it has ended in the meantime
            return
        memory = next((line.split()[1] for line in status.splitlines() if line.startswith("VmRSS")), None)
        if memory is not None and (not self.rows or cycle > self.rows[-1][0]):
            times = stat.rpartition(")")[2].split()
            self.rows.append((cycle, float(memory), n_files, (int(times[11]) + int(times[12])) / TICKS_PER_S))

    def describe(self) -> str:
        """Means of the third and fourth quarter, and slopes of the second half with their standard errors.

        Memory grows in the first month, in which the file of daily means becomes longer every day.
        """
        rows = np.array(self.rows[len(self.rows) // 2 :], dtype=float)
        cycles, quarter = rows[1:, 0], len(rows) // 2
        values = {
            "memory, MB": rows[1:, 1] / 1e3,
            "open files": rows[1:, 2],
            "CPU s per cycle": np.diff(rows[:, 3]) / np.diff(rows[:, 0]),
        }
        lines = [f"rank 0, cycles {cycles[0]:.0f} to {cycles[-1]:.0f}"]
        for name, series in values.items():
            (slope, _), covariance = np.polyfit(cycles, series, 1, cov=True)
            error = 1000.0 * np.sqrt(covariance[0, 0])
            means = f"third quarter {series[:quarter].mean():.4g}, fourth {series[quarter:].mean():.4g}"
            lines.append(f"  {name}: {means}, slope per 1000 cycles {1000 * slope:+.3g} (standard error {error:.1g})")
        return "\n".join(lines)

    def growth(self) -> tuple[float, float]:
        """Growth of memory, 1, and of the number of open files, from the third to the fourth quarter."""
        n = len(self.rows)
        _, memory, files, _ = np.array(self.rows, dtype=float).T
        third, fourth = slice(n // 2, 3 * n // 4), slice(3 * n // 4, n)
        more_files = float(np.median(files[fourth]) - np.median(files[third]))
        return float(memory[fourth].mean() / memory[third].mean()) - 1.0, more_files


def last_cycle(output: Path) -> int:
    """The last recorded cycle, from the end of the file."""
    file = output / "seconds.jsonl"
    if not file.exists():
        return 0
    with file.open("rb") as opened:
        opened.seek(max(0, file.stat().st_size - 8000))
        lines = [line for line in opened.read().split(b"\n") if line.startswith(b'{"cycle": ')]
    return int(lines[-1][10 : lines[-1].index(b",")]) if lines else 0


def begin(landda: Landda, *arguments: object) -> subprocess.Popen[str]:
    """Start a job, with its output in a file: a pipe that is not read holds only some hundred cycles."""
    with (landda.folder / "output.txt").open("w") as out:
        return subprocess.Popen(
            landda.command(RANKS, *arguments), stdout=out, stderr=subprocess.STDOUT, text=True, cwd=landda.folder,
            stdin=subprocess.DEVNULL, start_new_session=True, env=landda.environment,
        )  # fmt: skip


def config(cycles: int) -> dict[str, Any]:
    start = datetime(2022, 6, 2)
    until = (start + timedelta(hours=6 * cycles)).isoformat()
    return {
        "time": {"start": start.isoformat(), "assimilation_end": until, "end": until},
        "grid": {"n_lat": 64, "n_lon": 128},
        "model": {**CONFIG["model"], "physics": "soil_water"},
        "runs": [{"method": "control"}, {"method": "pointwise"}],
        "checkpoint": {"every_hours": 24, "keep_last": 2},
        "output": {
            "every_hours": 24, "figures": False, "keep_images": {"last": 3},
            "series": {"means": True, "keep": {"last": 3}},
        },
    }  # fmt: skip


def test_nothing_grows_with_the_cycles_and_kills_lose_nothing(tmp_path: Path) -> None:
    landda, choice = Landda(tmp_path), random.Random(20221129)
    file = landda.write(**config(CYCLES))

    samples, whole = Samples(), tmp_path / "whole"
    process = begin(landda, "run", file, "--output", "whole")
    while process.poll() is None:
        if (done := last_cycle(whole)) and (ranks := children(process.pid)):
            samples.add(done, ranks[0])
        time.sleep(LOOK_EVERY_S)
    assert process.returncode == 0, (tmp_path / "output.txt").read_text()
    print(samples.describe())
    memory, files = samples.growth()
    assert memory < MAX_GROWTH and files <= 0, (memory, files)

    kills, output = sorted(choice.sample(range(1, CYCLES), KILLS)), tmp_path / "out"
    for cycle in [*kills, CYCLES + 1]:
        step = ("resume", "out") if (output / "config.yaml").is_file() else ("run", str(file), "--output", "out")
        process, began = begin(landda, *step), time.monotonic()
        while process.poll() is None and last_cycle(output) < cycle:
            time.sleep(LOOK_EVERY_S)
        if process.poll() is None:
            end(process, choice)
        print(f"leg to cycle {last_cycle(output)}: {time.monotonic() - began:.0f} s")
    assert process.returncode == 0, (tmp_path / "output.txt").read_text()
    assert landda.digest("out") == landda.digest("whole")
    for name in RECORDS:
        if (whole / name).exists():
            assert (output / name).read_bytes() == (whole / name).read_bytes(), name
