"""Compiled code follows every source that went into it, and is kept where a folder can be written."""

from __future__ import annotations

import importlib
import logging
import math
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType

import numba
import numpy as np
import pytest

import landda_hpc
from landda_hpc.compiled_code import compiled, folders, kernel_cache
from landda_hpc.compiled_code.sources import _imports_of, sources_key

PACKAGE = Path(landda_hpc.__file__).parent
LOOP = """
from landda_hpc.compiled_code import compiled
from {name}.inner import one
from {name}.numbers import TWO

@compiled()
def loop(x):
    return x + one() + TWO
"""
INNER = "from landda_hpc.compiled_code import compiled\n\n@compiled()\ndef one():\n    return {}\n"


class Package:
    """A separate package on disk: `loop` calls `inner.one` and reads a constant; `other` is on nobody's path."""

    def __init__(self, folder: Path, name: str) -> None:
        self.name, self.folder = name, folder / name
        self.folder.mkdir()
        self.write("__init__", "")
        self.write("loop", LOOP.format(name=name))
        self.write("inner", INNER.format(1))
        self.write("numbers", "TWO = 2")
        self.write("other", "")

    def write(self, module: str, text: str) -> None:
        (self.folder / f"{module}.py").write_text(text)

    def load(self) -> ModuleType:
        """Import the loop as a new process would."""
        for module in [m for m in sys.modules if m.partition(".")[0] == self.name]:
            del sys.modules[module]
        shutil.rmtree(self.folder / "__pycache__" / "bytecode", ignore_errors=True)
        importlib.invalidate_caches()
        for cache in (sources_key, _imports_of, folders.find_folders):
            cache.cache_clear()
        return importlib.import_module(f"{self.name}.loop")

    def hits(self) -> tuple[int, int]:
        """The result of a first call in a new process, and whether its code came from disk."""
        loop = self.load().loop
        return loop(0), sum(loop.stats.cache_hits.values())

    @property
    def kept(self) -> list[Path]:
        return sorted((self.folder / "__pycache__" / "compiled").glob("*/*.code"))


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[Package]:
    monkeypatch.setattr(landda_hpc, "IMPORTED_AT", math.inf)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setattr(numba.config, "CACHE_DIR", "")
    monkeypatch.setattr(kernel_cache.KernelCache, "_warned", False)
    monkeypatch.setattr(kernel_cache.KernelCache, "_cleaned", False)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield Package(tmp_path, f"pack_{abs(hash(request.node.name)) % 10**8}")
    folders.find_folders.cache_clear()
    sources_key.cache_clear()
    _imports_of.cache_clear()


def test_only_changes_of_what_is_imported_compile_again(package: Package) -> None:
    assert package.hits() == (3, 0)
    assert package.hits() == (3, 1)
    package.write("other", "SOMETHING = 'new'")
    os.utime(package.folder / "loop.py", ns=(1, 1))  # a copy, a check-out: the content counts
    assert package.hits() == (3, 1)
    package.write("inner", INNER.format(10))
    assert package.hits() == (12, 0)
    package.write("numbers", "TWO = 20")
    assert package.hits() == (30, 0)
    package.write("numbers", "from . import more\nTWO = more.TWENTY")
    package.write("more", "TWENTY = 40")
    assert package.hits() == (50, 0)
    package.write("more", "TWENTY = 60")
    assert package.hits() == (70, 0)
    package.write("more", "TWENTY = 40")
    assert package.hits() == (50, 1)


def test_an_exception_of_a_part_reaches_python_with_its_values(package: Package) -> None:
    """Its values need Python objects of the part, which machine code of the loop, also from disk, must point to."""
    text = (
        "from landda_hpc.compiled_code import compiled\n\n@compiled()\ndef half(x):\n    if x > 1:\n"
        "        raise ValueError('above one', x)\n    return x / 2\n"
    )
    package.write("half", text)
    package.write("inner", f"from {package.name}.half import half\n" + INNER.format("half(2 + 1)"))
    for _ in range(2):
        loop = package.load().loop
        with pytest.raises(ValueError, match="above one") as error:
            loop(0)
        assert error.value.args == ("above one", 3)


def test_a_source_that_changed_after_the_start_is_not_kept(package: Package, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(landda_hpc, "IMPORTED_AT", (package.folder / "numbers.py").stat().st_ctime - 1.0)
    assert package.hits() == (3, 0)
    assert package.kept == []


@pytest.mark.parametrize(
    "damage", [lambda c: c[:-7], lambda c: c[:40] + bytes([c[40] ^ 1]) + c[41:], lambda c: b"", lambda c: b"x"]
)
def test_a_damaged_file_is_compiled_again(package: Package, damage: Callable[[bytes], bytes]) -> None:
    assert package.hits() == (3, 0)
    for file in package.kept:
        file.write_bytes(damage(file.read_bytes()))
    assert package.hits() == (3, 0)
    assert package.hits() == (3, 1)


def test_a_folder_that_vanishes_meanwhile_does_no_harm(package: Package) -> None:
    loop = package.load().loop
    shutil.rmtree(package.folder / "__pycache__", ignore_errors=True)
    assert loop(0) == 3
    shutil.rmtree(package.folder / "__pycache__", ignore_errors=True)
    assert loop(0.5) == 3.5


def test_numba_cache_dir_is_respected(package: Package, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "mine"))
    assert package.hits() == (3, 0)
    assert package.kept == []
    assert len(list((tmp_path / "mine").rglob("*.code"))) == 1
    assert package.hits() == (3, 1)


@pytest.mark.parametrize("xdg", [True, False])
def test_the_users_cache_folder_is_next(
    package: Package, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, xdg: bool
) -> None:
    (package.folder / "__pycache__").write_text("a file where a folder should be")
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache") if xdg else "relative/is/invalid")
    assert package.hits() == (3, 0)
    folder = tmp_path / ("cache" if xdg else "home/.cache") / package.name / "compiled"
    assert len(list(folder.rglob("*.code"))) == 1
    assert folder.stat().st_mode & 0o777 == 0o700
    assert package.hits() == (3, 1)


def no_home(package: Package, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No folder but the temporary one can be written; returns the place that is then taken."""

    def unknown() -> Path:
        raise RuntimeError("Could not determine home directory.")

    (package.folder / "__pycache__").write_text("a file where a folder should be")
    monkeypatch.setattr(Path, "home", unknown)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(folders.tempfile, "gettempdir", lambda: str(tmp_path / "temporary"))
    return tmp_path / "temporary" / f"{package.name}-{os.geteuid()}"


def test_without_a_home_a_private_temporary_folder_serves(
    package: Package, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = no_home(package, tmp_path, monkeypatch)
    assert package.hits() == (3, 0)
    assert place.stat().st_mode & 0o777 == 0o700
    assert package.hits() == (3, 1)


@pytest.mark.parametrize("fault", ["open to others", "a link", "a file", "no temporary folder"])
def test_without_any_folder_there_is_one_warning(
    package: Package, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, fault: str
) -> None:
    place = no_home(package, tmp_path, monkeypatch)
    place.parent.mkdir()
    if fault == "open to others":
        place.mkdir()
        place.chmod(0o777)
    elif fault == "a link":
        (tmp_path / "elsewhere").mkdir(mode=0o700)
        place.symlink_to(tmp_path / "elsewhere")
    elif fault == "a file":
        place.write_text("")
    else:
        monkeypatch.setattr(folders.tempfile, "gettempdir", _no_temporary_folder)
    with caplog.at_level(logging.WARNING, logger="landda_hpc"):
        assert package.hits() == (3, 0)
        assert package.hits() == (3, 0)
    (record,) = caplog.records
    assert "NUMBA_CACHE_DIR" in record.getMessage()
    assert str(package.folder) in record.getMessage()


def _no_temporary_folder() -> str:
    raise FileNotFoundError("No usable temporary directory found")


def test_an_installation_that_cannot_be_written_is_read(package: Package, monkeypatch: pytest.MonkeyPatch) -> None:
    assert package.hits() == (3, 0)
    real = folders._prepare

    def read_only(folder: Path, private: bool) -> None:
        if package.folder in folder.parents:
            raise PermissionError(30, "Read-only file system")
        real(folder, private)

    monkeypatch.setattr(folders, "_prepare", read_only)
    assert package.hits() == (3, 1)


def test_a_full_disk_does_not_stop_a_computation(package: Package, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, key: str, payload: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(kernel_cache, "_write", full)
    assert package.hits() == (3, 0)


def test_folders_of_old_sources_are_removed_when_nobody_uses_them(tmp_path: Path) -> None:
    root = tmp_path / "compiled"
    day = 86400.0

    def state(name: str, days: float, parent: Path = root) -> Path:
        folder = parent / name
        folder.mkdir(parents=True)
        (folder / "a.code").write_bytes(b"")
        os.utime(folder, times=(time.time() - days * day,) * 2)
        return folder

    kept = [state(f"a.b-{i:016x}", i + 0.5) for i in range(5)]
    beyond = [state(f"a.b-{i:016x}", 5.5) for i in range(5, 9)]
    fresh = [state(f"a.c-{i:016x}", 0.5) for i in range(9)]
    old = [state(f"a.d-{1:016x}", 8.0), state(f"compiled-{2:016x}", 8.0, tmp_path)]
    others = [state("a.b-mine", 99.0), state("notes", 99.0), state("compiled-me", 99.0, tmp_path)]
    link = root / f"a.e-{3:016x}"
    link.symlink_to(others[1])
    folders.remove_unused(root)
    assert [folder for folder in [*kept, *fresh, *others, link] if not folder.exists()] == []
    assert [folder for folder in [*beyond, *old] if folder.exists()] == []
    late = state(f"a.f-{4:016x}", 8.0)
    folders.remove_unused(root)  # at most once a day
    assert late.exists()


def test_use_is_noted_once_a_day(tmp_path: Path) -> None:
    os.utime(tmp_path, times=(time.time() - 2 * 86400.0,) * 2)
    folders.mark_as_used(tmp_path)
    assert time.time() - tmp_path.stat().st_mtime < 3600.0
    folders.mark_as_used(tmp_path / "none")


def test_processes_compile_at_the_same_time(package: Package, tmp_path: Path) -> None:
    code = (
        f"import landda_hpc, math, sys; landda_hpc.IMPORTED_AT = math.inf; sys.path.insert(0, {str(tmp_path)!r})\n"
        f"from {package.name}.loop import loop\n"
        "print([loop(x) for x in (0, 0.5, 1j)])"
    )
    environment = {k: v for k, v in os.environ.items() if k != "NUMBA_CACHE_DIR"}
    ranks = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=environment)
        for _ in range(3)
    ]
    assert {rank.communicate(timeout=100)[0].strip() for rank in ranks} == {"[3, 3.5, (3+1j)]"}
    assert len(package.kept) == 3
    assert list(package.folder.rglob("*.tmp")) == []
    assert package.hits() == (3, 1)


def test_nothing_else_in_the_process_is_changed() -> None:
    code = (
        "import os, numba\n"
        "settings = lambda: {k: v for k, v in vars(numba.config).items() if k.isupper()}\n"
        "before = dict(os.environ), settings()\n"
        "from landda_hpc.curvelet import Curvelet2D\n"
        "frame = Curvelet2D((17, 17)); frame.inverse(frame.forward([[0.0] * 17] * 17))\n"
        "assert (dict(os.environ), settings()) == before\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=100)


def test_a_loop_is_made_once_when_threads_call_it_first(package: Package) -> None:
    loop = package.load().loop
    begin = threading.Barrier(4)

    def call(x: int) -> int:
        begin.wait()
        return loop(x)

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(call, range(4))) == [3, 4, 5, 6]
    assert len(loop.signatures) == 1
    assert sum(loop.stats.cache_hits.values()) + sum(loop.stats.cache_misses.values()) == 1


def test_every_kernel_is_kept_this_way() -> None:
    direct = [p for p in PACKAGE.rglob("*.py") if p.parent.name != "compiled_code" and "njit" in p.read_text()]
    assert direct == []


def test_a_user_without_an_entry_and_without_home_runs_kernels() -> None:
    code = (
        "import os, pwd\n"
        "for name in ('HOME', 'XDG_CACHE_HOME', 'NUMBA_CACHE_DIR'): os.environ.pop(name, None)\n"
        "def nobody(uid): raise KeyError(f'getpwuid(): uid not found: {uid}')\n"
        "pwd.getpwuid = nobody\n"
        "from landda_hpc.curvelet import Curvelet2D\n"
        "frame = Curvelet2D((17, 17)); frame.inverse(frame.forward([[0.0] * 17] * 17))\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=100)


def test_read_only_arrays_need_no_code_of_their_own() -> None:
    """Arrays in the shared memory of a node are read-only."""

    @compiled()
    def total(values: np.ndarray, factor: float) -> float:
        result = 0.0
        for value in values.flat:
            result += factor * value
        return result

    for values in (np.arange(6.0), np.arange(6.0).reshape(2, 3).T):
        kept = values.copy()
        constant = values.view()
        constant.flags.writeable = False
        assert total(constant, np.float64(2.0)) == total(values, 2.0) == 30.0
        np.testing.assert_array_equal(values, kept)
        assert not constant.flags.writeable
    assert len(total.signatures) == 2  # in the order of rows, and of columns
    repeated = np.broadcast_to(np.arange(3.0)[:, None], (3, 4))
    assert total(repeated, 1.0) == 12.0
