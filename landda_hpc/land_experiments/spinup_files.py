"""The files of a spin-up: the states at the ends of its last passes, and the state within an unfinished pass."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from landda_hpc.constants import FloatArray
from landda_hpc.errors import ConfigError, StorageError
from landda_hpc.instances.spun_up_start import INSTANCES, PERIOD_RECORD, period_years
from landda_hpc.io.atomic import final_name, remove_temporaries, storage_errors, write_text
from landda_hpc.parallel.communicator import Communicator
from landda_hpc.parallel.together import together
from landda_hpc.state import TileState
from landda_hpc.storage.checkpoint import (
    CheckpointHeader,
    LocalPart,
    Mode,
    read_header,
    read_instance,
    write_checkpoint,
)
from landda_hpc.storage.folder_contents import LOCK
from landda_hpc.storage.folder_lock import PATIENT, FolderLock
from landda_hpc.storage.method_memory import KEY, decode_memory, encode_memory
from landda_hpc.storage.output_folder import claim_folder

STATES: Final = "spinup.h5"
"""File of the states at the ends of the last three passes."""

WITHIN: Final = "spinup_pass.h5"
"""File of the state within a pass of several years; removed at the end of the pass."""


@dataclass(frozen=True)
class Drift:
    """Change during a pass through the forcing period, per year.

    Attributes
    ----------
    year : number of years computed, from the beginning of the spin-up to the end of the pass.
    water : quantile, given by the rule, of the change of the deepest layer's water over soil tiles, m3 m-3 a-1.
    temperature : the same for its temperature, K a-1.
    moving : share of soil tiles whose deepest layer changes by more than the tolerance.
    extrapolated : whether the state was extrapolated at the end of the pass.
    """

    year: int
    water: float
    temperature: float
    moving: float
    extrapolated: bool


@dataclass(frozen=True, eq=False)
class Pass:
    """An unfinished pass.

    Attributes
    ----------
    state : of this rank's tiles.
    drainage : from the aquifer since the beginning of the pass, kg m-2, (n_tile,).
    years : number of years of the pass that are complete.
    """

    state: TileState
    drainage: FloatArray
    years: int = 0


@dataclass(frozen=True, eq=False)
class SpinUpFiles:
    """Reads and writes the files of a spin-up.

    Attributes
    ----------
    folder : of the files.
    header : of the spin-up; ``records`` contains the number of years of a pass.
    mode : how checkpoints are written.
    mine : this rank's slice of the tiles.
    world : all ranks.
    """

    folder: Path
    header: CheckpointHeader
    mode: Mode
    mine: slice
    world: Communicator

    @contextmanager
    def held(self) -> Iterator[None]:
        """Claim the folder for this process, and remove incomplete files of a killed one. Collective."""
        path, names = self.folder / STATES, (STATES, Path(STATES).with_suffix(".json").name, WITHIN)
        lock = FolderLock(self.folder / LOCK)
        with together(self.world, f"making {self.folder}", asleep=True):
            if self.world.rank == 0:
                is_known = path.is_file() and read_header(path).instances == INSTANCES
                claim_folder(self.folder, "spinup", names, is_known=is_known)
                lock.acquire(PATIENT)
                remove_temporaries(self.folder, lambda name: final_name(name) in names)
        try:
            yield
        finally:
            lock.release()

    def read(self) -> tuple[list[Drift], list[TileState]]:
        """The drift of every pass so far, and the states at the ends of the last ones, the latest first. Local.

        Both are empty if there is no file.

        Raises
        ------
        ConfigError : the file is of another configuration, or of passes of another length.
        StorageError : it is damaged.
        """
        path = self.folder / STATES
        if not path.is_file():
            return [], []
        found = self._own_header(path)
        try:
            past = [Drift(**d) for d in found.records["drifts"]]
            n_states = int(found.records["states"])
        except (KeyError, TypeError) as error:
            raise StorageError(f"{path} has no record of a spin-up's years: {error}.") from error
        return past, [read_instance(path, name, self.mine) for name in INSTANCES[:n_states]]

    def write(self, past: list[Drift], states: list[TileState]) -> None:
        """Save the drifts and the states at the ends of the last three passes, the latest first. Collective."""
        full = [*states, *[states[-1]] * (len(INSTANCES) - len(states))]
        parts = {name: LocalPart(state, self.mine) for name, state in zip(INSTANCES, full, strict=True)}
        drifts = [asdict(d) for d in past]
        records = self.header.records | {"drifts": drifts, "states": len(states)}
        header = replace(self.header, cycle=past[-1].year, records=records)
        write_checkpoint(self.folder / STATES, self.world, header, parts, self.mode)
        with together(self.world, "writing the drifts"):
            if self.world.rank == 0:
                write_text((self.folder / STATES).with_suffix(".json"), json.dumps(drifts, indent=1) + "\n")
                with storage_errors(self.folder / WITHIN, "removing"):
                    (self.folder / WITHIN).unlink(missing_ok=True)

    def read_pass(self, years: int) -> Pass | None:
        """The unfinished pass that began after ``years`` years; None if none is saved. Local.

        Raises
        ------
        ConfigError, StorageError : as for ``read``.
        """
        path = self.folder / WITHIN
        if not path.is_file():
            return None
        found = self._own_header(path)
        done = found.cycle - years
        if not 0 < done < period_years(found):  # of an earlier pass: the process ended before it removed the file
            return None
        drainage = decode_memory(found.records)["pass"]["drainage"][self.mine]
        return Pass(read_instance(path, INSTANCES[0], self.mine), drainage, done)

    def write_pass(self, unfinished: Pass, years: int) -> None:
        """Save an unfinished pass that began after ``years`` years. Collective."""
        drainage = self.world.gather(unfinished.drainage)
        records = self.header.records
        if drainage is not None:
            records = records | {KEY: encode_memory({"pass": {"drainage": np.concatenate(drainage)}})}
        header = replace(self.header, cycle=years + unfinished.years, instances=INSTANCES[:1], records=records)
        parts = {INSTANCES[0]: LocalPart(unfinished.state, self.mine)}
        write_checkpoint(self.folder / WITHIN, self.world, header, parts, self.mode)

    def _own_header(self, path: Path) -> CheckpointHeader:
        found = read_header(path)
        if found.config_hash != self.header.config_hash or found.n_tiles != self.header.n_tiles:
            raise ConfigError(f"{path} is the spin-up of another configuration; choose another folder.")
        before, now = period_years(found), self.header.records[PERIOD_RECORD]
        if before != now:
            raise ConfigError(
                f"{path} repeats {before} years of weather, this spin-up {now}: give --period-years {before}, or "
                "choose another folder."
            )
        return found
