"""Start a campaign of CoLM from a checkpoint of another one: its states, and the restarts that they are based on.

The restarts are in the chains of the other campaign, ``models/<run>/restart/<time>/``, or, for a branch, in a folder
next to the copy of the checkpoint, ``branched_from/<run>/restart/<time>/``. The checkpoint has the hash of each file.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from landda_hpc.errors import LandDAError, StorageError
from landda_hpc.formats.colm.names import time_label
from landda_hpc.instances.instance import Instance
from landda_hpc.instances.warm_start import CheckpointStates
from landda_hpc.io.atomic import storage_errors, sync_file, sync_folder
from landda_hpc.model.colm.fingerprint import fingerprint
from landda_hpc.storage.checkpoint_format import MODEL_FILES

FOLDER: Final = "models"
"""Folder of the runs in a campaign's folder."""


class ColmCheckpoint(CheckpointStates):
    """A checkpoint of CoLM, with the restarts that it names."""

    def problems(self, instances: Iterable[Instance], n_tiles: int | None) -> list[str]:
        """See ``StoredStates.problems``; also restarts that are missing. Files are compared when they are copied."""
        instances = list(instances)
        found = super().problems(instances, n_tiles)
        if not found:
            for name in sorted({self.chosen(instance) for instance in instances}):
                missing = [str(path) for path in self._files(name) if not path.is_file()]
                if missing:
                    found.append(
                        f"model.initial = checkpoint, '{name}': {len(missing)} of the restarts of {self.path} are "
                        f"missing; the first is {missing[0]}. Use a checkpoint in the folder of its campaign."
                    )
        return found

    def folder_of(self, name: str) -> Path:
        """Folder with the restart of an instance of the checkpoint, which is compared with its hashes. Local.

        Raises
        ------
        StorageError : a file is missing or differs.
        """
        for path, expected in self._files(name).items():
            _require_same(path, expected, self.path)
        return self._chain(name) / time_label(self.time)

    def copy_files(self, instances: Iterable[Instance], checkpoint: Path) -> None:
        """Link or copy the restarts, and compare them with their hashes; see ``StoredStates.copy_files``."""
        root = checkpoint.with_suffix("")
        for name in sorted({self.chosen(instance) for instance in instances}):
            for path, expected in self._files(name).items():
                target = root / name / "restart" / path.relative_to(self._chain(name))
                with storage_errors(target, "copying a restart"):
                    target.parent.mkdir(parents=True, exist_ok=True)
                    target.unlink(missing_ok=True)
                    with suppress(OSError):
                        os.link(path, target)  # files of a chain are replaced as a whole, never changed
                    if not target.exists():
                        shutil.copyfile(path, target)
                        sync_file(target)
                    sync_folder(target.parent)
                _require_same(target, expected, self.path)

    def _chain(self, name: str) -> Path:
        beside = self.path.with_suffix("")
        return (beside if beside.is_dir() else self.path.absolute().parent.parent / FOLDER) / name / "restart"

    def _files(self, name: str) -> dict[Path, str]:
        """Restarts of an instance, and their hashes."""
        files: Mapping[str, str] = self.header.records.get(MODEL_FILES, {}).get(name, {})
        if not files:
            raise StorageError(f"{self.path} names no restarts of '{name}': it is not a checkpoint of CoLM.")
        folder = self._chain(name) / time_label(self.time)
        return {folder / file: expected for file, expected in files.items()}


def _require_same(path: Path, expected: str, checkpoint: Path) -> None:
    """Raise StorageError unless a restart has its hash of the checkpoint."""
    try:
        same = fingerprint(path) == expected
    except LandDAError as error:
        raise StorageError(f"{error} It belongs to {checkpoint}. Use another checkpoint.") from error
    if not same:
        raise StorageError(f"{path} differs from its hash in {checkpoint}. Use another checkpoint.")
