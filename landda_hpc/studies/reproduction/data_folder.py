"""What a folder of a scientist's data holds of the products that the papers use: by file names, and by content."""

from __future__ import annotations

import os
import re
import zipfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import numpy as np

from landda_hpc.errors import DataError, LandDAError
from landda_hpc.formats.cf.netcdf_file import NetcdfFile, read_times
from landda_hpc.formats.products.name_pattern import NamedPeriod, NamePattern
from landda_hpc.formats.stations.text_archive import is_litter

MAX_FILES: Final = 500_000
"""Largest number of files that are looked at."""

_GLDAS: Final = re.compile(r"GLDAS_NOAH(025|10)_3H\.A(\d{8})\.(\d{2})00\.\d{3}.*\.nc4?")
_CLDAS: Final = re.compile(r"(Z_NAFP_C_BABJ_)\d+(_P_CLDAS_.*-)[A-Z]+\d+-(\d{10})\.nc")
_COLM_ERA5: Final = re.compile(r"ERA5_(\d{4})_(\d{2})_2m_temperature\.nc4?")
_TABLE_HEADER: Final = re.compile(r"v71105|svwc|soil_?vwc", re.IGNORECASE)
_STATE: Final = frozenset(("t2m", "d2m", "sp", "u10", "v10"))
_AMOUNTS: Final = frozenset(("tp", "ssrd", "strd"))
_LAND_SPACING: Final = 0.15
"""Grids of ERA5-Land have 0.1 degrees, those of ERA5 0.25."""

_FORMS: Final = ("%Y-%m-%d", "%Y_%m_%d", "%Y%m%d%H", "%Y%m%d", "%Y%j", "%Y-%m", "%Y_%m", "%Y%m", "%Y")
"""Ways to write a time in the name of a file or folder, the finest first."""
_AFTER_YEAR: Final = ("%j", "%m", "%d", "%H")
"""What a folder or name below that of a year may state."""


@dataclass
class FoundFiles:
    """Files of a kind that have the same pattern.

    Attributes
    ----------
    kind : product of the catalogue, or dataset of the section 'forcing'.
    path : pattern with strftime codes, relative to the data folder; for stations their folder, archive or table.
    variables : names of variables that decided about the kind; empty if the names of the files did.
    periods : what the names of the files state.
    """

    kind: str
    path: str
    variables: frozenset[str] = frozenset()
    periods: list[NamedPeriod] = field(default_factory=list)

    @property
    def n_files(self) -> int:
        """Number of files with a time in their name."""
        return len(self.periods)

    def has(self, time: datetime) -> bool:
        """Whether the name of a file states a period with this time."""
        return any(period.begin <= time < period.end for period in self.periods)

    def missing_days(self, start: datetime, end: datetime) -> list[datetime]:
        """Days from ``start`` to ``end``, both included, without a file."""
        covered: set[datetime] = set()
        for period in self.periods:
            first = max(period.begin, start).replace(hour=0, minute=0, second=0, microsecond=0)
            for number in range(max(0, (min(period.end, end + timedelta(days=1)) - first).days + 1)):
                day = first + timedelta(days=number)
                if period.overlaps(day, day + timedelta(days=1) - timedelta(seconds=1)):
                    covered.add(day)
        days = ((start + timedelta(days=n)).replace(hour=0) for n in range((end - start).days + 1))
        return [day for day in days if day not in covered]


@dataclass
class DataFolder:
    """What was found in a folder.

    Attributes
    ----------
    files : kinds with their patterns, in order of path.
    remarks : files that cannot be used as they are, with what to do; one sentence each.
    """

    files: list[FoundFiles] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def of(self, *kinds: str) -> list[FoundFiles]:
        """Files of some kinds, those with most files first."""
        found = [one for kind in kinds for one in self.files if one.kind == kind]
        return sorted(found, key=lambda one: (kinds.index(one.kind), -one.n_files))


def look_through(root: Path) -> DataFolder:
    """Find products of the papers below a folder. Local.

    GLDAS, CLDAS and ERA5 in CoLM's layout are known by their names, ERA5 and ERA5-Land of the Climate Data Store by the
    variables and the grid of one file of each kind of name, stations by the files in a folder or archive.

    Raises
    ------
    DataError : no such folder, or it holds more than ``MAX_FILES`` files.
    """
    if not root.is_dir():
        raise DataError(f"'{root}' is not a folder. Give the folder that holds the data with --data.")
    found = DataFolder()
    names: dict[str, FoundFiles] = {}
    others: dict[str, list[str]] = defaultdict(list)
    stations: list[str] = []
    for path in _paths(root):
        kind = _kind_of_name(path)
        if kind is not None:
            _add(names, *kind)
        elif path.endswith((".nc", ".nc4", ".zip")):
            others[re.sub(r"\d+", "#", path)].append(path)
        elif path.endswith(".stm"):
            stations.append(path)
        elif path.endswith((".csv", ".txt", ".tsv")) and _TABLE_HEADER.search(_first_line(root / path)):
            _add(names, "cma_csv", str(Path(path).parent) if "/" in path else path, None)
    for top in sorted({path.partition("/")[0] for path in stations if "/" in path}):
        _add(
            names,
            "ismn",
            os.path.commonpath([path.rpartition("/")[0] for path in stations if path.startswith(f"{top}/")]),
            None,
        )
    if any("/" not in path for path in stations):
        found.remarks.append("Stations of the ISMN lie directly in the data folder: move them into a folder.")
    for same in others.values():
        _look_into(root, same, names, found.remarks)
    found.files = [names[key] for key in sorted(names)]
    return found


def pattern_of(path: str, time: datetime) -> str | None:
    """Pattern with strftime codes of a path that states a time; None if the path does not state it.

    Parameters
    ----------
    path : relative to the data folder.
    time : of the file's first record.
    """
    parts, has_year = [], False
    for part in path.split("/"):
        stated = [form for form in _FORMS if re.search(_digits(time.strftime(form)), part)]
        stem, dot, rest = part.partition(".")
        below = [form for form in _AFTER_YEAR if has_year and stem == time.strftime(form)]
        if stated:
            parts.append(re.sub(_digits(time.strftime(stated[0])), stated[0], part))
        else:
            parts.append(below[0] + dot + rest if below else part)
        has_year = has_year or bool(stated)
    pattern = "/".join(parts)
    if not has_year:
        return None
    try:
        periods = NamePattern(pattern).periods(path)
    except DataError:
        return None
    return pattern if any(period.begin <= time < period.end for period in periods) else None


def _digits(text: str) -> str:
    """Expression for a text that is not part of a longer number."""
    return rf"(?<!\d){re.escape(text)}(?!\d)"


def _paths(root: Path) -> Iterator[str]:
    """Relative paths of all files, in order; links are followed, each folder once."""
    seen: set[tuple[int, int]] = set()
    number = 0
    for folder, below, files in os.walk(root, followlinks=True):
        status = Path(folder).stat()
        if (status.st_dev, status.st_ino) in seen:
            below.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        below.sort()
        for name in sorted(files):
            relative = (Path(folder) / name).relative_to(root)
            if is_litter(relative.parts):
                continue
            number += 1
            if number > MAX_FILES:
                raise DataError(f"'{root}' has more than {MAX_FILES} files. Give a folder with fewer with --data.")
            yield relative.as_posix()


def _kind_of_name(path: str) -> tuple[str, str, NamedPeriod | None] | None:
    """Kind, pattern and period of a file whose name is enough."""
    folder, _, name = path.rpartition("/")
    if match := _GLDAS.fullmatch(name):
        time = datetime.strptime(match[2] + match[3], "%Y%m%d%H")
        kind, last = "gldas_noah", f"GLDAS_NOAH{match[1]}_3H.A%Y%m%d.%H00.*.{name.rpartition('.')[2]}"
    elif match := _COLM_ERA5.fullmatch(name):
        time = datetime.strptime(match[1] + match[2], "%Y%m")
        base = folder.rpartition("/")[0]
        return "era5", base or ".", NamePattern("ERA5_%Y_%m_*").periods(name)[0]
    elif match := _CLDAS.fullmatch(name):
        time = datetime.strptime(match[3], "%Y%m%d%H")
        kind, last = "cldas", f"{match[1]}*{match[2]}{{layer}}-%Y%m%d%H.nc"
    else:
        return None
    above = pattern_of(folder, time) if folder else ""
    pattern = last if not folder else f"{above or folder}/{last}"
    period = NamePattern(pattern.replace("{layer}", "*")).periods(path)
    return kind, pattern, period[0] if period else None


def _add(
    found: dict[str, FoundFiles],
    kind: str,
    path: str,
    period: NamedPeriod | None,
    variables: frozenset[str] = frozenset(),
) -> None:
    one = found.setdefault(f"{path}\n{kind}", FoundFiles(kind, path, variables))
    if period is not None:
        one.periods.append(period)


def _look_into(root: Path, paths: Sequence[str], found: dict[str, FoundFiles], remarks: list[str]) -> None:
    """Recognise files with names of one kind by the content of the first."""
    first = paths[0]
    if zipfile.is_zipfile(root / first):
        for path in paths:
            inside = _names_in_archive(root / path)
            if any(name.endswith(".stm") for name in inside):
                _add(found, "ismn", path, None)
            elif any(name.endswith((".nc", ".grib")) for name in inside):
                remarks.append(f"{path} is a zip archive of {', '.join(sorted(inside)[:3])}: unpack it into a folder.")
        return
    if first.endswith(".zip"):
        remarks.append(f"{first} is not a complete zip archive: download it again.")
        return
    try:
        content = _content(root / first)
    except LandDAError as error:
        remarks.append(f"{first} was not recognised: {error}")
        return
    if content is None:
        return
    kind, variables, time = content
    pattern = pattern_of(first, time)
    if pattern is None:
        remarks.append(
            f"{first} has {', '.join(sorted(variables))} of {'ERA5-Land' if kind == 'era5_land' else 'ERA5'} from "
            f"{time:%Y-%m-%d %H} UTC, but its name does not say so: rename it, for example to {kind}_{time:%Y_%m}.nc."
        )
        return
    names = NamePattern(pattern)
    for path in paths:
        try:
            periods = names.periods(path)
        except DataError as error:
            remarks.append(f"{path}: {error}")
            continue
        if periods:
            _add(found, kind, pattern, periods[0], variables)
        else:
            remarks.append(f"{path} was left out, because the pattern of the files next to it is {pattern}.")


def _content(path: Path) -> tuple[str, frozenset[str], datetime] | None:
    """Product, variables and first time of a file of the Climate Data Store; None for other files."""
    with NetcdfFile(path, scan=False) as file:
        names = frozenset(file.names())
        wanted = names & (_STATE | _AMOUNTS | {"swvl1", "swvl2"})
        clock = next((name for name in ("valid_time", "time") if name in names), None)
        latitude = next((name for name in ("latitude", "lat") if name in names), None)
        if not wanted or clock is None or latitude is None:
            return None
        values = file.values(latitude).ravel()
        times = read_times(file, clock)
    if not times:
        return None
    spacing = float(np.median(np.abs(np.diff(values)))) if values.size > 1 else np.inf
    return ("era5_land" if spacing < _LAND_SPACING else "era5"), wanted, min(times)


def _names_in_archive(path: Path) -> list[str]:
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.namelist()
    except (OSError, zipfile.BadZipFile):
        return []


def _first_line(path: Path) -> str:
    with path.open("rb") as file:
        return file.readline(4096).decode("latin-1")
