"""Compiled code follows every source that went into it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from landda_hpc.compiled_code import sources_key

LOOP = "import numba\nfrom pack.inner import one\n@numba.njit(cache=True)\ndef loop():\n    return one()\n"
INNER = "import numba\n@numba.njit(cache=True)\ndef one():\n    return {}\n"


def test_a_loop_takes_up_a_change_of_what_was_compiled_into_it(tmp_path: Path) -> None:
    package = tmp_path / "pack"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "loop.py").write_text(LOOP)
    start = tmp_path / "start.py"
    # The package's own call comes first, as an import of landda_hpc points numba to our folder.
    start.write_text(
        "import os, sys\nfrom pathlib import Path\nimport landda_hpc.compiled_code as c\n"
        "os.environ.pop('NUMBA_CACHE_DIR')\n"
        f"c.use_own_folder(Path({str(package)!r}))\nsys.path.insert(0, {str(tmp_path)!r})\n"
        "from pack.loop import loop\nprint(loop())\n"
    )
    environment = {k: v for k, v in os.environ.items() if k != "NUMBA_CACHE_DIR"}
    for value in (1, 20):
        (package / "inner.py").write_text(INNER.format(value))
        done = subprocess.run([sys.executable, str(start)], capture_output=True, text=True, env=environment, check=True)
        assert done.stdout.split() == [str(value)]


def test_the_key_is_that_of_names_sizes_and_times(tmp_path: Path) -> None:
    source = tmp_path / "a.py"
    source.write_text("x = 1\n")
    first = sources_key(tmp_path)
    assert sources_key(tmp_path) == first
    os.utime(source, ns=(1, 1))
    second = sources_key(tmp_path)
    (tmp_path / "b.py").write_text("")
    assert len({first, second, sources_key(tmp_path)}) == 3
