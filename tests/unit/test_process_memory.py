"""The memory of a process: its own, whatever started it."""

from __future__ import annotations

import subprocess
import sys

import numpy as np

from landda_hpc.process_memory import peak_bytes, resident_bytes

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
