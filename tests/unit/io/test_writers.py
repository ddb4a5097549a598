"""One writer of CSV tables, one of netCDF files: contents, and nothing half written."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import netCDF4
import numpy as np
import pandas as pd
import pytest
import xarray as xr

from landda_hpc.errors import StorageError
from landda_hpc.io.csv_table import csv_text, write_csv
from landda_hpc.io.markdown import MarkdownPage, table_lines
from landda_hpc.io.netcdf_writer import TIME_UNITS, hours_since_1970, new_netcdf
from landda_hpc.io.provenance import CONVENTIONS
from landda_hpc.verification.figures.maps import Coastline

ROWS = [["a, b", 1, 0.1 + 0.2, np.float32(0.25)], ["c", 2, float("nan"), np.nan], ['"', -3, 1e-300, 1.0]]


def test_tables_keep_every_bit_or_so_many_digits(tmp_path: Path) -> None:
    path = tmp_path / "new" / "t.csv"
    write_csv(path, ["name", "n", "x", "y"], ROWS)
    assert path.read_text() == ('name,n,x,y\n"a, b",1,0.30000000000000004,0.25\nc,2,,\n"""",-3,1e-300,1.0\n')
    read = pd.read_csv(path)
    assert read.x.tolist()[::2] == [0.1 + 0.2, 1e-300] and read.name.tolist() == ["a, b", "c", '"']
    assert csv_text(["x"], [[1 / 3], [np.nan], [7]], digits=3, missing="nan") == "x\n0.333\nnan\n7\n"
    assert csv_text(["x"], [], comment="# note").splitlines() == ["# note", "x"]


def test_a_table_that_cannot_be_made_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("old")

    def rows():
        yield [1]
        raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        write_csv(path, ["x"], rows())
    assert path.read_text() == "old" and [p.name for p in tmp_path.iterdir()] == ["t.csv"]


def test_netcdf_files_are_cf_and_whole(tmp_path: Path) -> None:
    path = tmp_path / "new" / "f.nc"
    times = [datetime(2022, 6, 2, 6), datetime(2022, 6, 2, 12)]
    with new_netcdf(path, 1000, {"title": "t"}) as file:
        file.dimensions({"time": 2, "x": 3})
        file.dimensions({"x": 3})  # is there already
        file.write("time", ("time",), hours_since_1970(times), {"units": TIME_UNITS})
        file.write(
            "v", ("time", "x"), [[1, 2, np.nan]] * 2, {"units": "1"}, dtype="f4", fill=np.nan, level=1, checksum=True
        )
        file.write("n", ("x",), np.arange(3), {}, fill=False)
        file.write_texts("run", "run", ["control", "enkf_like"], {"long_name": "run"})
        file.create("empty", "f8", ("x",), {}, chunks=(2,))
        assert not path.exists()
    with xr.open_dataset(path) as found:
        assert found.attrs["Conventions"] == CONVENTIONS and found.attrs["title"] == "t"
        assert found.attrs["id"] == "t_f" and "time_coverage_start" not in found.attrs  # no coordinate by its name
        assert pd.DatetimeIndex(found.time).to_pydatetime().tolist() == times
        np.testing.assert_array_equal(found.v, [[1, 2, np.nan]] * 2)
        assert found.run.values.tolist() == ["control", "enkf_like"] and found.v.dtype == np.float32
    with netCDF4.Dataset(path) as raw:
        assert raw["v"].filters()["fletcher32"] and raw["v"].filters()["zlib"] and "_FillValue" in raw["v"].ncattrs()
        assert not raw["n"].filters()["zlib"] and raw["empty"].chunking() == [2]


@pytest.mark.parametrize("error", [ValueError("x"), OSError(28, "No space left on device")])
def test_a_netcdf_file_that_fails_is_not_there(tmp_path: Path, error: Exception) -> None:
    with pytest.raises(StorageError, match="writing failed"), new_netcdf(tmp_path / "f.nc") as file:
        file.dimensions({"x": 1})
        raise error
    assert list(tmp_path.iterdir()) == []


def test_markdown_tables_align_numbers_right() -> None:
    rows = [["a", "", "1.0"], ["", "b", ""]]
    assert table_lines(("what", "where", "value"), rows, n_texts=2) == [
        "| what | where | value |", "|---|---|---:|", "| a | | 1.0 |", "| | b | |",
    ]  # fmt: skip
    assert table_lines(("x", "y"), []) == ["| x | y |", "|---|---:|"]


def test_there_is_one_coast() -> None:
    coast = Coastline.shipped()
    assert coast.land_fraction.shape == coast.grid.shape == (360, 720)
    assert 0.25 < np.average(coast.land_fraction, weights=coast.grid.area) < 0.32


def test_a_page_has_its_parts_in_order() -> None:
    page = MarkdownPage("Title")
    page.text("One.", "", "Two.\n")
    page.section("Part", "Three.")
    page.items(["a", "b"])
    page.table(("x",), [["1"]], n_texts=0)
    page.picture("p.png", "map", "A map.")
    page.picture("q.png", "other")
    assert page.content(["end", ""]) == (
        "# Title\n\nOne.\n\nTwo.\n\n## Part\n\nThree.\n\n- a\n- b\n\n| x |\n|---:|\n| 1 |\n\n"
        "![map](p.png)\n\nA map.\n\n![other](q.png)\n\nend\n"
    )
    assert MarkdownPage("Empty").content() == "# Empty\n"


def test_files_can_be_found_by_their_content(tmp_path: Path) -> None:
    """The attributes of ACDD 1.3 follow from title, software and coordinates; the same content gives the same file."""
    times = [datetime(2022, 6, 2, 6), datetime(2022, 6, 2, 18), datetime(2022, 6, 3, 6)]
    for name in ("a", "b"):
        with new_netcdf(tmp_path / name / "f.nc", attributes={"title": "Run x", "institution": "I"}) as file:
            file.dimensions({"time": 3, "lat": 2, "bnds": 2})
            hours = {"units": TIME_UNITS, "standard_name": "time", "calendar": "standard"}
            file.write("time", ("time",), hours_since_1970(times), hours)
            degrees = {"units": "degrees_north", "standard_name": "latitude", "bounds": "lat_bnds"}
            file.write("lat", ("lat",), [10.0, 20.0], degrees)
            file.write("lat_bnds", ("lat", "bnds"), [[5.0, 15.0], [15.0, 25.0]], {})
            file.write("depth", (), 0.05, {"units": "m", "standard_name": "depth", "positive": "down"})
            file.write("analysis", ("time", "lat"), np.zeros((3, 2)), {"units": "1"})
    assert (tmp_path / "a" / "f.nc").read_bytes() == (tmp_path / "b" / "f.nc").read_bytes()
    with netCDF4.Dataset(tmp_path / "a" / "f.nc") as file:
        found = {name: file.getncattr(name) for name in file.ncattrs()}
        types = {name: getattr(v, "coverage_content_type", "") for name, v in file.variables.items()}
    assert {name: found[name] for name in found if "coverage" in name} == {
        "time_coverage_start": "2022-06-02T06:00:00Z",
        "time_coverage_end": "2022-06-03T06:00:00Z",
        "time_coverage_duration": "P1D",
        "time_coverage_resolution": "PT12H",
    }
    assert (found["geospatial_lat_min"], found["geospatial_lat_max"]) == (5.0, 25.0)
    assert (found["geospatial_vertical_min"], found["geospatial_vertical_positive"]) == (0.05, "down")
    assert found["institution"] == "I" and found["id"] == "Run_x_f" and found["summary"].startswith("Run x. ")
    assert not [name for name in found if "date" in name]
    assert types == {
        "time": "coordinate", "lat": "coordinate", "lat_bnds": "", "depth": "coordinate", "analysis": "modelResult"
    }  # fmt: skip
