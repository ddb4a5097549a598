"""What a user sees of a campaign from outside: its status, and logs that are not on a terminal."""

from __future__ import annotations

import json
import re
import time

import pytest

from tests.campaign.conftest import Landda

STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d (INFO|WARNING|ERROR|DEBUG) ")


@pytest.mark.verify
def test_logs_have_one_line_per_message_and_one_file_per_rank(landda: Landda) -> None:
    landda.environment.pop("COLUMNS", None)
    landda.environment["LANDDA_JOB_END"] = str(int(time.time()) + 86_400)
    done = landda(2, "run", landda.write(), "--output", "out", "--rank-logs")
    assert done.returncode == 0, done.stderr
    lines = done.stderr.splitlines()
    assert lines and all(STAMP.match(line) for line in lines), done.stderr
    for rank in (0, 1):
        own = (landda.folder / "out" / f"landda.rank{rank:05d}.log").read_text().splitlines()
        assert len([line for line in own if "forecast" in line and "(CPU" in line]) == 6
    assert "(CPU" not in (landda.folder / "out" / "landda.log").read_text()

    seen = json.loads(landda.here("status", "out", "--json").stdout)
    assert seen["state"] == "finished" and seen["report"] == "complete" and seen["cycle"] == seen["n_cycles"] == 6
    assert seen["days_per_hour"] > 0.0 and seen["left_s"] == 0.0 and seen["disk_free"] > 0
    assert {last["run"] for last in seen["innovations"]} == {"control", "pointwise", "enkf_like", "adaptive_pointwise"}
    records = [json.loads(line) for line in (landda.folder / "out" / "seconds.jsonl").read_text().splitlines()]
    kept = sum((landda.folder / "out" / f"{name}.jsonl").stat().st_size for name in ("cycles", "scores", "seconds"))
    images = sum(path.stat().st_size for path in (landda.folder / "out" / "images").rglob("*.nc"))
    last_line = len(json.dumps(records[-1])) + 1
    assert records[-1]["bytes_kept"] == kept + images - last_line
    words = landda.here("status", "out", "--state", "--report", "--saved").stdout.splitlines()
    assert words[:2] == ["finished", "complete"] and words[2].startswith("cycle 6")
    shown = landda.here("status", "out", "--seconds").stdout
    assert "simulated days per hour" in shown and "O-B of enkf_like" in shown and "GB free" in shown
