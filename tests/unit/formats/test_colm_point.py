"""One-patch cases of CoLM: constants, state, history."""

from __future__ import annotations

import shutil
from datetime import datetime
from pathlib import Path

import netCDF4
import numpy as np
import pytest

from landda_hpc.constants import SOIL_DZ
from landda_hpc.errors import DataError, MissingFileError
from landda_hpc.formats.colm.point import find_constants, read_history, read_point_constants, read_point_state


def write_history(path: Path, first_hour: int, n: int = 3) -> Path:
    """An hourly history whose values are the hours since 1900."""
    hours = first_hour + np.arange(n)
    with netCDF4.Dataset(path, "w") as file:
        for name, length in (("patch", 1), ("soil", 10), ("soilsnow", 15), ("time", n)):
            file.createDimension(name, length)
        time = file.createVariable("time", "f8", ("time",))
        time.units = "minutes since 1900-1-1 0:0:0"
        time[:] = 60.0 * hours + 30.0
        for name in ("f_lfevpa", "f_fsena", "f_rnet", "f_olrg", "f_sr", "f_fgrnd"):
            file.createVariable(name, "f8", ("time", "patch"))[:] = hours[:, None]
        file.createVariable("f_h2osoi", "f8", ("time", "patch", "soil"))[:] = 0.2
        file.createVariable("f_t_soisno", "f8", ("time", "patch", "soilsnow"))[:] = np.where(
            np.arange(15) < 5, -1.0e36, 280.0
        )
    return path


def test_history_is_put_together_in_the_order_of_time(tmp_path: Path) -> None:
    later = write_history(tmp_path / "b.nc", 3)
    history = read_history([later, write_history(tmp_path / "a.nc", 0)])
    assert history.start == datetime(1900, 1, 1)
    np.testing.assert_array_equal(history.fluxes["latent"], np.arange(6.0))
    assert history.t_soil.shape == (6, 10)
    assert np.isfinite(history.t_soil).all()


def test_missing_hours_are_told(tmp_path: Path) -> None:
    files = [write_history(tmp_path / "a.nc", 0), write_history(tmp_path / "b.nc", 4)]
    with pytest.raises(DataError, match="continues at 1900-01-01 04:00:00, but 1900-01-01 03:00:00"):
        read_history(files)
    with pytest.raises(MissingFileError, match="no history"):
        read_history([])


def test_van_genuchten_soil_is_refused(shared: Path) -> None:
    restart = shared / "data/colm/restart/singlepoint_CN-Cng/2008-001-00000"
    constants = find_constants(next(restart.glob("*.nc")))
    with pytest.raises(DataError, match="van Genuchten"):
        read_point_constants(constants)


def test_many_patches_are_refused(shared: Path) -> None:
    folder = shared / "data/colm/restart/grid_4block_CoLM2014hydro_Campbell/const"
    with pytest.raises(DataError, match="expected one patch"):
        read_point_constants(next(folder.glob("*_e110_n35.nc")))


def test_constants_are_found_only_where_there_is_one(shared: Path, tmp_path: Path) -> None:
    source = next((shared / "data/colm/restart/singlepoint_CN-Cng/2008-001-00000").glob("*.nc"))
    (tmp_path / "2008-001-00000").mkdir()
    copy = Path(shutil.copy(source, tmp_path / "2008-001-00000"))
    with pytest.raises(MissingFileError, match="0 constant restarts"):
        find_constants(copy)


def test_real_state_and_history(shared: Path) -> None:
    folder = shared / "data/colm/restart"
    path = next((folder / "singlepoint_CN-Cng/2008-002-00000").glob("*.nc"))
    state = read_point_state(path, {"wliq_soisno": (15,), "wice_soisno": (15,), "zwt": (), "no_such": ()})
    assert set(state) == {"wliq_soisno", "wice_soisno", "zwt"}
    assert state["zwt"].shape == (1,)
    history = read_history([folder / "history/CN-Cng_hist_2008-01.nc"])
    assert (history.start, history.n_hour) == (datetime(2008, 1, 1), 120)
    theta = (state["wliq_soisno"][0, 5:] / 1000.0 + state["wice_soisno"][0, 5:] / 917.0) / SOIL_DZ
    # The mean of the day's last hour is of two half hours, the restart is of the second; deep soil hardly moves.
    np.testing.assert_allclose(history.theta[23, 4:], theta[4:], atol=1e-3)
