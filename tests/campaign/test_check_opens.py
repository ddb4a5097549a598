"""What `landda run` would refuse `landda check` refuses too: every file that is named is opened with its reader."""

from __future__ import annotations

from typing import Any

import pytest

from tests.campaign.conftest import Landda

BAD_FILE = "/etc/passwd"


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"runs": [{"method": "pointwise", "depth": {"kind": "regression", "file": BAD_FILE}}]}, "run 'pointwise'"),
        ({"runs": [{"method": "adaptive_pointwise", "observation_std": BAD_FILE}]}, "run 'adaptive_pointwise'"),
        ({"runs": [{"method": "var3d_point", "background_archive": BAD_FILE}]}, "run 'var3d_point'"),
        (
            {"runs": [{"method": "per_wedge", "observation_errors": {"kind": "white", "std": BAD_FILE}}]},
            "run 'per_wedge'",
        ),
        (
            {"runs": [{"method": "enkf_like", "background_errors": {"kind": "climatological", "file": BAD_FILE}}]},
            "run 'enkf_like'",
        ),
        (
            {"runs": [{"method": "enkf_like", "background_errors": {"kind": "correlated", "std": BAD_FILE,
                                                                    "length_km": 300}}]},
            "run 'enkf_like'",
        ),
        ({"model": {"initial": "file", "initial_file": BAD_FILE}}, "model.initial_file"),
        (
            {"model": {"initial": "spun_up", "physics": "land_surface", "initial_file": BAD_FILE}},
            BAD_FILE,
        ),
        ({"observations": {"kind": "twin", "withheld": {"list_file": BAD_FILE}}}, BAD_FILE),
    ],
)  # fmt: skip
def test_a_file_that_is_not_what_it_should_be(landda: Landda, changes: dict[str, Any], place: str) -> None:
    done = landda.here("check", landda.write(**changes), "--no-trial")
    assert done.returncode == 2 and "Traceback" not in done.stderr, done.stdout + done.stderr
    assert place in " ".join(done.stderr.split()), done.stderr
