"""Files of a campaign under the checker of the conventions CF and ACDD."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest


def test_the_files_of_a_campaign_follow_cf_and_acdd(reference: Mapping[str, Any], tmp_path: Path) -> None:
    runner = pytest.importorskip(
        "compliance_checker.runner", reason="compliance-checker is not installed (env/extra.sh cf)"
    )
    runner.CheckSuite.load_all_available_checkers()
    out: Path = reference["path"]
    image = min(out.glob("images/pointwise_*.nc"))
    for file in (image, out / "scores.nc", out / "innovations_pointwise.nc"):
        for convention in ("cf:1.11", "acdd:1.3"):
            report = tmp_path / "report.json"
            runner.ComplianceChecker.run_checker(
                str(file), [convention], 0, "lenient", output_filename=str(report), output_format="json"
            )
            found = json.loads(report.read_text())[convention]
            faults = [f"{one['name']}: {text}" for one in found["high_priorities"] for text in one["msgs"]]
            assert not [fault for fault in faults if not _is_known(fault)], file.name


def _is_known(fault: str) -> bool:
    """Names that CF has no standard name for, texts, and bounds of a scalar, which the checker takes for a vector."""
    known = ("standard_name", "depth_bnds", "variable \"reference\"", "variable \"run\"", "variable \"layer\"",
             "variable \"stage\"", "coverage_content_type")  # fmt: skip
    return any(text in fault for text in known)
