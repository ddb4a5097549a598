"""The CMA's merged hourly rain: files in the layout of the provider's control file."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from landda_hpc.config import load_config, parse_config
from landda_hpc.constants import FloatArray
from landda_hpc.errors import ConfigError, DataError
from landda_hpc.formats.products.precipitation import read_precipitation
from landda_hpc.formats.products.region import Region

NAME = "SURF_CLI_CHN_MERGE_CMP_PRE_HOUR_GRID_0.10-2022061806.grd"
LON, LAT = np.meshgrid(70.05 + 0.1 * np.arange(700), 15.05 + 0.1 * np.arange(440))


def write(path: Path, rain: FloatArray, order: str = "<f4") -> Path:
    path.write_bytes(np.stack([rain, np.full(rain.shape, 3.0)]).astype(order).tobytes())
    return path


def test_rain_is_read_with_its_place_and_hour(tmp_path: Path) -> None:
    rain = 0.1 * LAT + 0.01 * LON
    rain[0, 0] = -999.0
    (field,) = read_precipitation("cma_merged_rain", [write(tmp_path / NAME, rain)])
    assert (field.begin, field.end) == (datetime(2022, 6, 18, 5), datetime(2022, 6, 18, 6))
    np.testing.assert_allclose(field.grid.lat, LAT[:, 0])
    np.testing.assert_allclose(field.grid.lon, LON[0])
    assert np.isnan(field.amount[0, 0]) and np.isnan(field.amount).sum() == 1
    np.testing.assert_allclose(field.amount[1:], rain[1:], rtol=1e-6)
    (part,) = read_precipitation("cma_merged_rain", [tmp_path / NAME], Region(30.0, 31.0, 110.0, 112.0))
    rows, columns = np.meshgrid(part.grid.lat, part.grid.lon, indexing="ij")
    np.testing.assert_allclose(part.amount, 0.1 * rows + 0.01 * columns, rtol=1e-6)
    assert part.grid.shape == (14, 24) and part.grid.lat[0] == pytest.approx(29.85)


@pytest.mark.parametrize(
    ("name", "order", "n_bytes", "message"),
    [
        (NAME, "<f4", 2_463_996, "has 2463996 bytes; expected 2464000"),
        (NAME, ">f4", 2_464_000, "as little-endian numbers"),
        ("rain.grd", "<f4", 2_464_000, "does not end in an hour"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, name: str, order: str, n_bytes: int, message: str) -> None:
    path = write(tmp_path / name, 0.1 * LAT, order)
    path.write_bytes(path.read_bytes()[:n_bytes])
    with pytest.raises(DataError, match=message):
        list(read_precipitation("cma_merged_rain", [path]))


def test_it_serves_for_figures_only() -> None:
    plain = load_config(Path("experiments/bai2026_real.yaml")).model_dump(mode="json")
    plain["catalogue"]["rain"] = {"product": "cma_merged_rain", "path": f"rain/{NAME[:-14]}%Y%m%d%H.grd"}
    assert parse_config(plain).verification.precipitation == "rain"
    for section, keys in (
        ("observations", plain["observations"] | {"entry": "rain"}),
        ("verification", plain["verification"] | {"references": [{"entry": "rain"}]}),
    ):
        with pytest.raises(ConfigError, match=r"rain and no soil moisture|needs an entry of a gridded product"):
            parse_config(plain | {section: keys})
