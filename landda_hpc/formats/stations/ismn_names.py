"""Identify the sensor of a file of the International Soil Moisture Network from its name and header together.

Blanks separate the items of a header, but names of networks, stations and sensors may contain blanks. In file names,
underscores separate the items, and other characters replace blanks. Both together show to which item a word belongs.
"""

from __future__ import annotations

import logging
import math
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import PurePosixPath
from typing import Final

from landda_hpc.errors import DataError
from landda_hpc.formats.stations.text import is_number
from landda_hpc.regridding.depth import DepthRange

logger = logging.getLogger(__name__)

SUFFIX: Final = ".stm"

MISSING: Final = -9999.0
"""Numbers at or below this are missing values; networks write -9999 and -9999.9."""

DEPTH_SLACK_M: Final = 0.0055
"""Tolerance of depths, m: file names have six decimals, headers two."""

_N_NUMBERS: Final = 5
"""Latitude, longitude, elevation, top and bottom of the sensor."""

_MOST_NAME_WORDS: Final = 30
"""Largest number of words in all names of a header together."""

_Cut = tuple[int, int, int]
"""Indices of the words at which the second network name, the station name and the place begin."""

_NAME: Final = re.compile(
    r"(?P<names>.+)_(?P<code>sm|ts|su|p|ta|sd|sweq|tsf|tsfq)"
    r"_(?P<top>-?[0-9]+(?:\.[0-9]+)?)_(?P<bottom>-?[0-9]+(?:\.[0-9]+)?)"
    r"(?:_(?P<sensor>.*?))??(?:_(?P<first>[0-9]{8})_(?P<last>[0-9]{8}))?"
)
"""Greedy in the names, so that the variable is the last possible word: a station may be called sm_1_2."""

_COPY: Final = re.compile(r"(?: ?\([0-9]+\)| - (?:Copy|Kopie|Copie).*| copy(?: [0-9]+)?)$")
"""Text that file managers and browsers add to the name of a copy."""


@dataclass(frozen=True)
class FileName:
    """Information in the name of a file.

    Attributes
    ----------
    names : words between underscores before the variable: network (twice) and station.
    code : code of the variable.
    depth_m : top and bottom of the sensor, m.
    sensor : name of the sensor.
    first, last : first and last day of the period as yyyymmdd, empty if the name has none.
    """

    names: tuple[str, ...]
    code: str
    depth_m: DepthRange
    sensor: str
    first: str
    last: str


@dataclass(frozen=True)
class Identity:
    """Information in a header.

    Attributes
    ----------
    network, station : names in the header.
    place : latitude, longitude, elevation (NaN where missing).
    depth_m : top and bottom of the sensor, m.
    n_words : number of header words that hold this information.
    """

    network: str
    station: str
    place: tuple[float, float, float]
    depth_m: DepthRange
    n_words: int


def parse_file_name(source: str) -> FileName | None:
    """Parse a file name of ISMN; None if it does not have the following form.

    ``<network>_<network>_<station>_<variable>_<top>_<bottom>_<sensor>_<start>_<end>.stm``; names may have underscores.
    """
    name = PurePosixPath(source.replace("\\", "/")).name
    if not name.lower().endswith(SUFFIX):
        return None
    match = _NAME.fullmatch(_COPY.sub("", name[: -len(SUFFIX)]))
    if match is None or match["names"].count("_") < 2:
        return None
    return FileName(
        tuple(match["names"].split("_")),
        match["code"],
        (float(match["top"]), float(match["bottom"])),
        match["sensor"] or "",
        match["first"] or "",
        match["last"] or "",
    )


def identify(words: Sequence[str], source: str, is_rest: Callable[[Sequence[str]], bool] | None = None) -> Identity:
    """Determine which words of a header are names and which are numbers.

    Parameters
    ----------
    words : network, network, station, latitude, longitude, elevation, depth from, depth to, and the rest; each name
        may have several words.
    source : file name, with which the words must agree if they are ambiguous.
    is_rest : decides whether words can be the rest; None: any words can.

    Returns
    -------
    The only interpretation that agrees with the file name in depth, network and station. An unambiguous header is
    accepted even if its names differ from the file name (renamed files), but its depth must agree.

    Raises
    ------
    DataError : no place and depth; the depth differs from the file name; several interpretations agree with the file
        name, or none does.
    """
    name = parse_file_name(source)
    starts = range(3, min(len(words) - _N_NUMBERS, _MOST_NAME_WORDS) + 1)
    ways = [k for k in starts if _can_be_place(words[k : k + _N_NUMBERS])]
    ways = [k for k in ways if is_rest is None or is_rest(words[k + _N_NUMBERS :])]
    if not ways:
        # Parse the header as if no name had a blank, to report the invalid number or place.
        return _identity(words, (1, 2, 3), source)
    agreeing = [k for k in ways if name is None or _is_at(words, k, name.depth_m)]
    if name is not None and not agreeing:
        depth = " to ".join(words[ways[0] + 3 : ways[0] + _N_NUMBERS])
        raise DataError(
            f"header of station file '{source}' has depth {depth} m; the file's name has {name.depth_m[0]:g} to "
            f"{name.depth_m[1]:g} m. One of them is wrong: was the file renamed?"
        )
    found: set[_Cut] = set()
    for agree in (_same, _alike):
        if name is not None and not found:
            found = {cut for k in agreeing for cut in _cuts(words, k, name, agree)}
    if name is not None and len(found) > 1:
        sensor = _plain(name.sensor)
        found = {cut for cut in found if _plain("".join(words[cut[2] + _N_NUMBERS :])) == sensor} or found
        found = {cut for cut in found if words[: cut[0]] == words[cut[0] : cut[1]]} or found
    if not found and ways == [3]:
        if name is not None:
            logger.info(
                "header of '%s' has other names than the file, '%s'; those of the header are used",
                source,
                " ".join(words[:3]),
            )
        found = {(1, 2, 3)}
    if len(found) == 1:
        return _identity(words, found.pop(), source)
    raise DataError(
        f"header '{' '.join(words)[:120]}' of station file '{source}' can be read in several ways, as its names have "
        "blanks; expected a file name <network>_<network>_<station>_<variable>_<from>_<to>_<sensor>_<start>_<end>.stm "
        "with the same names and depths. Restore the original name of the file."
    )


def _can_be_place(words: Sequence[str]) -> bool:
    if not all(is_number(word) or (i == 2 and word.lower() == "nan") for i, word in enumerate(words)):
        return False
    lat, lon, _, top, bottom = (float(word) for word in words)
    return -90.0 <= lat <= 90.0 and -180.0 <= lon <= 360.0 and -50.0 <= top <= bottom <= 50.0


def _is_at(words: Sequence[str], k: int, depth_m: DepthRange) -> bool:
    found = (float(word) for word in words[k + 3 : k + _N_NUMBERS])
    return all(abs(one - other) <= DEPTH_SLACK_M for one, other in zip(found, depth_m, strict=True))


def _identity(words: Sequence[str], cut: _Cut, source: str) -> Identity:
    """Identity if the second network name, the station name and the place begin at the words of a cut."""
    network, station, place = cut
    texts = words[place : place + _N_NUMBERS]
    try:
        lat, lon, elevation, top, bottom = (float(text) for text in texts)
    except ValueError as error:
        raise DataError(
            f"station file '{source}' has '{' '.join(texts)}' where latitude, longitude, elevation and depths should "
            f"be ({error})."
        ) from error
    return Identity(
        " ".join(words[network:station]),
        " ".join(words[station:place]),
        (lat, lon, elevation if elevation > MISSING else math.nan),
        (top, bottom),
        place + _N_NUMBERS,
    )


def _cuts(words: Sequence[str], place: int, name: FileName, agree: Callable[[str, str], bool]) -> Iterator[_Cut]:
    """Ways to divide the words before the place into names that agree with the file name."""
    ways = _ways_of_name(name.names)
    for network in range(1, place - 1):
        for station in range(network + 1, place):
            parts = [" ".join(words[a:b]) for a, b in pairwise((0, network, station, place))]
            if any(all(map(agree, parts, others)) for others in ways):
                yield network, station, place


def _ways_of_name(names: tuple[str, ...]) -> list[tuple[str, str, str]]:
    """Possible network, network and station of a file name; only those with equal networks if there are any."""
    ways = [
        ("_".join(names[:i]), "_".join(names[i:j]), "_".join(names[j:]))
        for i in range(1, len(names) - 1)
        for j in range(i + 1, len(names))
    ]
    return [way for way in ways if way[0] == way[1]] or ways


def _plain(name: str) -> str:
    """Letters and digits of a name, without accents and case; file names replace or omit blanks."""
    return "".join(c for c in unicodedata.normalize("NFKD", name.casefold()) if c.isalnum())


def _same(name: str, other: str) -> bool:
    return _plain(name) == _plain(other)


def _alike(name: str, other: str) -> bool:
    """Whether names are equal except for letters outside ASCII, which may be garbled or transliterated."""
    if name.isascii() and other.isascii():
        return _same(name, other)
    few, many = sorted(("".join(c for c in _plain(n) if c.isascii()) for n in (name, other)), key=len)
    letters = iter(many)
    return all(c in letters for c in few)
