"""``cell_costs.json``: written, read, and left out with a reason if it is damaged or of another campaign."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from landda_hpc.parallel.cell_costs import CellCosts
from landda_hpc.storage.cost_file import NAME, read_costs, write_costs

RULE = np.array([30, 36, 1, 16])
COSTS = CellCosts(RULE, np.array([0.5, 1.25, 2.0, 1.0]), np.array([1.0, 0.875, 1.0, 1.125]))


def test_costs_are_read_as_they_were_written(tmp_path: Path) -> None:
    assert read_costs(tmp_path, RULE).values.tolist() == RULE.tolist(), "without a file the rule"
    write_costs(tmp_path, COSTS)
    found = read_costs(tmp_path, RULE)
    assert found.work.tolist() == COSTS.work.tolist() and found.correction.tolist() == COSTS.correction.tolist()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"version": 2}, "version 2; expected"),
        ({"format": "other"}, "format 'other'"),
        ({"cells": 5}, "5 land cells"),
        ({"rule": "00"}, "another rule"),
        ({"work": [1.0]}, "positive numbers"),
        ({"work": [1.0, 1.0, "x", 1.0]}, "damaged"),
        ({"correction": [1.0, 1.0, -1.0, 1.0]}, "positive numbers"),
        ("{", "damaged"),
        ("[]", "damaged"),
        ("{}", "damaged"),
    ],
)
def test_a_file_that_cannot_be_used_is_left_out_with_a_reason(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, change: dict[str, object] | str, said: str
) -> None:
    write_costs(tmp_path, COSTS)
    path = tmp_path / NAME
    text = change if isinstance(change, str) else json.dumps(json.loads(path.read_text()) | change)
    path.write_text(text)
    assert read_costs(tmp_path, RULE).values.tolist() == RULE.tolist()
    assert said in caplog.text and "is left out" in caplog.text
