"""`landda scaling` runs a campaign on several numbers of ranks, resumes, and writes tables, figures and bars."""

from __future__ import annotations

import csv
import json

import pytest

from tests.campaign.conftest import Landda

FEW = ("--cycles", "3", "--grids", "32x64,64x128", "--plan", "64x128,10,100", "--nodes", "2", "--cores-per-node", "8")


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.verify
def test_a_study_on_one_two_and_three_ranks(landda: Landda) -> None:
    landda.command(2)  # skips the test where there is no mpirun
    file = landda.write()
    done = landda.here("scaling", file, "--ranks", "1,2,3", *FEW, "-o", "out")
    assert done.returncode == 0, done.stdout + done.stderr
    for said in ("3 ranks (held back)", "imbalance of the forecast", "Use ", "First bottleneck", "1/P"):
        assert said in done.stdout, done.stdout
    out = landda.folder / "out"
    found = json.loads((out / "scaling.json").read_text())
    assert [run["ranks"] for run in found["runs"]] == [1, 2, 3]
    assert [run["held_back"] for run in found["runs"]] == [0, 0, 1]
    assert found["runs"][0]["bytes_max"] == 0.0 < found["runs"][1]["bytes_max"]
    assert all(run["compute"] > 0.0 and run["peak_bytes"] > 1e7 for run in found["runs"])
    assert found["machine"]["latency_s"] > 0.0 and set(found["layouts"]) == {"32 x 64", "64 x 128"}
    with (out / "scaling.csv").open() as table:
        assert [row["ranks"] for row in csv.DictReader(table)] == ["1", "2", "3"]
    assert "## Bars" in (out / "scaling.md").read_text()
    assert all((out / name).stat().st_size > 10_000 for name in ("scaling.png", "cycle.png"))
    digests = {landda.digest(f"out/ranks_{n}") for n in (1, 2, 3)}
    assert len(digests) == 1, "the same bits on every number of ranks"

    before = {path: path.stat().st_mtime_ns for path in out.glob("ranks_*/seconds.jsonl")}
    again = landda.here("scaling", file, "--ranks", "1,2,3", *FEW, "-o", "out")
    assert again.returncode == 0, again.stdout + again.stderr
    assert {path: path.stat().st_mtime_ns for path in before} == before, "finished runs stay"

    other = landda.here("scaling", file, "--ranks", "1", *FEW, "-o", "out", "--set", "seed=8")
    assert other.returncode == 2 and "another configuration" in other.stdout + other.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--ranks", "1,x"), "numbers of ranks"),
        (("--grids", "64"), "rows x columns"),
        (("--plan", "64x128,5"), "MEMBERS"),
        (("--cycles", "99"), "needs 198 cycles; the campaign has 6"),
        (("--launcher", "no_such_launcher", "--cycles", "3"), "cannot be started"),
    ],
)
def test_wrong_options_are_explained(landda: Landda, arguments: tuple[str, ...], said: str) -> None:
    done = landda.here("scaling", landda.write(), "-o", "out", *arguments)
    assert done.returncode == 2
    assert said in done.stdout + done.stderr
