"""Text files in a folder or a zip archive, read without trust: nothing is unpacked to disk, sizes are bounded."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Final

from landda_hpc.errors import DataError, MissingFileError

MAX_MEMBERS: Final = 200_000
"""Most files of an archive; the whole of ISMN has some 50,000."""

MAX_BYTES: Final = 2**29
"""Largest file read, uncompressed; a century of hourly CEOP lines is 100 MB."""

MAX_TOTAL_BYTES: Final = 2**37
"""Most bytes of an archive's files together, by its own table."""

MAX_RATIO: Final = 200
"""Most by which a large file may have been compressed: station series reach 30; a bomb of zeros 1000."""

_SMALL: Final = 2**24
"""Below this a ratio says nothing."""


def list_files(path: Path, wanted: Callable[[str], bool]) -> list[tuple[str, Callable[[], bytes]]]:
    """The files of a folder (with all below), of a zip archive, or the one file.

    Parameters
    ----------
    path : folder, archive (its content tells, not its name) or file.
    wanted : by a file's own name, without folders.

    Returns
    -------
    Name, for people, and a function that gives the content; in order of name. Links that lead out of a folder are
    followed no farther than to files.

    Raises
    ------
    MissingFileError : no such file or folder.
    DataError : a broken archive, or one that is not to be trusted: encrypted, members whose names leave the archive,
        too many of them, too large, or compressed beyond belief. From a content function: damage, or a file that is
        larger than it says.

    Notes
    -----
    Local: no communication.
    """
    if path.is_dir():
        # rglob does not descend into links, so a loop of links ends.
        found = sorted(p for p in path.rglob("*") if wanted(p.name) and p.is_file())
        return [(str(p), _file_reader(p)) for p in found]
    if not path.is_file():
        raise MissingFileError(f"station data '{path}' do not exist; check the path in the configuration.")
    if not zipfile.is_zipfile(path):
        return [(str(path), _file_reader(path))]
    with _archive(path) as archive:
        members = archive.infolist()
    _require_trust(path, members)
    chosen = sorted((m for m in members if not m.is_dir() and wanted(PurePosixPath(m.filename).name)), key=_name)
    return [(f"{path}:{m.filename}", _member_reader(path, m)) for m in chosen]


def _name(member: zipfile.ZipInfo) -> str:
    return member.filename


@contextmanager
def _archive(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except DataError:
        raise
    # Damage shows as any of these: bad CRC, unknown compression, impossible offsets, zlib's own error.
    except Exception as error:
        raise DataError(
            f"archive '{path}' cannot be read; is it complete? [{type(error).__name__}: {error}]"
        ) from error


def _require_trust(path: Path, members: list[zipfile.ZipInfo]) -> None:
    if len(members) > MAX_MEMBERS:
        raise DataError(f"archive '{path}' has {len(members)} files; expected at most {MAX_MEMBERS}.")
    if (total := sum(m.file_size for m in members)) > MAX_TOTAL_BYTES:
        raise DataError(f"archive '{path}' unpacks to {total} bytes; expected at most {MAX_TOTAL_BYTES}.")
    for member in members:
        name = PurePosixPath(member.filename.replace("\\", "/"))
        if name.is_absolute() or ".." in name.parts or (name.parts and ":" in name.parts[0]):
            raise DataError(f"archive '{path}' has a file named '{member.filename}', which leads out of it.")
        if member.flag_bits & 1:
            raise DataError(f"archive '{path}' is encrypted ('{member.filename}'); unpack it first.")
        if member.file_size > MAX_BYTES:
            raise DataError(
                f"'{member.filename}' in '{path}' unpacks to {member.file_size} bytes; expected at most {MAX_BYTES}."
            )
        if member.file_size > max(_SMALL, MAX_RATIO * member.compress_size):
            raise DataError(
                f"'{member.filename}' in '{path}' is {member.file_size // max(1, member.compress_size)} times smaller "
                f"packed; expected at most {MAX_RATIO} times: it is no station series."
            )


def _file_reader(path: Path) -> Callable[[], bytes]:
    def read() -> bytes:
        try:
            if path.stat().st_size > MAX_BYTES:
                raise DataError(f"file '{path}' has {path.stat().st_size} bytes; expected at most {MAX_BYTES}.")
            return path.read_bytes()
        except OSError as error:
            raise DataError(f"file '{path}' cannot be read: {error}.") from error

    return read


def _member_reader(path: Path, member: zipfile.ZipInfo) -> Callable[[], bytes]:
    def read() -> bytes:
        with _archive(path) as archive, archive.open(member) as file:
            # One more byte than the table says: an archive may lie about sizes.
            content = file.read(member.file_size + 1)
        if len(content) != member.file_size:
            raise DataError(
                f"'{member.filename}' in '{path}' has another size than the archive's table says ({member.file_size})."
            )
        return content

    return read
