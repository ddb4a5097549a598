"""Short campaigns on several numbers of ranks, and what each rank used in them."""

from __future__ import annotations

import json
import math
import os
import shlex
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import numpy as np

from landda_hpc.campaign.balance import MEASURED_H
from landda_hpc.campaign.timing import STEPS, read_rank_log
from landda_hpc.campaign.trial import shortened
from landda_hpc.config import CampaignConfig, dump_config, load_config, parse_config, read_resolved
from landda_hpc.constants import FloatArray
from landda_hpc.errors import ConfigError, ParallelError
from landda_hpc.io.atomic import write_text
from landda_hpc.parallel.job_environment import own_environment
from landda_hpc.storage.campaign_folder import CampaignFolder
from landda_hpc.storage.folder_claim import is_marked

MACHINE_FILE: Final = "machine.json"


@dataclass(frozen=True, eq=False)
class Measured:
    """Means per cycle over the steady cycles of a short campaign.

    Steady are those after the land cells have been distributed by measured cost, without the first, which loads
    compiled code and in which several ranks compute the weather of many days.

    Attributes
    ----------
    ranks : number of ranks.
    grid : (n_lat, n_lon).
    compute : CPU seconds outside of communication, (n_steps, ranks), in the order of ``STEPS``.
    cpu : CPU seconds, (n_steps, ranks).
    wall : seconds, (n_steps, ranks); with more ranks than cores they contain the work of other ranks.
    n_bytes, n_messages, n_calls : communication, (n_steps, ranks); of the step checkpoint without that of HDF5.
    peak : largest memory of each rank, bytes, (ranks,).
    written : bytes of records, images and series per cycle.
    checkpoint : bytes of one checkpoint.
    checkpoint_every : cycles between two checkpoints in the complete campaign; the step checkpoint is divided by it.
    """

    ranks: int
    grid: tuple[int, int]
    compute: FloatArray
    cpu: FloatArray
    wall: FloatArray
    n_bytes: FloatArray
    n_messages: FloatArray
    n_calls: FloatArray
    peak: FloatArray
    written: float
    checkpoint: float
    checkpoint_every: float

    def busiest(self, step: str) -> float:
        """CPU seconds of computing on the busiest rank in a step of a cycle."""
        return float(self.compute[STEPS.index(step)].max())

    def imbalance(self, step: str) -> float:
        """Busiest rank relative to the mean of all ranks, minus 1; 0 is perfect, NaN without work."""
        used = self.compute[STEPS.index(step)]
        return float(used.max() / used.mean() - 1.0) if used.mean() > 0.0 else math.nan


@dataclass(frozen=True)
class Launcher:
    """Command that starts the ranks of a job.

    Attributes
    ----------
    template : words of the command; ``{ranks}`` is replaced by the number of ranks. Without it, ``-n`` and the number
        are appended.
    """

    template: str

    def __call__(self, ranks: int, *arguments: object) -> None:
        """Run ``landda`` with arguments on a number of ranks, and wait for its end. Local.

        Raises
        ------
        ConfigError : there is no such launcher.
        ParallelError : the command ended with another code than 0.
        """
        words = shlex.split(self.template)
        command = [word.replace("{ranks}", str(ranks)) for word in words]
        if command == words:
            command += ["-n", str(ranks)]
        command += [sys.executable, "-m", "mpi4py", "-m", "landda_hpc", *(str(one) for one in arguments)]
        try:
            done = subprocess.run(  # noqa: S603 - the launcher is the user's own
                command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
                env=own_environment(os.environ, {}),
            )  # fmt: skip
        except OSError as error:
            raise ConfigError(
                f"--launcher '{self.template}' cannot be started: {error.strerror}. Name the command that starts MPI "
                "programs, or source env/mpi.sh first."
            ) from error
        if done.returncode:
            last = "\n".join((done.stderr.strip() or done.stdout.strip()).splitlines()[-12:])
            raise ParallelError(
                f"'{shlex.join(command)}' ended with code {done.returncode}. With more ranks than cores the launcher "
                f"must allow it: source env/mpi.sh first. Its last lines:\n{last}"
            )


@dataclass(frozen=True, eq=False)
class ShortRun:
    """The first cycles of a campaign on one number of ranks.

    Attributes
    ----------
    whole : the campaign, on the grid of this run.
    short : its first cycles.
    ranks : number of ranks.
    folder : of the output.
    """

    whole: CampaignConfig
    short: CampaignConfig
    ranks: int
    folder: Path

    @classmethod
    def of(
        cls, file: Path, overrides: Mapping[str, Any], ranks: int, cycles: int, folder: Path, times_cells: float = 1.0
    ) -> Self:
        """The first cycles of a campaign, without spin-up and figures, on a grid with so many times the cells.

        After ``cycles`` cycles there is a checkpoint, and land cells are distributed by measured cost; so many again
        are measured.

        Raises
        ------
        ConfigError : the configuration is not valid, it has fewer cycles, or its grid cannot be changed.
        """
        whole = load_config(file, dict(overrides))
        clock, plain = whole.time, whole.model_dump(mode="json")
        total = 2 * cycles
        if total > clock.n_cycles:
            raise ConfigError(f"--cycles {cycles} needs {total} cycles; the campaign has {clock.n_cycles}.")
        if times_cells != 1.0:
            if whole.case is not None:
                raise ConfigError("--weak enlarges the grid; that of a CoLM case is given by its files.")
            for name in ("n_lat", "n_lon"):
                plain["grid"][name] = 2 * round(plain["grid"][name] * math.sqrt(times_cells) / 2)
            whole = parse_config(plain)
        short = shortened(whole.model_dump(mode="json"), clock, min(total, clock.n_analyses), total)
        short["checkpoint"] |= {"every_hours": cycles * clock.cycle_hours}
        if short["parallel"]["rebalance"] == "auto":
            short["parallel"]["rebalance"] = "always"
        return cls(whole, parse_config(short), ranks, folder / f"ranks_{ranks}")

    @property
    def is_distributed(self) -> bool:
        """Whether the cycles before those that are counted measure the cost of land cells: a day, without the first."""
        clock = self.short.time
        return (clock.n_cycles // 2 - 1) * clock.cycle_hours >= MEASURED_H

    def run(self, launcher: Launcher) -> None:
        """Run it, or resume it; one that is finished stays. Local: starts a job.

        Raises
        ------
        ConfigError : the folder has another campaign.
        ParallelError : the job failed.
        """
        if is_marked(self.folder):
            found = CampaignFolder.open(self.folder)
            if found.config_file.is_file() and read_resolved(found.config_file) != self.short:
                raise ConfigError(f"{self.folder} has a campaign with another configuration. Choose another --output.")
            state = found.standing()
            if state == "finished":
                return
            if state in ("running", "unknown"):
                raise ConfigError(f"{self.folder}: a job may still be running ({found.owner()}). Wait for its end.")
            if state != "not begun":
                launcher(self.ranks, "resume", self.folder, "--rank-logs")
                return
        file = self.folder.with_suffix(".yaml")
        write_text(file, dump_config(self.short), make_folder=True)
        launcher(self.ranks, "run", file, "--output", self.folder, "--rank-logs", "--overwrite")

    def measure(self) -> Measured:
        """Read what each rank used. Local.

        Raises
        ------
        DataError, OSError : logs of ranks are missing.
        """
        clock = self.short.time
        counted = max(1, clock.n_cycles // 2 - 1)
        every = max(1.0, self.whole.checkpoint.every_hours / clock.cycle_hours)
        used, peak = np.empty((6, len(STEPS), self.ranks)), np.empty(self.ranks)
        for rank in range(self.ranks):
            lines = read_rank_log(self.folder / f"landda.rank{rank:05d}.log")[-counted:]
            values = [[list(vars(cycle[step]).values()) for step in STEPS] for cycle, _ in lines]
            used[:, :, rank] = np.mean(values, axis=0).T
            peak[rank] = max(size for _, size in lines)
        # One checkpoint in the counted cycles; in the campaign it comes every so many cycles.
        used[:, STEPS.index("checkpoint")] *= counted / every
        wall, cpu, compute, n_bytes, n_messages, n_calls = used
        found = CampaignFolder.open(self.folder)
        kept = [float(record["bytes_kept"]) for record in found.read_records("seconds")]
        checkpoints = [path.stat().st_size for path in found.checkpoints.glob("*.h5")]
        return Measured(
            ranks=self.ranks,
            grid=(self.short.grid.n_lat, self.short.grid.n_lon),
            compute=compute,
            cpu=cpu,
            wall=wall,
            n_bytes=n_bytes,
            n_messages=n_messages,
            n_calls=n_calls,
            peak=peak,
            written=(kept[-1] - kept[0]) / max(1, len(kept) - 1),
            checkpoint=float(max(checkpoints, default=0)),
            checkpoint_every=every,
        )


def measure_machine(ranks: int, folder: Path, launcher: Launcher) -> dict[str, Any]:
    """Constants of the machine (``landda bench machine``), measured once per folder and number of ranks."""
    path = folder / MACHINE_FILE
    if not path.is_file() or _constants(path)["ranks"] != ranks:
        launcher(ranks, "bench", "machine", folder, "--json", path)
    return _constants(path)


def _constants(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found
