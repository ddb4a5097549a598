"""States of a spun-up year: written compactly, read whole, the right date, and snow that agrees with itself."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import fields
from datetime import datetime
from pathlib import Path

import netCDF4
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from landda_hpc.data import spun_up_path
from landda_hpc.errors import DataError, MissingFileError
from landda_hpc.formats.own import spun_up
from landda_hpc.formats.own.spun_up import SpunUpColumns, read_spun_up, rebuild_snow, rounded, write_spun_up
from landda_hpc.state import PatchType, TileState
from landda_hpc.variables import LAND_STATE, STATE

N = 7
DATES = tuple(datetime(2022, month, 1) for month in (1, 3, 5, 7, 9, 11))


def a_state(seed: int) -> TileState:
    rng = np.random.default_rng(seed)
    state = TileState.filled(N, LAND_STATE)
    for name in ("wliq_soisno", "wice_soisno"):
        state.soil(name)[:] = rng.uniform(0.0, 400.0, (N, 10))
    state.soil("t_soisno")[:] = rng.uniform(240.0, 310.0, (N, 10))
    state["t_soisno"][:, :5] = 0.0
    # Two layers of snow on the first, snow without a layer on the second tile.
    state["dz_sno"][0, 3:] = 0.02, 0.05
    state["wice_soisno"][0, 3:5] = 3.3, 9.1
    state["wliq_soisno"][0, 4] = 0.7
    state["t_soisno"][0, 3:5] = 265.0, 268.0
    state["scv"][:2] = 13.1, 0.4
    state["snowdp"][:2] = 0.07, 0.004
    rebuild_snow(state)
    return state


def columns() -> SpunUpColumns:
    soil = np.full((N, 10), 0.4)
    kind, soil_class = np.zeros(N, dtype=np.int64), np.ones(N, dtype=np.int64)
    lat, lon = np.linspace(-60.0, 75.0, N), np.linspace(0.0, 350.0, N)
    return SpunUpColumns(lat, lon, kind, soil_class, soil, -200.0 * soil, 12.0 * soil)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "year.nc"
    write_spun_up(path, columns(), [(date, a_state(k)) for k, date in enumerate(DATES)], {"title": "test"})
    return path


def test_what_was_written_comes_back_within_the_rounding(file: Path) -> None:
    found, state, apart = read_spun_up(file, datetime(2030, 5, 4))
    assert apart == 3
    wanted = a_state(2)
    for name in LAND_STATE:
        if name in ("smp", "hk", "wdsrf"):
            continue
        bits = spun_up.EXACT_BITS.get(name, spun_up.USUAL_BITS)
        np.testing.assert_allclose(state[name], wanted[name], rtol=2.0**-bits, atol=1e-6, err_msg=name)
    for field in fields(SpunUpColumns):
        np.testing.assert_allclose(getattr(found, field.name), getattr(columns(), field.name), rtol=1e-6)


def test_snow_agrees_with_itself_to_the_last_bit(file: Path) -> None:
    _, state, _ = read_spun_up(file, DATES[0])
    mass = state["wliq_soisno"][0, 3:5].sum() + state["wice_soisno"][0, 3:5].sum()
    assert state["scv"][0] == pytest.approx(mass, rel=1e-15)
    thick, near = state["dz_sno"][0, 3:]
    assert state["snowdp"][0] == thick + near
    np.testing.assert_allclose(state["z_sno"][0, 3:], [-(near + 0.5 * thick), -0.5 * near], rtol=1e-14)
    assert (state["z_sno"][1:] == 0.0).all() and state["scv"][1] == pytest.approx(0.4, rel=1e-3)


@pytest.mark.parametrize(
    ("begin", "month", "apart"),
    [((2019, 12, 20), 1, 12), ((2020, 2, 29), 3, 0), ((2022, 4, 2), 5, 29), ((1999, 10, 1), 9, 30)],
)
def test_the_date_next_to_the_begin_in_any_year(
    file: Path, begin: tuple[int, int, int], month: int, apart: int
) -> None:
    _, state, days = read_spun_up(file, datetime(*begin))
    wanted = a_state([d.month for d in DATES].index(month))
    np.testing.assert_allclose(state.soil("wliq_soisno"), wanted.soil("wliq_soisno"), rtol=2e-3)
    assert abs(days - apart) <= 1


def test_bad_files_are_named(file: Path, tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"none\.nc"):
        read_spun_up(tmp_path / "none.nc", DATES[0])
    with netCDF4.Dataset(file, "a") as open_file:
        open_file["zwt"][0, 2] = np.nan
    with pytest.raises(DataError, match=r"'zwt'.*missing values"):
        read_spun_up(file, DATES[0])
    with netCDF4.Dataset(file, "a") as open_file:
        open_file.renameVariable("t_soisno", "temperature")
    with pytest.raises(DataError, match=r"'t_soisno' is not in"):
        read_spun_up(file, DATES[0])


def put(name: str, where: tuple[int, ...], value: float) -> Callable[[netCDF4.Dataset], None]:
    def change(file: netCDF4.Dataset) -> None:
        file[name][where] = value

    return change


def rename(name: str, other: str) -> Callable[[netCDF4.Dataset], None]:
    return lambda file: file.renameVariable(name, other)


def layer_above_nothing(file: netCDF4.Dataset) -> None:
    """In the first date, whose first tile has two layers of snow."""
    file["dz_sno"][0, 4, 0] = 0.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (put("lat", (2,), np.nan), r"'lat'.*missing values"),
        (put("lon", (2,), 1e9), r"'lon'.*outside \[-360, 360\], the first 1e\+09"),
        (put("patchtype", (1,), 99), r"'patchtype'.*outside \[0, 4\], the first 99"),
        (put("soil_class", (1,), -3), r"'soil_class'.*outside"),
        (put("porsl", (4, 1), 0.0), r"'porsl'.*outside"),
        (put("psi0", (4, 1), 20.0), r"'psi0'.*outside"),
        (put("wliq_soisno", (0, 9, 3), -5.0), r"'wliq_soisno'.*first -5.*create the file again"),
        (put("t_soisno", (0, 4, 0), 0.0), r"'t_soisno'.*outside \[150, 360\]"),
        (layer_above_nothing, r"'dz_sno'.*above an empty one"),
        (rename("zwt", "wliq"), r"'zwt' is not in"),
        (lambda f: (f.renameVariable("snowdp", "x"), f.renameVariable("lat", "snowdp"), f.renameVariable("x", "lat")),
         r"'lat'.*'time'.*expected \(patch\)"),
        (lambda f: f["time"].setncattr("units", "days"), r"'days'"),
        (put("time", (3,), np.nan), r"time 'time'.*missing values"),
    ],
)  # fmt: skip
def test_a_file_that_would_start_a_campaign_wrongly_is_refused(
    file: Path, change: Callable[[netCDF4.Dataset], object], message: str
) -> None:
    with netCDF4.Dataset(file, "a") as open_file:
        change(open_file)
    with pytest.raises(DataError, match=message):
        read_spun_up(file, DATES[0])


def test_damaged_bytes_give_a_clear_error_or_change_nothing(file: Path, tmp_path: Path) -> None:
    whole, generator = file.read_bytes(), random.Random(5)
    _, wanted, _ = read_spun_up(file, DATES[2])
    for k in range(200):
        content = bytearray(whole)
        for _ in range(generator.choice((1, 1, 3, 10))):
            content[generator.randrange(len(content))] = generator.randrange(256)
        if generator.random() < 0.2:
            del content[generator.randrange(len(content)) :]
        # A new name: the library may keep a file that it failed to open.
        path = tmp_path / f"{k}.nc"
        path.write_bytes(content)
        try:
            _, state, apart = read_spun_up(path, DATES[2])
        except DataError:
            continue
        assert apart == 0
        for name in state:
            np.testing.assert_array_equal(state[name], wanted[name])


@given(hnp.arrays(np.float64, 20, elements=st.floats(1e-3, 1e4)), st.integers(4, 20))
def test_rounding_is_to_the_nearest_of_few_bits(values: np.ndarray, bits: int) -> None:
    found = rounded(values, bits)
    assert (np.abs(found - values) <= values * 2.0 ** -(bits + 1) * (1 + 1e-3) + 1e-7 * values).all()
    assert (found.view(np.uint32) & ((1 << (23 - bits)) - 1) == 0).all()
    assert (rounded(found.astype(np.float64), bits) == found).all()


def test_the_package_has_a_global_year_of_at_most_10_mb() -> None:
    path = spun_up_path()
    assert path.stat().st_size <= 10e6
    with netCDF4.Dataset(path) as file:
        assert file.dimensions["time"].size == 6
        kinds = set(np.unique(file["patchtype"][:]))
        assert {PatchType.SOIL, PatchType.WETLAND, PatchType.GLACIER, PatchType.LAKE} <= kinds
        assert file["lat"][:].max() > 80.0 and file["lat"][:].min() < -80.0
    for month in range(1, 13):
        _, state, apart = read_spun_up(path, datetime(2022, month, 15))
        assert apart <= 31
        for name in LAND_STATE:
            used = state.soil(name) if "soilsnow" in STATE[name].dims else state[name]
            low, high = STATE[name].valid_min, STATE[name].valid_max
            assert np.isfinite(used).all()
            assert low is None or used.min() >= low, name
            assert high is None or used.max() <= high, name
