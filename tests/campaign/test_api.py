"""The results of a real campaign from Python: tables, lazy images, what is missing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import landda_hpc
from landda_hpc.errors import ConfigError, DataError, StorageError
from tests.campaign.conftest import Landda


def test_tables_are_those_of_the_records(reference: Mapping[str, Any]) -> None:
    campaign = landda_hpc.open_campaign(str(reference["path"]))
    assert campaign.runs == ("control", "pointwise", "enkf_like", "adaptive_pointwise")
    assert campaign.status is not None and campaign.status.state == "finished"
    assert len(campaign.times) == 6 and str(campaign.times[0]) == "2022-06-02 06:00:00"
    scores = campaign.scores
    assert {"run", "reference", "layer", "stage", "scc", "ubrmse"} <= set(scores.columns)
    dataset = campaign.scores_dataset
    row = scores[(scores.run == "pointwise") & (scores.stage == "analysis") & (scores.reference == "truth")].iloc[0]
    same = dataset.scc.sel(run="pointwise", stage="analysis", reference="truth", layer=row.layer, time=row.time).item()
    assert same == row.scc
    assert campaign.innovations["observations.used"].max() > 0
    assert campaign.seconds["peak_memory_mb_max"].min() > 0
    assert campaign.profiles.empty
    assert "finished, cycle 6 of 6" in repr(campaign)


def test_images_open_with_plain_xarray_and_have_the_same_variables(reference: Mapping[str, Any]) -> None:
    campaign = landda_hpc.open_campaign(reference["path"])
    images = campaign.images("enkf_like")
    assert images.sizes["time"] == 3 and images.analysis.chunks is not None
    plain = xr.open_mfdataset(str(reference["path"] / "images" / "enkf_like_*.nc"), data_vars="all")
    xr.testing.assert_identical(images.analysis, plain.analysis)
    assert images.cell_area.dims == ("lat", "lon")
    for run in campaign.runs:
        opened = xr.open_mfdataset(str(reference["path"] / "images" / f"{run}_*.nc"))
        assert opened.sizes["time"] == 3 and opened.forecast.dims == ("time", "lat", "lon"), run
        assert np.array_equal(opened.forecast, campaign.images(run).forecast, equal_nan=True), run
        files = sorted((reference["path"] / "images").glob(f"{run}_*.nc"))
        names = []
        for file in files:
            with xr.open_dataset(file) as dataset:
                names.append(set(dataset.data_vars))
        assert all(n == names[0] for n in names), run
    # The free forecast has no analysis: the variable is there, without a value.
    last = images.isel(time=-1).load()
    assert np.isnan(last.analysis).all() and np.isfinite(last.forecast).any()


def test_the_page_on_python_is_true(
    reference: Mapping[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The code of docs/python.md, in the order of the page."""
    page = (Path(__file__).resolve().parents[2] / "docs" / "python.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", page, re.S)
    assert len(blocks) == 4
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "from_python").symlink_to(reference["path"])
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for block in blocks:
        exec(block, names)
    printed = capsys.readouterr().out
    assert "finished, cycle 6 of 6" in printed and "m3 m-3" in printed
    assert set(names["means"].index) == {"control", "pointwise", "enkf_like", "adaptive_pointwise"}
    assert names["series"].sizes["time"] == 6 and names["used"].min() > 0 and names["largest"] > 0.0
    assert names["mean_increment"].dims == ("lat", "lon")
    assert names["after"].rmse == pytest.approx(0.7 * names["before"].rmse)
    assert np.array_equal(names["blend"].increment, names["analysis"].increment.fillna(0.0).values, equal_nan=True)


def test_the_interface_is_listed() -> None:
    listed = {"open_campaign", "run_campaign", "analyse", "score", "CampaignResults", "__version__"}
    assert set(landda_hpc.__all__) >= listed and set(dir(landda_hpc)) >= listed
    assert all(getattr(landda_hpc, name).__doc__ for name in listed - {"__version__"})


def test_what_is_missing_says_so(reference: Mapping[str, Any], landda: Landda) -> None:
    campaign = landda_hpc.open_campaign(reference["path"])
    with pytest.raises(ConfigError, match="has the runs control, pointwise"):
        campaign.images("enkf")
    with pytest.raises(DataError, match="no series of run 'control'"):
        campaign.series("control")
    with pytest.raises(StorageError):
        landda_hpc.open_campaign(landda.folder)
