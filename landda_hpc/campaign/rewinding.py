"""Return of a campaign to an earlier checkpoint (``landda rewind``).

What is dropped or cut is first linked or copied to ``rewound/<time of the command>/`` with its relative path, then
removed, checkpoints first and the newest of them first. A kill at any instant therefore loses nothing, and leaves a
campaign that can be resumed: its records are complete up to its newest checkpoint.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from landda_hpc.campaign.provenance import software_now
from landda_hpc.campaign.record_check import require_resumable, restore_records
from landda_hpc.config import read_resolved
from landda_hpc.errors import ConfigError
from landda_hpc.instances.domain import make_domain
from landda_hpc.instances.model_section import ModelSection
from landda_hpc.instances.model_setup import model_setup
from landda_hpc.instances.model_system import ModelSystem
from landda_hpc.instances.trajectory import accepted_identities
from landda_hpc.io.atomic import require_space, storage_errors, sync_folder
from landda_hpc.parallel.communicator import SerialCommunicator
from landda_hpc.storage.campaign_folder import RECORD_NAMES, CampaignFolder, Claim, Status
from landda_hpc.storage.folder_contents import REWOUND
from landda_hpc.storage.mean_files import list_means, means_folder
from landda_hpc.storage.provenance_log import add_event
from landda_hpc.storage.record_times import files_after
from landda_hpc.storage.report_state import forget_report
from landda_hpc.storage.retention import checkpoint_at, checkpoint_times
from landda_hpc.storage.series_files import series_folder


@dataclass(frozen=True)
class Rewind:
    """A return to an earlier checkpoint.

    Attributes
    ----------
    cycle, n_cycles : the cycle from which a resume continues, and number of cycles of the campaign.
    dropped : relative paths of the files that were moved or removed.
    kept_in : folder to which they were moved; None: they were removed.
    """

    cycle: int
    n_cycles: int
    dropped: tuple[str, ...]
    kept_in: Path | None


def rewind_campaign(output: Path, to: datetime, *, discard: bool = False, claim: Claim | None = None) -> Rewind:
    """Drop everything that a campaign computed after a checkpoint. Local: one process.

    Parameters
    ----------
    output : folder of the campaign.
    to : time of a checkpoint, UTC.
    discard : remove what is dropped instead of moving it to ``rewound/``.
    claim : rule for claiming the folder if another job may hold it.

    Raises
    ------
    StorageError : there is no such checkpoint, it or the records up to it are not complete, or a job holds the folder;
        nothing was changed.
    ConfigError : the checkpoint belongs to another configuration.
    """
    folder = CampaignFolder.open(output)
    folder.lock(claim)
    try:
        path = checkpoint_at(folder.checkpoints, to)
        config = read_resolved(folder.config_file)
        models: ModelSystem | None = None
        if not config.model.runs_here:  # the state is also in files of the model, which it checks
            setup = model_setup(config, make_domain(config, n_ranks=1))
            models = ModelSection.of(config.model).make_system(setup, SerialCommunicator(), folder)
        header = require_resumable(folder, path, models)
        if header.config_hash not in accepted_identities(folder.config_file):
            raise ConfigError(f"{path} was written with another configuration than that in {folder.config_file}.")
        later = files_after(output, to)
        kept_in = None if discard else output / REWOUND / f"{datetime.now(UTC):%Y%m%dT%H%M%S.%f}"
        before = checkpoint_times(folder.checkpoints)[-1]
        details = {"time": to.isoformat(), "before": before.isoformat(), "kept_in": kept_in and kept_in.name}
        add_event(output, "rewind", {**details, "n_files": len(later), **software_now()})
        if kept_in is not None:
            _keep(output, later, _cut(folder, to), kept_in)
        with storage_errors(output, "removing what comes after the checkpoint"):
            for relative in later:
                (output / relative).unlink(missing_ok=True)
                if relative.startswith("checkpoints/"):
                    sync_folder(folder.checkpoints)
            _remove_empty(output, later)
        restore_records(folder, config.time, header)
        status = folder.read_status()
        ranks = 1 if status is None else status.ranks
        folder.write_status(Status("stopped", header.cycle, config.time.n_cycles, to.isoformat(), ranks, path.name))
        forget_report(output)
    finally:
        folder.unlock()
    return Rewind(header.cycle, config.time.n_cycles, later, kept_in)


def _keep(output: Path, later: Iterable[str], cut: Sequence[str], kept_in: Path) -> None:
    """Link the files that will be removed; copy those that will be cut."""
    require_space(output, sum((output / name).stat().st_size for name in cut))
    with storage_errors(kept_in, "keeping what comes after the checkpoint"):
        for relative in (*later, *cut):
            source, target = output / relative, kept_in / relative
            target.parent.mkdir(parents=True, exist_ok=True)
            if relative in cut or not _is_linked(source, target):
                shutil.copy2(source, target)
        for base, _, _ in os.walk(kept_in):
            sync_folder(Path(base))


def _is_linked(source: Path, target: Path) -> bool:
    """Make a hard link; false on another file system, or on one without links."""
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        return False
    return True


def _cut(folder: CampaignFolder, to: datetime) -> list[str]:
    """Relative paths of files that hold times before and after ``to``: records, status, series of the day, means."""
    output = folder.path
    records = [path for name in RECORD_NAMES if (path := folder.records_file(name)).is_file()]
    status = [folder.status_file] if folder.status_file.is_file() else []
    means = [file.path for file in list_means(means_folder(output)) if file.final >= to.date()]
    series = series_folder(output).glob(f"*_{to:%Y%m%d}.nc")
    return [path.relative_to(output).as_posix() for path in (*records, *status, *series, *means)]


def _remove_empty(output: Path, later: Iterable[str]) -> None:
    """Remove the folders of times, for example of restart sets, that have no files left."""
    parents = {parent for relative in later for parent in Path(relative).parents if len(parent.parts) > 1}
    for parent in sorted(parents, key=lambda path: len(path.parts), reverse=True):
        if not any((output / parent).iterdir()):
            (output / parent).rmdir()
