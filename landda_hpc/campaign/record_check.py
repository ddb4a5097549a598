"""Check that a campaign's records are complete, at a resume and before tables and figures are made from them."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Collection
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from landda_hpc.config import TimeConfig
from landda_hpc.errors import StorageError
from landda_hpc.instances.model_system import ModelSystem
from landda_hpc.storage.campaign_folder import RECORD_NAMES, CampaignFolder
from landda_hpc.storage.checkpoint import CheckpointHeader, read_header, verify
from landda_hpc.storage.checkpoint_format import MODEL_FILES
from landda_hpc.storage.mean_files import cut_means, means_folder
from landda_hpc.storage.record_inventory import KEY, TIMINGS, Inventory, Lack, RecordCheck, describe_cycles
from landda_hpc.storage.retention import latest_valid, list_checkpoints
from landda_hpc.storage.series_files import cut_series, series_folder

logger = logging.getLogger(__name__)

_N_HASHED: Final = 100
"""Latest files whose content a resume compares. Files are synchronised before they are recorded, so that a crash cannot
damage earlier ones; the report reads all files."""

TABLES = ("scores.jsonl", "cycles.jsonl")
"""The records from which tables are made."""


def newest_checkpoint(
    folder: CampaignFolder, models: ModelSystem | None = None, *, accept_gaps: bool = False
) -> Path | None:
    """The newest whole checkpoint whose records are complete; None for a campaign that never had one. Local: rank 0.

    Parameters
    ----------
    models : checks the model's files of a checkpoint; None: these are not checked.
    accept_gaps : take the newest whole checkpoint, even if records are missing.

    Raises
    ------
    StorageError : no checkpoint can be used; with the reason for each, and the remedy.
    """
    check = RecordCheck(folder.path, _N_HASHED)
    incomplete: list[str] = []

    def objection(header: CheckpointHeader) -> str | None:
        time = datetime.fromisoformat(header.valid_time)
        reason = models.objection(header.records.get(MODEL_FILES, {}), time) if models else None
        if reason is None and not accept_gaps:
            lacks = _lacking(folder, header, check)
            for lack in (lack for lack in lacks if not lack.is_result):
                logger.warning("%s: %s", folder.path, lack)
            reason = "; ".join(str(lack) for lack in lacks if lack.is_result) or None
            incomplete.extend([f"{header.valid_time}: {reason}"] if reason else [])
        return reason

    try:
        path = latest_valid(folder.checkpoints, objection)
    except StorageError as error:
        if not incomplete:
            raise
        raise StorageError(
            f"{folder.path}: records are missing, and no checkpoint is left whose records are complete. Of the "
            f"checkpoint of {incomplete[0]}. {what_to_do(folder)}"
        ) from error
    if path is None:
        _require_no_records(folder)
        logger.info("no checkpoint yet: beginning again")
    return path


def require_resumable(folder: CampaignFolder, path: Path, models: ModelSystem | None = None) -> CheckpointHeader:
    """Verify a checkpoint, every byte, and the records up to it; return its header. Local: rank 0.

    Parameters
    ----------
    models : as in ``newest_checkpoint``.

    Raises
    ------
    StorageError : the checkpoint is damaged, or records or files of the model are missing.
    """
    header = verify(path)
    time = datetime.fromisoformat(header.valid_time)
    reason = models.objection(header.records.get(MODEL_FILES, {}), time) if models else None
    lacks = [str(lack) for lack in _lacking(folder, header, RecordCheck(folder.path)) if lack.is_result]
    if reason or lacks:
        raise StorageError(
            f"{path}: a campaign cannot continue from this checkpoint: {reason or '; '.join(lacks)}. Choose another "
            "one, or put the files back from a copy."
        )
    return header


def restore_records(
    folder: CampaignFolder, clock: TimeConfig, header: CheckpointHeader | None, *, accept_gaps: bool = False
) -> Inventory:
    """Cut the records back to a checkpoint and return their inventory, to be continued. Local: rank 0.

    Parameters
    ----------
    clock : times of the campaign.
    header : of the checkpoint; None for a campaign that begins again.
    accept_gaps : missing records are noted in the inventory, and the campaign continues without them.

    Raises
    ------
    StorageError : a file cannot be read or written.
    """
    cycle = 0 if header is None else header.cycle
    now = clock.valid_time(cycle)
    known = {} if header is None else header.records.get(KEY, {})
    lacks = _lacking(folder, header, RecordCheck(folder.path, _N_HASHED)) if header is not None and accept_gaps else []
    for name in RECORD_NAMES:
        lines = known.get("lines", {}).get(name)
        if known and not lacks and name != TIMINGS:
            folder.cut_records(name, 0 if lines is None else lines["bytes"])
        else:
            folder.truncate_records(name, cycle)
    cut_series(series_folder(folder.path), now)
    cut_means(means_folder(folder.path), now)
    if header is None:
        return Inventory(folder.path)
    if known and not lacks:
        return Inventory.from_plain(folder.path, known)
    gaps = [*known.get("gaps", []), *(str(lack) for lack in lacks if lack.is_result)]
    for gap in gaps:
        logger.warning("resumed without records that are missing: %s", gap)
    return Inventory.of_folder(folder.path, now, clock.cycle_of, gaps)


def require_records(
    folder: CampaignFolder, strict: Collection[str] = TABLES, *, accept_gaps: bool = False
) -> list[str]:
    """Describe missing records up to the newest checkpoint. Local: rank 0; reads files, changes none.

    Parameters
    ----------
    strict : prefixes of the names of files that must be complete.
    accept_gaps : no file must be complete.

    Returns
    -------
    All gaps, including those that a resume accepted.

    Raises
    ------
    StorageError : a file that must be complete is not.
    """
    header = _newest_header(folder)
    if header is None:
        return []
    lacks = [lack for lack in _lacking(folder, header, RecordCheck(folder.path)) if lack.is_result]
    broken = [lack for lack in lacks if lack.name.startswith(tuple(strict))]
    if broken and not accept_gaps:
        raise StorageError(f"{folder.path}: records are missing: {'; '.join(map(str, broken))}. {what_to_do(folder)}")
    return [*header.records.get(KEY, {}).get("gaps", []), *map(str, lacks)]


def what_to_do(folder: CampaignFolder) -> str:
    """Advice for missing records."""
    return (
        f"Put the files back from a copy; or 'landda resume {folder.path}' computes them again where an earlier "
        "checkpoint is left; or leave them out with --accept-gaps (of landda resume, score and plot), and tables and "
        "figures say so; or start again with 'landda run --overwrite'."
    )


def _newest_header(folder: CampaignFolder) -> CheckpointHeader | None:
    """Header of the newest readable checkpoint; but not of one that a resume skipped and computes again."""
    status = folder.read_status()
    for cycle, path in reversed(list_checkpoints(folder.checkpoints)):
        if status is not None and cycle > status.cycle:
            continue
        try:
            return read_header(path)
        except StorageError as error:
            logger.warning("skipping a checkpoint: %s", error)
    return None


def _lacking(folder: CampaignFolder, header: CheckpointHeader, check: RecordCheck) -> list[Lack]:
    """Missing records at a checkpoint; those of earlier versions have no inventory, but records of every cycle."""
    known = header.records.get(KEY)
    if known is not None:
        return check.lacking(known, datetime.fromisoformat(header.valid_time))
    runs = [name for name in header.instances if name != "nature"]
    wanted = {(cycle, run) for cycle in range(1, header.cycle + 1) for run in runs}
    cycles = folder.read_records("cycles")
    lacks = [_without_inventory("cycles.jsonl", wanted, Counter(_of_run(record) for record in cycles))]
    if "nature" not in header.instances:
        observed = {_of_run(record) for record in cycles if "observations" in record}
        wanted = {(cycle, run) for cycle, run in observed if cycle <= header.cycle}
    scores = Counter(_of_run(record) for record in folder.read_records("scores"))
    lacks.append(_without_inventory("scores.jsonl", wanted, scores))
    return [lack for lack in lacks if lack is not None]


def _of_run(record: dict[str, Any]) -> tuple[int, str]:
    return int(record["cycle"]), str(record.get("run"))


def _without_inventory(name: str, wanted: set[tuple[int, str]], present: Counter[tuple[int, str]]) -> Lack | None:
    cycles = tuple(sorted({cycle for cycle, run in wanted if not present[cycle, run]}))
    return Lack(name, cycles, f"lacks lines of {describe_cycles(cycles)}") if cycles else None


def _require_no_records(folder: CampaignFolder) -> None:
    last = max((int(record["cycle"]) for record in folder.read_records("cycles")), default=0)
    if last > 0:
        raise StorageError(
            f"{folder.path} has records up to cycle {last} but no checkpoint in {folder.checkpoints.name}/. Put the "
            "checkpoints back, or start again with 'landda run --overwrite'."
        )
