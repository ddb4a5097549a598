"""The report of a campaign's folder."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from landda_hpc.errors import DataError, MissingFileError, ShapeError
from landda_hpc.grid import regular_grid
from landda_hpc.regions import named_regions
from landda_hpc.studies.reproduction.paper_regions import BAI2026_REGIONS
from landda_hpc.verification.figures.image_set import ImageSet, read_images
from landda_hpc.verification.figures.maps import Ground
from landda_hpc.verification.figures.report_figures import MapFrame, MapSource, plan_maps, plan_series
from landda_hpc.verification.tables.score_records import ScoreRecord, write_csv, write_netcdf
from landda_hpc.verification.tables.summary import SUMMARY, read_scores, write_summary

TIME = datetime(2022, 6, 2, 6)
GRID = regular_grid(32, 64)
REGIONS = named_regions(BAI2026_REGIONS, Path())


def write_report(folder, scores, images=(), frame=None, innovations=None):
    """All parts of a report, as the process of a campaign's report makes them one after the other."""
    records = read_scores(scores)
    written = [folder / "scores.csv", folder / "scores.nc"]
    write_csv(records, written[0])
    write_netcdf(records, written[1])
    parts = plan_series(records, folder / "figures", innovations, None, None)
    if frame is not None:
        parts += plan_maps([MapSource.of(item) for item in images], folder / "figures", frame)
    captions = [(part.path, caption) for part in parts if (caption := part.make()) is not None]
    write_summary(folder, records, "twin", captions, None)
    return [*written, *(path for path, _ in captions), folder / SUMMARY]


def frame_of(grid, land):
    return MapFrame(Ground(grid, land), REGIONS, "0-10 cm")


@pytest.fixture
def scores(tmp_path):
    path = tmp_path / "scores.jsonl"
    lines = [
        ScoreRecord(c, TIME + timedelta(hours=6 * c), run, reference, "0-10 cm", stage, "assimilation",
                    0.5, 0.1, 0.0, 0.1, 100).to_json()
        for c in range(5)
        for run in ("control", "enkf_like")
        for reference in ("truth", "assimilated reference")
        for stage in ("background", "analysis")
    ]  # fmt: skip
    path.write_text("\n".join(lines) + "\n")
    return path


def write_images(pictures, path, attributes):
    images = pictures.example_images(
        GRID, pictures.example_land(GRID), ("background", "analysis", "increment", "observation")
    )
    xr.Dataset(
        {name: (("time", "lat", "lon"), image[None], {"units": "m3 m-3"}) for name, image in images.items()}
        | {"spread": (("time", "lat", "lon"), np.zeros((1, *GRID.shape)))},
        {"time": [np.datetime64(TIME, "ns")], "lat": GRID.lat, "lon": GRID.lon},
        attributes,
    ).to_netcdf(path)
    return images


def test_whole_report(pictures, tmp_path, scores):
    images = write_images(pictures, tmp_path / "images.nc", {"run": "enkf_like"})
    (found,) = read_images(tmp_path / "images.nc")
    assert (found.run, found.time) == ("enkf_like", TIME)
    assert found.grid.same_points(GRID)
    assert set(found.images) == set(images)
    np.testing.assert_array_equal(found.images["analysis"], images["analysis"])

    cycles = tmp_path / "cycles.jsonl"
    cycles.write_text(
        json.dumps({"cycle": 1, "time": TIME.isoformat(), "run": "enkf_like", "innovation_mean": 0.0,
                    "innovation_std": 0.1, "residual_mean": 0.0, "residual_std": 0.05, "n_observations": 9})
        + "\n"
    )  # fmt: skip
    control = ImageSet("control", TIME, GRID, {"background": images["background"]})
    folder = tmp_path / "report"
    written = write_report(
        folder, scores, [control, found], frame_of(GRID, pictures.example_land(GRID)), innovations=cycles
    )
    assert sorted(p.relative_to(folder).as_posix() for p in written) == [
        "figures/innovations.png",
        "figures/map_enkf_like_20220602T06.png",
        "figures/regions_enkf_like_20220602T06.png",
        "figures/scores_assimilated_reference.png",
        "figures/scores_truth.png",
        "scores.csv",
        "scores.nc",
        "summary.md",
    ]
    assert sorted(p for p in folder.rglob("*") if p.is_file()) == sorted(written)
    for path in written:
        if path.suffix == ".png":
            assert min(pictures.png_size(path)) > 300
    text = (folder / "summary.md").read_text(encoding="utf-8")
    assert text.startswith("# twin\n")
    assert "the assimilated reference" in text
    assert text.count("](figures/") == 5
    lines = scores.read_text().splitlines()
    assert len((folder / "scores.csv").read_text().splitlines()) == 1 + len(lines)
    with xr.open_dataset(folder / "scores.nc") as dataset:
        assert int((dataset["window"] >= 0).sum()) == len(lines)


def test_scores_alone_and_a_regional_grid(pictures, tmp_path, scores):
    assert len(write_report(tmp_path / "a", scores)) == 5
    asia = regular_grid(31, 31, south=23.0, north=68.0, west=73.0, east=117.0)
    land = np.ones(asia.shape, bool)
    item = ImageSet("control", TIME, asia, pictures.example_images(asia, land, ("background",)))
    empty = ImageSet("enkf_like", TIME + timedelta(hours=6), asia, {})
    written = write_report(tmp_path / "b", scores, [item, empty], frame_of(asia, land))
    # The grid has only half of China and nothing of the United States.
    assert [p.name for p in written if "202206" in p.name] == ["map_control_20220602T06.png"]


def test_bad_input_is_named(pictures, tmp_path, scores):
    with pytest.raises(MissingFileError):
        write_report(tmp_path / "a", tmp_path / "none.jsonl")
    with pytest.raises(MissingFileError):
        read_images(tmp_path / "none.nc")
    (tmp_path / "empty.jsonl").write_text("")
    with pytest.raises(DataError, match="no score records"):
        write_report(tmp_path / "a", tmp_path / "empty.jsonl")
    item = ImageSet("control", TIME, regular_grid(20, 40), {"background": np.zeros((20, 40))})
    with pytest.raises(ShapeError, match="the model is on 32 x 64 cells"):
        write_report(tmp_path / "a", scores, [item], frame_of(GRID, pictures.example_land(GRID)))
    write_images(pictures, tmp_path / "images.nc", {})
    with pytest.raises(DataError, match="lacks run"):
        read_images(tmp_path / "images.nc")
    xr.Dataset(
        {"background": (("level", "lat", "lon"), np.zeros((2, 3, 4)))},
        {"lat": [0.0, 1.0, 2.0], "lon": [0.0, 1.0, 2.0, 3.0], "time": np.datetime64(TIME, "ns")},
        {"run": "a"},
    ).to_netcdf(tmp_path / "levels.nc")
    with pytest.raises(DataError, match="background has dimensions"):
        read_images(tmp_path / "levels.nc")
    (tmp_path / "text.nc").write_text("no netCDF")
    with pytest.raises(DataError, match="cannot be opened as netCDF"):
        read_images(tmp_path / "text.nc")
