"""Output folder of a campaign: its files, and the lock that allows only one job to write in it.

::

    config.yaml     the resolved configuration        checkpoints/  see storage.checkpoint
    status.json     state of the campaign         restart/      see storage.restart_set
    cycles.jsonl    one line per cycle                images/       see storage.image_files
    scores.jsonl    one line per score                figures/      pictures
    seconds.jsonl   time, traffic and memory per cycle, which depend on the machine
    series/         see storage.series_files                verification/ see campaign.verification
    means/          see storage.mean_files                  rewound/  what was dropped, see campaign.rewinding
    cell_costs.json  measured cost of the land cells, see storage.cost_file
    provenance.jsonl  starts, resumes, extensions ..., with software and machine, see storage.provenance_log
    released.txt    images and series that were removed, see storage.record_retention
    branched_from.h5  copy of the parent's checkpoint, in a branch
    summary.md, report.html  tables and figures   .lock         held while a job runs here
    models/         folders of the runs of a real model, see model.colm.window
    observations.json, observations_NAME.json, referee.json
                    observations available at the start, see storage.observation_survey
    .landda.json    mark of the folder, written first, see storage.folder_marker

Every function here is local and meant for rank 0; callers agree on its outcome with ``together``.
"""

from __future__ import annotations

import json
import logging
import math
import os
import socket
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal, Self

import numpy as np

from landda_hpc.config import parse_json, read_resolved
from landda_hpc.errors import StorageError
from landda_hpc.io.atomic import require_space, storage_errors, write_bytes, write_text
from landda_hpc.parallel.process_identity import job_ends
from landda_hpc.storage import folder_owner
from landda_hpc.storage.folder_claim import has_begun, is_branch, is_marked, lay_out, make_subfolders, require_free
from landda_hpc.storage.folder_contents import LOCK, remove_left_temporaries
from landda_hpc.storage.folder_lock import Claim, FolderLock
from landda_hpc.storage.folder_marker import Marker, read_marker, write_marker
from landda_hpc.storage.record_lines import cut, cycle_of, end_of_cycle, last_lines
from landda_hpc.storage.status import Standing, State, Status, parse_status

__all__ = ["RECORD_NAMES", "CampaignFolder", "Claim", "RecordName", "Standing", "State", "Status"]

logger = logging.getLogger(__name__)

RecordName = Literal["cycles", "scores", "seconds", "profiles", "ensembles"]
RECORD_NAMES: Final[tuple[RecordName, ...]] = ("cycles", "scores", "seconds", "profiles", "ensembles")


class CampaignFolder:
    """Paths and small files of one campaign's output folder.

    Parameters
    ----------
    path : the folder; use ``create`` for a new one and ``open`` for an existing one.

    Attributes
    ----------
    config_file : the resolved configuration.
    survey_file, referee_survey_file : lists of the observations available at the start, also of the referee; missing if
        they are not needed.
    status_file, log_file : the state of the campaign; its log, of rank 0.
    checkpoints, restart, images, figures : folders of the checkpoints, restart sets, CF images and pictures.
    feedback : folder of the feedback files; made with the first file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.config_file, self.survey_file = path / "config.yaml", path / "observations.json"
        self.referee_survey_file = path / "referee.json"
        self.status_file, self.log_file = path / "status.json", path / "landda.log"
        self.checkpoints, self.restart = path / "checkpoints", path / "restart"
        self.images, self.figures, self.feedback = path / "images", path / "figures", path / "feedback"
        self._lock = FolderLock(path / LOCK)

    def product_survey_file(self, name: str) -> Path:
        """List of the observations of a further product available at the start; missing if it is not needed."""
        return self.path / f"observations_{name}.json"

    @property
    def survey_files(self) -> list[Path]:
        """The lists that exist."""
        files = [self.survey_file, self.referee_survey_file, *sorted(self.path.glob("observations_*.json"))]
        return [file for file in files if file.is_file()]

    @classmethod
    def create(cls, path: Path, config_text: str, *, overwrite: bool = False, claim: Claim | None = None) -> Self:
        """Make a new campaign folder, lock it, and save the resolved configuration.

        Parameters
        ----------
        path : the folder. Without ``overwrite``, it must be missing, empty, or contain only a start that was
            interrupted before its first checkpoint.
        config_text : the resolved configuration, YAML.
        overwrite : first remove an earlier campaign from a folder that this software marked. Only files that this
            software wrote are removed; a warning names the others. Links are not followed.
        claim : options for taking the folder if another job may hold it.

        Raises
        ------
        StorageError : the folder is not empty, not that of a campaign, in use by a job, or cannot be written.
        """
        folder = cls(path)
        with storage_errors(path, "creating the output folder"):
            if path.exists() and not path.is_dir():
                raise StorageError(f"{path} is a file. Choose a folder for the output.")
            path.mkdir(parents=True, exist_ok=True)
            require_free(path, overwrite)
        folder.lock(claim)
        try:
            require_free(path, overwrite)  # another job may have been first
            lay_out(path, config_text)
        except BaseException:
            folder.unlock()
            raise
        return folder

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open an existing campaign folder for reading; use ``reopen`` for writing.

        Raises
        ------
        StorageError : there is no campaign.
        """
        if not (path / "config.yaml").is_file() and not is_marked(path):
            raise StorageError(f"{path} holds no campaign (no config.yaml). Name the output folder of a run.")
        return cls(path)

    @classmethod
    def reopen(cls, path: Path, claim: Claim | None = None) -> Self:
        """Open and lock an existing campaign folder to resume its campaign; complete an interrupted start.

        Raises
        ------
        StorageError : there is no campaign, or a running job holds the folder.
        ConfigError : a folder without a mark contains no configuration of a campaign.
        """
        folder = cls.open(path)
        if not is_marked(path):
            read_resolved(folder.config_file)  # folder of an earlier version: checked before anything is written
        folder.lock(claim)
        try:
            marker = read_marker(path)
            if marker is None:
                text = folder.config_file.read_text(encoding="utf-8")
                write_marker(path, Marker("campaign", "ready", text))
            elif marker.stage == "preparing":
                lay_out(path, marker.configuration)
            elif not folder.config_file.is_file():
                write_text(folder.config_file, marker.configuration)
            make_subfolders(path)
        except BaseException:
            folder.unlock()
            raise
        return folder

    @property
    def is_preparing(self) -> bool:
        """Whether a start was interrupted before the folder was set up; its content is then irrelevant."""
        marker = read_marker(self.path)
        return marker is not None and marker.stage == "preparing"

    @property
    def has_begun(self) -> bool:
        """Whether a new start would lose what was computed."""
        return has_begun(self.path)

    @property
    def is_branch(self) -> bool:
        """Whether it was set up as a branch of another campaign."""
        return is_branch(self.path)

    def records_file(self, name: RecordName) -> Path:
        """Path of a file of records, e.g. ``cycles.jsonl``."""
        return self.path / f"{name}.jsonl"

    def lock(self, claim: Claim | None = None) -> None:
        """Take the folder until ``unlock`` or the end of this process, and write a heartbeat meanwhile.

        Partial files of a killed job are removed.

        Raises
        ------
        StorageError : another live process holds the folder or may hold it; the message names the process.
        """
        self._lock.acquire(claim)
        remove_left_temporaries(self.path)

    def unlock(self) -> None:
        """Release the folder."""
        self._lock.release()

    @property
    def is_locked(self) -> bool:
        """Whether a running process, this one or another, holds the folder."""
        return self._lock.is_held_by_anyone()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.unlock()

    def write_status(self, status: Status) -> None:
        """Replace status.json atomically; pid, host, time of writing and end of the job are filled in.

        Raises
        ------
        StorageError : it cannot be written, or another job has taken the folder.
        """
        self._lock.require_held()
        content = asdict(status) | {
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "written": datetime.now(UTC).isoformat(timespec="seconds"),
            "job_ends": job_ends(),
        }
        write_text(self.status_file, json.dumps(content, indent=1) + "\n")

    def restore_status(self, content: bytes) -> None:
        """Restore status.json byte by byte; StorageError as for ``write_status``."""
        self._lock.require_held()
        write_bytes(self.status_file, content)

    def read_status(self) -> Status | None:
        """The status, or None if no cycle has begun.

        Raises
        ------
        StorageError : the file cannot be read, or is not a status.
        """
        if not self.status_file.is_file():
            return None
        advice = "Remove it and resume the campaign."
        with storage_errors(self.status_file, "reading", advice):
            content = self.status_file.read_bytes()
        try:
            return parse_status(parse_json(content))
        except (ValueError, RecursionError) as error:
            raise StorageError(f"{self.status_file} is damaged: it is not a status of a campaign. {advice}") from error

    def standing(self) -> Standing:
        """State of the campaign according to its status, unless the process that wrote it is dead.

        Raises
        ------
        StorageError : the status is damaged, or the lock file cannot be read.
        """
        status = self.read_status()
        if status is not None and status.state != "running":
            return status.state
        life = self._lock.life()
        if life == "unknown":  # the heartbeat is old by the clock, which may be wrong
            life = "alive" if self._lock.gives_sign(folder_owner.WATCH_S) else "unknown"
        if life in ("alive", "unknown"):
            return "running" if life == "alive" else "unknown"
        if self.has_begun:
            return "failed"
        return "branched" if self.is_branch else "not begun"

    def owner(self) -> str:
        """Description of the job that holds the folder, or held it last; empty if there was none."""
        owner = self._lock.owner()
        return "" if owner is None else owner.describe()

    def append_records(self, name: RecordName, records: Iterable[Mapping[str, Any]]) -> bytes:
        """Append records as JSON lines, synchronise them to disk, and return the lines.

        Parameters
        ----------
        name : name of the file.
        records : each has an integer ``cycle``. NaN and infinities become null; NumPy scalars and arrays
            become numbers.

        Raises
        ------
        StorageError : the disk is full (the file is then unchanged), or another job has taken the folder.
        """
        self._lock.require_held()
        path = self.records_file(name)
        lines = "".join(_line(path, record) for record in records).encode()
        if not lines:
            return lines
        require_space(self.path, len(lines))
        with storage_errors(path, "appending"):
            descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
            try:
                before = os.fstat(descriptor).st_size
                try:
                    written = 0
                    while written < len(lines):
                        written += os.write(descriptor, lines[written:])
                    os.fsync(descriptor)
                except OSError:
                    os.ftruncate(descriptor, before)
                    raise
            finally:
                os.close(descriptor)
        return lines

    def read_records(self, name: RecordName) -> list[dict[str, Any]]:
        """All records of a file, oldest first; null stands for NaN. An incomplete last line is ignored."""
        path = self.records_file(name)
        return [record for record, _ in _whole_records(path)]

    def last_records(self, name: RecordName, n_cycles: int) -> list[dict[str, Any]]:
        """Records of the last cycles of a file, oldest first; the time does not depend on the length of the file.

        Raises
        ------
        StorageError : the file cannot be read, or one of these lines is damaged.
        """
        path = self.records_file(name)
        last = last_lines(path, 1, n_lines=1)
        return [parse_json(line) for line in last_lines(path, cycle_of(last[0]) - n_cycles + 1)] if last else []

    def truncate_records(self, name: RecordName, last_cycle: int) -> int:
        """Keep the records of cycles up to ``last_cycle``; return the number of removed lines.

        Used at a resume, which computes later cycles again. An incomplete last line is also removed.
        """
        return self.cut_records(name, end_of_cycle(self.records_file(name), last_cycle))

    def cut_records(self, name: RecordName, n_bytes: int) -> int:
        """Keep only the first bytes of a file of records; return the number of removed lines."""
        path = self.records_file(name)
        removed = cut(path, n_bytes) if path.is_file() else 0
        if removed:
            logger.info("%s: dropped %d lines of cycles after the checkpoint", path.name, removed)
        return removed


def _line(path: Path, record: Mapping[str, Any]) -> str:
    cycle = record.get("cycle")
    if not isinstance(cycle, int | np.integer) or isinstance(cycle, bool):
        raise StorageError(f"{path}: a record has cycle {cycle!r}; an integer is needed to resume.")
    try:
        return json.dumps(_plain(record), allow_nan=False) + "\n"
    except (TypeError, ValueError) as error:
        raise StorageError(f"{path}: a record cannot be written as JSON: {error}. Use numbers and text.") from error


def _plain(value: Any) -> Any:
    """Convert to numbers and text that strict JSON can represent."""
    if isinstance(value, np.generic | np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    return value


def _whole_records(path: Path) -> list[tuple[dict[str, Any], bytes]]:
    """Records and their lines, without an incomplete last line."""
    if not path.is_file():
        return []
    with storage_errors(path, "reading"):
        lines = path.read_bytes().splitlines(keepends=True)
    found = []
    for number, line in enumerate(lines, start=1):
        try:
            record = parse_json(line)
            is_whole = isinstance(record, dict) and line.endswith(b"\n")
            if not is_whole or not isinstance(record.get("cycle"), int):
                raise ValueError("not a record with a cycle")
        except ValueError as error:
            if number == len(lines):
                logger.warning(
                    "%s: the last line is incomplete (the job was killed while writing it) and left out", path
                )
                break
            raise StorageError(f"{path}: line {number} is damaged ({error}). Remove that line.") from error
        found.append((record, line))
    return found
