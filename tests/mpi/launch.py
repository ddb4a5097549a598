"""Run the tests marked `mpi` under mpirun, on several numbers of ranks, and judge every rank's own results.

Usage (after `source env/mpi.sh`): python tests/mpi/launch.py --ranks 2 3 4 -- -m "not verify"

Each rank runs pytest and writes its own log and JUnit file to test-results/mpi-<n>/. A job is good if every
rank has written its file, all ran the same number of tests, at least one test ran, and none failed. What
follows `--` goes to pytest.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parents[2]
TAIL_LINES = 40


@dataclass(frozen=True)
class RankResult:
    """What one rank's JUnit file and log say."""

    rank: int
    log: Path
    closing_line: str
    n_ran: int | None  # None: the rank wrote no JUnit file, so it died or was killed
    n_bad: int

    @classmethod
    def read(cls, folder: Path, rank: int) -> RankResult:
        log = folder / f"rank-{rank}.log"
        lines = log.read_text(errors="replace").rstrip().splitlines() if log.exists() else []
        closing_line = lines[-1].strip(" =") if lines else "(no output)"
        try:
            suites = ElementTree.parse(folder / f"rank-{rank}.xml").getroot().iter("testsuite")
            names = ("tests", "skipped", "failures", "errors")
            counts = [{name: int(suite.get(name, "0")) for name in names} for suite in suites]
        except (OSError, ElementTree.ParseError):
            return cls(rank, log, closing_line, None, 0)
        n_ran = sum(c["tests"] - c["skipped"] for c in counts)
        return cls(rank, log, closing_line, n_ran, sum(c["failures"] + c["errors"] for c in counts))


def complaints(results: list[RankResult], returncode: int) -> list[str]:
    """Return what is wrong with a job, in words; empty if it is good."""
    found = []
    dead = [r.rank for r in results if r.n_ran is None]
    if returncode in (124, 137):
        found.append("the job ran out of time and was ended")
    elif returncode:
        found.append(f"mpirun returned {returncode}")
    if dead:
        found.append(f"ranks {dead} ended without a result")
    if bad := [r.rank for r in results if r.n_bad]:
        found.append(f"tests failed on ranks {bad}")
    if len({r.n_ran for r in results if r.n_ran is not None}) > 1:
        found.append(f"ranks ran different numbers of tests: {[r.n_ran for r in results]}")
    if not dead and not any(r.n_ran for r in results):
        found.append("no test ran: nothing is marked mpi, or everything was skipped")
    return found


def run_job(n_ranks: int, limit_s: int, pytest_args: list[str]) -> bool:
    """Run one job of `n_ranks` ranks, print how it ended, and return whether it was good."""
    folder = ROOT / "test-results" / f"mpi-{n_ranks}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    scratch = tempfile.mkdtemp(prefix=f"landda-mpi-{n_ranks}-")
    mpirun = os.environ.get("MPIRUN") or "mpirun"
    rank_command = [
        sys.executable,
        "-m",
        "mpi4py",
        __file__,
        "--as-rank",
        str(folder),
        scratch,
        "--",
        *pytest_args,
    ]
    start = time.monotonic()
    try:
        # pytest-timeout ends a test that hangs; timeout(1) ends a job that hangs outside of tests.
        job = subprocess.run(
            ["timeout", "-k", "5", str(limit_s), mpirun, "-n", str(n_ranks), *rank_command, *pytest_args],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    results = [RankResult.read(folder, rank) for rank in range(n_ranks)]
    found = complaints(results, job.returncode)

    verdict = "FAILED" if found else "good"
    print(f"--- {n_ranks} ranks: {verdict}, {time.monotonic() - start:.1f} s")
    for result in results:
        print(f"    rank {result.rank}: {result.closing_line}")
    for complaint in found:
        print(f"    {complaint}")
    if found:
        if job.stdout.strip():
            print(f"    --- mpirun said:\n{job.stdout.rstrip()}")
        # The first rank that failed itself is the most informative; the others often only waited for it.
        telling = sorted(results, key=lambda r: (r.n_bad == 0, r.n_ran is not None))[0]
        print(f"    --- end of {telling.log}:")
        if telling.log.exists():
            print("\n".join(telling.log.read_text(errors="replace").splitlines()[-TAIL_LINES:]))
    sys.stdout.flush()
    return not found


def run_as_rank(folder: Path, scratch: Path, pytest_args: list[str]) -> None:
    """Run pytest as one rank of a job, with its own log, JUnit file and temporary folder."""
    import pytest
    from mpi4py import MPI

    rank = MPI.COMM_WORLD.rank
    log = os.open(folder / f"rank-{rank}.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    os.dup2(log, 1)
    os.dup2(log, 2)
    # A rank with a failed test still returns 0: mpirun would kill the others before they write their results.
    pytest.main(
        [
            "--only-mpi",
            "-p",
            "no:cacheprovider",
            f"--junitxml={folder / f'rank-{rank}.xml'}",
            f"--basetemp={scratch / f'rank-{rank}'}",
            *pytest_args,
        ]
    )
    sys.stdout.flush()


def main() -> int:
    """Parse the command line; return 0 if all jobs were good."""
    arguments, pytest_args = sys.argv[1:], []
    if "--" in arguments:
        split = arguments.index("--")
        arguments, pytest_args = arguments[:split], arguments[split + 1 :]
    parser = argparse.ArgumentParser(description="Run the tests marked mpi under mpirun.")
    parser.add_argument("--ranks", type=int, nargs="+", default=[2, 3, 4], help="numbers of ranks, a job each")
    parser.add_argument("--limit", type=int, default=300, help="seconds that one job may take")
    parser.add_argument("--as-rank", type=Path, nargs=2, metavar=("FOLDER", "SCRATCH"), help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.as_rank:
        folder, scratch = options.as_rank
        run_as_rank(folder, scratch, pytest_args)
        return 0
    good = [run_job(n_ranks, options.limit, pytest_args) for n_ranks in options.ranks]
    print(f"=== MPI tests on {options.ranks} ranks: {'all good' if all(good) else 'FAILED'}")
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
