"""States of a spun-up year: written compactly, read whole, the right date, and snow that agrees with itself."""

from __future__ import annotations

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
from landda_hpc.formats import spun_up
from landda_hpc.formats.spun_up import SpunUpColumns, read_spun_up, rebuild_snow, rounded, write_spun_up
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
