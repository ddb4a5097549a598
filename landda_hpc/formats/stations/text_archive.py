"""Read text files in a folder or a zip archive safely: nothing is unpacked to disk, sizes are limited."""

from __future__ import annotations

import logging
import os
import stat
import zipfile
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Final

from landda_hpc.errors import DataError, MissingFileError

logger = logging.getLogger(__name__)

MAX_MEMBERS: Final = 200_000
"""Largest number of files in an archive; all of ISMN has some 50,000."""

MAX_BYTES: Final = 2**29
"""Largest file read, uncompressed; a century of hourly CEOP lines is 100 MB."""

MAX_TOTAL_BYTES: Final = 2**37
"""Largest total size of an archive's files, bytes, according to its table."""

MAX_RATIO: Final = 200
"""Largest compression ratio of a large file; station series reach 30, a zip bomb 1000."""

_SMALL: Final = 2**24
"""Compression ratios of smaller files, bytes, are not checked."""

_LITTER: Final = frozenset(("__MACOSX", "@eaDir", "#recycle", "$RECYCLE.BIN", "System Volume Information"))


def list_files(path: Path, wanted: Callable[[str], bool]) -> list[tuple[str, Callable[[], bytes]]]:
    """List the files of a folder (recursively) or of a zip archive, or a single file.

    Parameters
    ----------
    path : folder, archive (recognised by its content, not by its name) or file.
    wanted : selects files by their name, without folders.

    Returns
    -------
    Name, for messages, and a function that returns the content; in order of name. Each file occurs once, even if
    several links lead to it. Files of file managers (``is_litter``) are skipped.

    Raises
    ------
    MissingFileError : no such file or folder.
    DataError : a folder that cannot be listed; a broken archive, or an unsafe one: encrypted, or with members that are
        too many, too large, too highly compressed, or whose names lead out of the archive. Raised by a content
        function: damage, or a size that differs from the archive's table.

    Notes
    -----
    Local: no communication. Links to files and folders are followed, each folder once, so that circular links end;
    dangling links are counted in a warning. Of several archive members with one name the last is used, as when
    unpacking.
    """
    if path.is_dir():
        return [(str(p), _file_reader(p)) for p in sorted(_files_below(path, wanted))]
    if not path.is_file():
        raise MissingFileError(f"station data '{path}' do not exist; check the path in the configuration.")
    if not zipfile.is_zipfile(path):
        return [(str(path), _file_reader(path))]
    with _archive(path) as archive:
        members = archive.infolist()
    _require_trust(path, members)
    named = {m.filename: m for m in members if not m.is_dir() and not is_litter(_place_in(m).parts)}
    if links := [m.filename for m in named.values() if stat.S_ISLNK(m.external_attr >> 16)]:
        raise DataError(
            f"archive '{path}' has links in the place of files or folders, {len(links)} in all, e.g. '{links[0]}'; "
            "pack the files themselves (zip without -y)."
        )
    chosen = sorted((m for m in named.values() if wanted(_place_in(m).name)), key=_name)
    return [(f"{path}:{m.filename}", _member_reader(path, m)) for m in chosen]


def is_litter(parts: Sequence[str]) -> bool:
    """Whether a path, given by its parts, belongs to a file manager or editor and holds no data.

    Hidden files and folders (names that begin with a dot: ``._x.stm`` and ``.DS_Store`` of macOS), ``__MACOSX``, lock
    files of office programs (``~$x.csv``), thumbnails and recycle bins of network drives.
    """
    return any(part in _LITTER or (part.startswith((".", "~$")) and part not in (".", "..")) for part in parts)


def _files_below(root: Path, wanted: Callable[[str], bool]) -> list[Path]:
    """Find the files below a folder, each once: first directly, then through links, in order of name."""
    folders, links = deque([root]), deque[Path]()
    seen: set[tuple[int, int]] = set()
    found: dict[tuple[int, int], Path] = {}
    lost: list[Path] = []
    n_litter = 0
    while folders or links:
        if not folders:
            link = links.popleft()
            try:
                target = link.stat()
            except (OSError, RuntimeError):
                lost.append(link)
                continue
            if stat.S_ISDIR(target.st_mode):
                folders.append(link)
            elif stat.S_ISREG(target.st_mode) and wanted(link.name):
                found.setdefault((target.st_dev, target.st_ino), link)
            continue
        folder = folders.popleft()
        try:
            status = folder.stat()
            if (status.st_dev, status.st_ino) in seen:
                continue
            seen.add((status.st_dev, status.st_ino))
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
            for entry in entries:
                if is_litter((entry.name,)):
                    n_litter += wanted(entry.name)
                elif entry.is_symlink():
                    links.append(Path(entry))
                elif entry.is_dir():
                    folders.append(Path(entry))
                elif entry.is_file() and wanted(entry.name):
                    of_file = entry.stat()
                    found.setdefault((of_file.st_dev, of_file.st_ino), Path(entry))
        except OSError as error:
            raise DataError(f"folder '{folder}' cannot be listed ({error.strerror}); check its permissions.") from error
    if lost:
        logger.warning("%s: %d links lead nowhere, e.g. '%s'", root, len(lost), lost[0])
    if n_litter:
        logger.info("%s: %d files of file managers ignored", root, n_litter)
    return list(found.values())


def _name(member: zipfile.ZipInfo) -> str:
    return member.filename


def _place_in(member: zipfile.ZipInfo) -> PurePosixPath:
    """Path of a member in its archive; some Windows programs write backslashes."""
    return PurePosixPath(member.filename.replace("\\", "/"))


@contextmanager
def _archive(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except DataError:
        raise
    # Damage shows as a bad CRC, unknown compression, impossible offsets, or an error of zlib.
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
        name = _place_in(member)
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
                f"'{member.filename}' in '{path}' is compressed by {member.file_size // max(1, member.compress_size)}; "
                f"expected at most {MAX_RATIO}: it is not a station series."
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
            # Read one more byte than the table says, because sizes in an archive may be wrong.
            content = file.read(member.file_size + 1)
        if len(content) != member.file_size:
            raise DataError(
                f"'{member.filename}' in '{path}' has another size than the archive's table says ({member.file_size})."
            )
        return content

    return read
