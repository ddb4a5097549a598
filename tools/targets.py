"""Run an experiment with several sets of processor instructions and compare the digests (docs/environments.md).

Usage: python tools/targets.py [FILE] [--output DIR] [--only NAME ...]

FILE is an experiment, by default experiments/smoke.yaml. Each line of the table is a separate run. numba and OpenBLAS
are set to use the instructions of an older processor; their results are promised to be the same. NumPy, ducc0 and the C
library are set not to use AVX2 or FMA, which can change the digest. The exit code is 1 if a promised digest differs, or
a run fails.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from landda_hpc.storage.campaign_folder import CampaignFolder
from landda_hpc.storage.retention import list_checkpoints
from landda_hpc.studies.campaign_difference import state_differences

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Target:
    """Settings of a run.

    Attributes
    ----------
    name : for the table.
    settings : environment variables.
    is_promised : whether the digest is that of the first target.
    """

    name: str
    settings: dict[str, str]
    is_promised: bool = True


TARGETS = (
    Target("this processor", {}),
    Target("numba: Haswell", {"NUMBA_CPU_NAME": "haswell"}),
    Target("numba: AVX2 without FMA", {"NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": "+avx2,+avx,+sse4.2,-fma"}),
    Target("numba: generic", {"NUMBA_CPU_NAME": "generic"}),
    Target("NumPy: without AVX2, FMA", {"NPY_DISABLE_CPU_FEATURES": "X86_V3"}, is_promised=False),
    Target("OpenBLAS: Nehalem", {"OPENBLAS_CORETYPE": "Nehalem"}),
    Target("ducc0: x86-64-v2", {"DUCC0_MAX_PSABI_LEVEL": "2"}, is_promised=False),
    Target("glibc: without FMA", {"GLIBC_TUNABLES": "glibc.cpu.hwcaps=-FMA,-FMA4,-AVX2"}, is_promised=False),
)
"""For x86-64; on other processors only the first two kinds of settings have a meaning."""


def run(target: Target, file: Path, output: Path) -> str:
    """Run the experiment; return its digest, or what went wrong in words."""
    environment = {**os.environ, **target.settings}
    landda = [sys.executable, "-m", "landda_hpc"]
    options = ["--output", str(output), "--set", "output.figures=false"]
    done = subprocess.run([*landda, "run", str(file), *options], env=environment, capture_output=True, text=True)
    if done.returncode:
        return f"code {done.returncode}: {(done.stderr.strip().splitlines() or [''])[-1]}"
    digest = subprocess.run([*landda, "digest", str(output)], capture_output=True, text=True, check=True)
    return digest.stdout.split()[0]


def difference(first: Path, second: Path) -> str:
    """The largest differences of the last states, in words."""
    ends = [list_checkpoints(CampaignFolder.open(folder).checkpoints)[-1][1] for folder in (first, second)]
    found, _ = state_differences(*ends)
    return "; ".join(
        f"{d.variable} {abs(d.largest):.1e} {d.units} in {d.n_different} of {d.n_values}"
        for d in found
        if d.n_different
    )


def main() -> int:
    """Print a line of the table after each run."""
    parser = argparse.ArgumentParser(description="Compare digests with several sets of processor instructions.")
    parser.add_argument("file", nargs="?", type=Path, default=ROOT / "experiments/smoke.yaml")
    parser.add_argument("--output", type=Path, help="folder of the runs; by default a temporary one")
    parser.add_argument("--only", nargs="+", help="names of targets; the first is always run")
    options = parser.parse_args()
    chosen = [t for t in TARGETS if t is TARGETS[0] or not options.only or t.name in options.only]
    is_good = True
    print(f"{options.file} on {platform.processor() or platform.machine()}, {platform.libc_ver()}", flush=True)
    print("| target | digest | largest differences of the last state |\n|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.output or Path(scratch)
        reference = ""
        for number, target in enumerate(chosen):
            output = folder / str(number)
            digest = run(target, options.file, output)
            reference = reference or digest
            differs = "" if digest == reference else "failed"
            if digest != reference and not digest.startswith("code"):
                differs = difference(folder / "0", output)
            is_good &= not digest.startswith("code") and (digest == reference or not target.is_promised)
            print(
                f"| {target.name} | {digest[:8] if differs != 'failed' else digest} | {differs or 'none'} |", flush=True
            )
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main())
