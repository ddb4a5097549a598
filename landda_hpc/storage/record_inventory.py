"""Inventory of a campaign's records: the content of its folder at a checkpoint, and what is missing.

Every checkpoint contains the inventory of its cycle, which is thus as safe as the state itself: the number of lines of
every cycle and a hash for each file of JSON lines; cycle, size and hash for each image, feedback and series file. The
series file of the checkpoint's day still grows; its content up to the checkpoint is hashed instead of its bytes.

Every function here is local and meant for rank 0.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import groupby
from pathlib import Path
from typing import Any, Final, Self

from landda_hpc.config import parse_json
from landda_hpc.errors import StorageError
from landda_hpc.io.atomic import storage_errors
from landda_hpc.storage.campaign_folder import RECORD_NAMES
from landda_hpc.storage.hashing import HASH_BYTES, hash_file
from landda_hpc.storage.mean_files import list_means, means_folder
from landda_hpc.storage.record_retention import read_released
from landda_hpc.storage.series_files import day_digest, list_series, read_day, series_folder
from landda_hpc.storage.written_files import DayMark, FileMark, WrittenFile

KEY: Final = "inventory"
"""Key in ``CheckpointHeader.records``; not part of the state's digest."""

TIMINGS: Final = "seconds"
"""File of JSON lines that is not part of the result: missing lines are reported but do not matter."""

_STAMP: Final = re.compile(r"(?:.+_)?(\d{8}T\d{2}(?:\d{2})?)\.nc")
"""Names of image and feedback files end with their time."""

_SHOWN: Final = 3
"""Maximum number of file names in a message."""


@dataclass(frozen=True)
class Lack:
    """A gap in the records of a campaign.

    Attributes
    ----------
    name : file, or folder of several files, relative to the campaign's folder.
    cycles : cycles whose records are missing or damaged; empty if unknown.
    what : text that continues the name.
    """

    name: str
    cycles: tuple[int, ...]
    what: str

    @property
    def is_result(self) -> bool:
        """Whether tables or figures depend on it."""
        return self.name != f"{TIMINGS}.jsonl"

    def __str__(self) -> str:
        return f"{self.name} {self.what}"


@dataclass
class Lines:
    """Lines of one file of JSON lines: their number by cycle (the first is cycle 1), bytes and running hash."""

    counts: list[int] = field(default_factory=list)
    n_bytes: int = 0
    state: Any = field(default_factory=lambda: hashlib.blake2b(digest_size=HASH_BYTES))

    def add(self, cycle: int, content: bytes) -> None:
        """Add the lines of one cycle."""
        self.counts += [0] * (cycle - len(self.counts))
        self.counts[cycle - 1] += content.count(b"\n")
        self.n_bytes += len(content)
        self.state.update(content)


class Inventory:
    """Records of a campaign so far.

    Parameters
    ----------
    folder : folder of the campaign.
    gaps : descriptions of records that are known to be missing, because a user resumed without them.
    """

    def __init__(self, folder: Path, gaps: Iterable[str] = ()) -> None:
        self._folder = folder
        self.gaps = list(gaps)
        self.n_bytes = 0
        """Size of the records so far, without the series files of days that have not ended."""
        self.lines: dict[str, Lines] = {}
        self._files: dict[str, FileMark] = {}
        self._days: dict[str, tuple[date, DayMark]] = {}

    def appended(self, name: str, cycle: int, content: bytes) -> None:
        """Record lines of a cycle that were appended to ``<name>.jsonl``."""
        if content:
            self.lines.setdefault(name, Lines()).add(cycle, content)
            self.n_bytes += len(content)

    def wrote(self, path: Path, cycle: int) -> None:
        """Record a file of a cycle that is complete and will not change. StorageError if it cannot be read back."""
        self.add(WrittenFile(path, FileMark.of(path, cycle)))

    def add(self, file: WrittenFile) -> None:
        """Record a file with the mark that was made when it was written."""
        name = self._relative(file.path)
        if isinstance(file.mark, FileMark):
            self._files[name] = file.mark
            self.n_bytes += file.mark.n_bytes
        else:
            assert file.final is not None, "a file that grows has a last day"
            self._days[name] = (file.final, file.mark)

    def release(self, names: Iterable[str]) -> None:
        """Forget files that were removed because they are not kept."""
        for name in names:
            self._files.pop(name, None)
            self._days.pop(name, None)

    def to_plain(self, now: datetime) -> dict[str, Any]:
        """Plain data for a checkpoint of this valid time. StorageError if a file cannot be read back."""
        for name, (day, mark) in list(self._days.items()):
            if day < now.date():
                if (self._folder / name).is_file():
                    self.wrote(self._folder / name, mark.cycle)
                else:  # a file removed while the job runs stays in the inventory as missing
                    self._files[name] = FileMark(mark.cycle, 0, "")
                del self._days[name]
        return {
            "lines": {
                name: {
                    "counts": [[len(list(same)), count] for count, same in groupby(of_file.counts)],
                    "bytes": of_file.n_bytes,
                    "blake2b": of_file.state.hexdigest(),
                }
                for name, of_file in sorted(self.lines.items())
            },
            "files": {name: [m.cycle, m.n_bytes, m.blake2b] for name, m in sorted(self._files.items())},
            "days": {
                name: [day.isoformat(), m.cycle, m.n_times, m.digest] for name, (day, m) in sorted(self._days.items())
            },
            "gaps": self.gaps,
        }

    @classmethod
    def from_plain(cls, folder: Path, plain: Mapping[str, Any]) -> Self:
        """Restore the inventory of ``to_plain``; the files of JSON lines must end where it ends.

        Timings of the checkpoint's own cycle are recorded after the checkpoint and are added from their file.

        Raises
        ------
        StorageError : the inventory is malformed, or a file cannot be read.
        """
        try:
            inventory = cls(folder, plain["gaps"])
            for name, of_file in plain["lines"].items():
                counts = [int(count) for n, count in of_file["counts"] for _ in range(n)]
                inventory.lines[name] = Lines(counts, int(of_file["bytes"]))
            inventory._files = {name: FileMark(*mark) for name, mark in plain["files"].items()}
            inventory._days = {
                name: (date.fromisoformat(day), DayMark(*mark)) for name, (day, *mark) in plain["days"].items()
            }
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise StorageError(f"the checkpoint's inventory of records is malformed: {error!r}.") from error
        inventory.release(name for name in read_released(folder) if not (folder / name).is_file())
        for name, of_lines in inventory.lines.items():
            if name != TIMINGS:
                of_lines.state.update(_content(folder / f"{name}.jsonl")[: of_lines.n_bytes])
        inventory.n_bytes = sum(lines.n_bytes for lines in inventory.lines.values())
        inventory.n_bytes += sum(mark.n_bytes for mark in inventory._files.values())
        inventory.count_lines(TIMINGS, known=plain["lines"].get(TIMINGS, {}).get("blake2b", ""))
        return inventory

    @classmethod
    def of_folder(cls, folder: Path, now: datetime, cycle_of: Callable[[datetime], int], gaps: Iterable[str]) -> Self:
        """Inventory of a folder up to a time, for a campaign that has gaps or whose checkpoint has no inventory.

        Parameters
        ----------
        folder : folder of the campaign; its files of JSON lines contain no later cycle.
        cycle_of : number of the cycle that ends at a time.
        gaps : records that are known to be missing.

        Raises
        ------
        StorageError : a file cannot be read.
        """
        inventory = cls(folder, gaps)
        for name in RECORD_NAMES:
            inventory.count_lines(name)
        for pattern in ("images/*.nc", "images/*/*.nc", "feedback/*.nc"):
            for path in sorted(folder.glob(pattern)):
                stamp = _STAMP.fullmatch(path.name)
                time = datetime.strptime(stamp[1][:11], "%Y%m%dT%H") if stamp else None
                if time is not None and time <= now:
                    inventory.wrote(path, cycle_of(time))
        for days in list_series(series_folder(folder)).values():
            for day, path in days.items():
                slices = {time: values for time, values in read_day(path).slices.items() if time <= now}
                if slices:
                    inventory.add(WrittenFile(path, DayMark.of(slices, cycle_of(max(slices))), day))
        for file in list_means(means_folder(folder)):
            means = {time: values for time, values in read_day(file.path).slices.items() if time <= now}
            if means:
                inventory.add(WrittenFile(file.path, DayMark.of(means, cycle_of(max(means))), file.final))
        return inventory

    def count_lines(self, name: str, known: str = "") -> None:
        """Record the lines that ``<name>.jsonl`` contains now.

        Parameters
        ----------
        known : hash of the lines recorded so far; if the file begins with them, only the later ones are parsed.
        """
        path, lines = self._folder / f"{name}.jsonl", self.lines.pop(name, Lines())
        content = _content(path) if path.is_file() else b""
        lines.state.update(content[: lines.n_bytes])
        if lines.n_bytes and lines.state.hexdigest() == known:
            self.lines[name], content = lines, content[lines.n_bytes :]
        for line in content.splitlines(keepends=True):
            self.appended(name, int(parse_json(line)["cycle"]), line)

    def _relative(self, path: Path) -> str:
        return path.relative_to(self._folder).as_posix()


class RecordCheck:
    """Comparison of a campaign's folder with inventories; a file that several of them contain is read once.

    Parameters
    ----------
    folder : folder of the campaign.
    n_hashed : of images, feedback and series, the number of the latest files that are read; of the others only the
        size is compared. None: all are read. Files of JSON lines are always read.
    """

    def __init__(self, folder: Path, n_hashed: int | None = None) -> None:
        self._folder, self._n_hashed, self._released = folder, n_hashed, read_released(folder)
        self._hashes: dict[str, tuple[int, str] | None] = {}

    def lacking(self, plain: Mapping[str, Any], now: datetime) -> list[Lack]:
        """Records that are missing, truncated or changed, in the order of the inventory; empty if complete.

        Parameters
        ----------
        plain : ``Inventory.to_plain`` of a checkpoint.
        now : the checkpoint's valid time.

        Raises
        ------
        StorageError : the inventory is malformed.
        """
        try:
            lacks = [self._of_lines(name, of_file) for name, of_file in plain["lines"].items()]
            marks = {name: FileMark(*mark) for name, mark in plain["files"].items()}
            latest = set(sorted(marks, key=lambda name: marks[name].cycle, reverse=True)[: self._n_hashed])
            files = [(name, *self._of_file(name, mark, is_read=name in latest)) for name, mark in marks.items()]
            files += [(name, *self._of_day(name, DayMark(*mark), now)) for name, (_, *mark) in plain["days"].items()]
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise StorageError(f"the checkpoint's inventory of records is malformed: {error!r}.") from error
        found = [lack for lack in lacks if lack is not None]
        bad = [(name, cycle, what) for name, cycle, what in files if what]
        for parent, group in groupby(bad, key=lambda entry: entry[0].rpartition("/")[0]):
            found.append(_of_folder(parent, list(group), sum(n.rpartition("/")[0] == parent for n, _, _ in files)))
        return found

    def _of_lines(self, name: str, expected: Mapping[str, Any]) -> Lack | None:
        path, counts = self._folder / f"{name}.jsonl", [(int(n), int(count)) for n, count in expected["counts"]]
        wanted = [count for n, count in counts for _ in range(n)]
        if not path.is_file():
            return Lack(path.name, tuple(_numbers(wanted)), "is missing")
        content, n_bytes = _content(path), int(expected["bytes"])
        if len(content) >= n_bytes and _hash(content[:n_bytes]) == expected["blake2b"]:
            return None
        present = _lines_by_cycle(content)
        lacking = tuple(c for c in _numbers(wanted) if present[c] < wanted[c - 1])
        if lacking:
            n_lost = sum(wanted[c - 1] - present[c] for c in lacking)
            what = f"lacks {describe_cycles(lacking)} ({n_lost} of {sum(wanted)} lines are missing or damaged)"
            return Lack(path.name, lacking, what)
        return Lack(path.name, (), f"was changed: its first {n_bytes} bytes are not those that were written")

    def _of_file(self, name: str, mark: FileMark, *, is_read: bool) -> tuple[int, str]:
        path = self._folder / name
        if not is_read and path.is_file():
            return mark.cycle, "" if path.stat().st_size == mark.n_bytes else "truncated or changed"
        if name not in self._hashes:
            with storage_errors(path, "reading"):
                self._hashes[name] = (path.stat().st_size, hash_file(path)) if path.is_file() else None
        found = self._hashes[name]
        if found is None:
            return mark.cycle, "" if name in self._released else "missing"
        return mark.cycle, "" if found == (mark.n_bytes, mark.blake2b) else "truncated or changed"

    def _of_day(self, name: str, mark: DayMark, now: datetime) -> tuple[int, str]:
        path = self._folder / name
        if not path.is_file():
            return mark.cycle, "" if name in self._released else "missing"
        try:
            slices = {time: values for time, values in read_day(path).slices.items() if time <= now}
        except StorageError:
            return mark.cycle, "truncated or changed"
        return mark.cycle, "" if day_digest(slices) == mark.digest else "truncated or changed"


def describe_cycles(cycles: Iterable[int]) -> str:
    """Describe cycle numbers in words: 'cycle 3', 'cycles 3 to 5 and 9'."""
    runs: list[list[int]] = []
    for cycle in sorted(set(cycles)):
        if runs and cycle == runs[-1][-1] + 1:
            runs[-1].append(cycle)
        else:
            runs.append([cycle])
    parts = [f"{run[0]}" if len(run) == 1 else f"{run[0]} to {run[-1]}" for run in runs]
    if len(parts) > 2 * _SHOWN:
        parts = [*parts[: 2 * _SHOWN - 1], f"{len(parts) - 2 * _SHOWN + 1} further groups"]
    text = parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
    return f"{'cycle' if text.isdigit() else 'cycles'} {text}"


def _of_folder(parent: str, bad: list[tuple[str, int, str]], n_all: int) -> Lack:
    """Summarise the gaps of a folder."""
    kinds = Counter(what for _, _, what in bad)
    cycles = tuple(sorted({cycle for _, cycle, _ in bad}))
    names = ", ".join(name.rpartition("/")[2] for name, _, _ in bad[:_SHOWN]) + (", ..." if len(bad) > _SHOWN else "")
    what = " and ".join(f"{n} {'is' if n == 1 else 'are'} {kind}" for kind, n in kinds.items())
    return Lack(f"{parent}/", cycles, f"is incomplete: of {n_all} files {what}, of {describe_cycles(cycles)} ({names})")


def _numbers(counts: list[int]) -> list[int]:
    """Cycles that have lines."""
    return [cycle for cycle, count in enumerate(counts, start=1) if count]


def _lines_by_cycle(content: bytes) -> Counter[int]:
    """Number of complete lines of every cycle; damaged lines are not counted."""
    present: Counter[int] = Counter()
    for line in content.splitlines(keepends=True):
        try:
            cycle = parse_json(line)["cycle"]
        except (ValueError, KeyError, TypeError):
            continue
        if isinstance(cycle, int) and line.endswith(b"\n"):
            present[cycle] += 1
    return present


def _content(path: Path) -> bytes:
    with storage_errors(path, "reading"):
        return path.read_bytes()


def _hash(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=HASH_BYTES).hexdigest()
