"""The memory of a process: its own, whatever started it."""

from __future__ import annotations

import re
import subprocess
import sys

import numpy as np

from landda_hpc.process_memory import describe_memory, peak_bytes, resident_bytes

CODE = "from landda_hpc.process_memory import peak_bytes; print(peak_bytes())"

GIVE_BACK = """
import numpy as np
from landda_hpc.process_memory import peak_bytes, resident_bytes
before = resident_bytes()
np.ones(25_000_000).sum()
print(before, peak_bytes())
"""


def test_the_peak_is_above_what_is_held() -> None:
    held = resident_bytes()
    assert 1e6 < held <= peak_bytes()


def test_the_memory_in_words_counts_own_arrays() -> None:
    def own() -> float:
        found = re.match(r"own (\d+) MB, shared with other processes \d+ MB, peak (\d+) MB", describe_memory())
        assert found and float(found[1]) <= float(found[2])
        return float(found[1])

    before = own()
    held = np.ones(10_000_000)
    assert own() - before > 60.0 and held[0] == 1.0


def test_a_peak_stays_after_the_memory_is_given_back() -> None:
    """In a separate process: the system may take idle pages of a large one in the meantime."""
    done = subprocess.run([sys.executable, "-c", GIVE_BACK], capture_output=True, text=True, timeout=120, check=True)
    before, peak = map(float, done.stdout.split())
    assert peak > before + 1.5e8


def test_the_peak_of_the_parent_does_not_count() -> None:
    large = np.ones(50_000_000)
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, timeout=120, check=True)
    assert large.sum() == 50_000_000
    assert float(done.stdout) < 2e8 < peak_bytes()
