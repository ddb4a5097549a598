"""Send signals to a launcher of MPI jobs, and print what its ranks receive and how it ends (docs/cluster.md).

Usage: source env/mpi.sh && .venv/bin/python tools/launcher_signals.py

The two ranks only record the signals they receive. They end 2 s after SIGUSR1 with code 3, and 8 s after the others
with code 5. The launcher is that of $MPIRUN.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SIGNALS = (signal.SIGUSR1, signal.SIGTERM, signal.SIGINT)
SECONDS_AND_CODE = {signal.SIGUSR1: (2.0, 3), signal.SIGTERM: (8.0, 5), signal.SIGINT: (8.0, 5)}
LIMIT_S = 120
RANK_0_OR_1 = "from mpi4py import MPI; import os, sys; world = MPI.COMM_WORLD; world.Barrier(); "
ENDS = {
    "both ranks end with code 75": RANK_0_OR_1 + "sys.exit(75)",
    "rank 1 aborts with code 6": RANK_0_OR_1 + "world.rank and world.Abort(6); world.Barrier()",
    "rank 1 is killed": RANK_0_OR_1 + "world.rank and os.kill(os.getpid(), 9); world.Barrier()",
}


def be_a_rank(folder: Path) -> None:
    """Record signals with their times in a file of this rank."""
    from mpi4py import MPI

    received: list[signal.Signals] = []
    with (folder / str(MPI.COMM_WORLD.rank)).open("w", buffering=1) as log:

        def record(number: int, _frame: object) -> None:
            received.append(signal.Signals(number))
            log.write(f"{time.time()} {received[-1].name}\n")

        for number in SIGNALS:
            signal.signal(number, record)
        (folder / f"{MPI.COMM_WORLD.rank}.ready").touch()
        end = time.monotonic() + LIMIT_S
        while not received and time.monotonic() < end:
            time.sleep(0.02)
        seconds, code = SECONDS_AND_CODE[received[0]] if received else (0.0, 1)
        time.sleep(seconds)
        log.write(f"{time.time()} own end\n")
    sys.exit(code)


def send(launcher: list[str], number: signal.Signals) -> None:
    """Start two ranks, send a signal to the launcher, print what happened."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        job = subprocess.Popen([*launcher, __file__, scratch], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.monotonic() + LIMIT_S
        while not all((folder / f"{rank}.ready").exists() for rank in (0, 1)):
            if job.poll() is not None or time.monotonic() > end:
                job.kill()
                sys.exit(f"{launcher[0]} did not start two ranks")
            time.sleep(0.1)
        begin = time.time()
        job.send_signal(number)
        code = job.wait(LIMIT_S)
        print(f"{number.name}: the launcher ended after {time.time() - begin:.1f} s with code {code}")
        for rank in (0, 1):
            lines = (line.split(" ", 1) for line in (folder / str(rank)).read_text().splitlines())
            print(f"  rank {rank}: " + ", ".join(f"{float(when) - begin:.1f} s {what}" for when, what in lines))


def main() -> None:
    """Print all signals and ends."""
    if len(sys.argv) > 1:
        be_a_rank(Path(sys.argv[1]))
    launcher = [os.environ["MPIRUN"], "-n", "2", sys.executable, "-m", "mpi4py"]
    version = subprocess.run([launcher[0], "--version"], capture_output=True, text=True, check=True).stdout
    print(*(line.strip() for line in version.splitlines()[:2]))
    for number in SIGNALS:
        send(launcher, number)
    for what, program in ENDS.items():
        done = subprocess.run([*launcher, "-c", program], capture_output=True, timeout=LIMIT_S)
        print(f"{what}: the launcher ends with code {done.returncode}")


if __name__ == "__main__":
    main()
