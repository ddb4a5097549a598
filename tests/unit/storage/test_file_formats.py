"""Formats of netCDF files: those of other versions are refused, files of earlier versions without one are read."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import pytest

from landda_hpc.errors import LandDAError
from landda_hpc.formats.own.image_output import open_image
from landda_hpc.grid import regular_grid
from landda_hpc.io.file_format import ATTRIBUTES
from landda_hpc.io.provenance import software
from landda_hpc.observation.feedback import Feedback, read_feedback, write_feedback
from landda_hpc.storage.image_files import Provenance, write_image
from landda_hpc.storage.mean_files import MeanWriter, means_folder
from landda_hpc.storage.series_files import SeriesFrame, SeriesSlice, SeriesWriter, read_day, series_folder
from landda_hpc.verification.figures.image_set import read_images

TIME = datetime(2022, 6, 2)
Read = Callable[[Path], Any]


def _image(folder: Path) -> tuple[Path, Read]:
    grid = regular_grid(17, 32)
    image, land = np.full(grid.shape, 0.3), np.ones(grid.shape, dtype=np.bool_)
    given = Provenance("title", "history", "source", "references")
    fields = {"background": (image, {})}
    return write_image(folder, "control", grid, TIME, fields, given, depth_m=(0.0, 0.1), is_land=land), read_images


def _opened_image(folder: Path) -> tuple[Path, Read]:
    def read(path: Path) -> Any:
        with open_image(path) as file:
            return file.values("background")

    return _image(folder)[0], read


def _feedback(folder: Path) -> tuple[Path, Read]:
    one, two = np.zeros(1), np.zeros((1, 1))
    cell, flag = np.zeros(1, dtype=np.int64), np.zeros(1, dtype=np.uint8)
    write_feedback(
        folder / "f.nc", Feedback(TIME, "twin", (0.0, 0.1), one, one, cell, one, one, flag, ("control",), two, two)
    )
    return folder / "f.nc", read_feedback


def _series(folder: Path) -> tuple[Path, Read]:
    frame = SeriesFrame((2, 3), np.array([0, 4]), np.zeros(2), np.arange(2.0), ((0.0, 0.1),))
    series, means = (
        SeriesWriter(series_folder(folder), frame, {"title": "x"}, timedelta(hours=12)),
        MeanWriter(folder, frame, {"title": "x"}, 2),
    )
    values = SeriesSlice(*(np.zeros(shape, np.float32) for shape in ((3, 2), (1, 2), (2,), (2,))))
    for hours in (12, 24):
        series.add("control", TIME + timedelta(hours=hours), values)
        list(means.add("control", TIME + timedelta(hours=hours), values))
    return series_folder(folder) / "control_20220602.nc", read_day


def _means(folder: Path) -> tuple[Path, Read]:
    _series(folder)
    return means_folder(folder) / "control_daily_202206.nc", read_day


@pytest.mark.parametrize("make", [_image, _opened_image, _feedback, _series, _means])
def test_formats_of_files(tmp_path: Path, make: Callable[[Path], tuple[Path, Read]]) -> None:
    path, read = make(tmp_path)
    assert read(path) is not None
    with netCDF4.Dataset(path, "r+") as file:
        assert file.format.startswith("landda_hpc ") and file.format_version == 1 and file.written_by == software()
        file.setncatts({"format_version": np.int32(7), "written_by": "landda_hpc 9.9"})
    with pytest.raises(LandDAError, match=r"version 7, this software reads .* version 1\..*wrote it: landda_hpc 9\.9"):
        read(path)
    with netCDF4.Dataset(path, "r+") as file:
        file.setncatts({"format": "another", "format_version": np.int32(1)})
        file.delncattr("written_by")
    with pytest.raises(LandDAError, match=r"has the format 'another', version 1, .*wrote it: not stated"):
        read(path)
    with netCDF4.Dataset(path, "r+") as file:
        for name in ATTRIBUTES[:2]:
            file.delncattr(name)
    assert read(path) is not None, "files of earlier versions have no format"
