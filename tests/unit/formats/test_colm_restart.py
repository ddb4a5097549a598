"""CoLM202X's restarts: what is read, copies in which nothing else changes, damaged files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import h5py
import netCDF4
import numpy as np
import pytest

from landda_hpc.errors import DataError, LandDAError, MissingFileError, ShapeError
from landda_hpc.formats.colm.case import ColmCase, find_case
from landda_hpc.formats.colm.mapping import read_block_map, read_mesh
from landda_hpc.formats.colm.restart import check_restart, read_constants, read_variables, write_restart_copy


@pytest.fixture
def small(tmp_path: Path, colm_case: ModuleType) -> Any:
    return colm_case.write_case(tmp_path / "small")


@pytest.fixture
def case(small: Any) -> ColmCase:
    return find_case(small.folder)


def everything(path: Path) -> dict[str, Any]:
    """All that a netCDF-4 file says of itself but the values: per variable and for the file."""
    with netCDF4.Dataset(path) as file:
        about: dict[str, Any] = {
            name: (v.dimensions, v.dtype, v.chunking(), v.filters(), {a: v.getncattr(a) for a in v.ncattrs()})
            for name, v in file.variables.items()
        }
        about["/"] = ({a: file.getncattr(a) for a in file.ncattrs()}, {d: len(x) for d, x in file.dimensions.items()})
    return about


def raw_values(path: Path) -> dict[str, bytes]:
    with h5py.File(path) as file:
        return {name: file[name][...].tobytes() for name in file if file[name].dtype.kind in "fiu"}


def test_constants_are_those_of_the_file(case: ColmCase, small: Any) -> None:
    for block in case.blocks:
        constants = read_constants(case, block)
        written = small.const[block]
        assert np.array_equal(constants.patchtype, written["patchtype"])
        assert np.array_equal(constants.is_active, written["patchmask"] == 1)
        assert not constants.soil.is_campbell
        for name in ("porsl", "theta_r", "psi0", "hksati", "bsw", "alpha_vgm", "fc_vgm"):
            assert np.array_equal(getattr(constants.soil, name), written[name])
        assert constants.soil.wimp == 0.05


def test_variables_are_those_of_the_file(case: ColmCase, small: Any, colm_case: ModuleType) -> None:
    for block in case.blocks:
        values = read_variables(case, colm_case.START, block, ("wliq_soisno", "zwt", "alb"))
        for name, array in values.items():
            assert np.array_equal(array, small.state[block][name])


def test_cells_count_from_the_south_west(case: ColmCase, small: Any) -> None:
    mesh = read_mesh(case)
    assert mesh.grid.shape == (4, 4)
    assert mesh.grid.lat.tolist() == [38.5, 39.5, 40.5, 41.5]
    assert mesh.grid.lon.tolist() == [113.5, 114.5, 115.5, 116.5]
    assert mesh.grid.lat_edges.tolist() == [38.0, 39.0, 40.0, 41.0, 42.0]
    for block in case.blocks:
        mapping = read_block_map(case, mesh, block)
        assert np.array_equal(mapping.cell, small.mapping[block]["row"] * 4 + small.mapping[block]["column"])
        assert np.array_equal(mapping.fraction, small.mapping[block]["fraction"])
        sums = np.bincount(mapping.cell, mapping.fraction)
        assert np.allclose(sums[sums > 0], 1.0)


def test_a_mesh_that_counts_from_the_south(case: ColmCase, small: Any) -> None:
    """The same cells, whichever way the mesh counts its latitudes."""
    before = {block: read_block_map(case, read_mesh(case), block).cell for block in case.blocks}
    with h5py.File(case.landdata_file("mesh", "mesh.nc"), "r+") as file:
        file["latitude"][...] = file["latitude"][...][::-1]
    for block in case.blocks:
        with h5py.File(case.landdata_file("landpatch", f"landpatch_{block}.nc"), "r+") as file:
            latitude, longitude = np.divmod(file["eindex"][...] - 1, 360)
            file["eindex"][...] = (179 - latitude) * 360 + longitude + 1
    mesh = read_mesh(case)
    assert mesh.grid.lat.tolist() == [38.5, 39.5, 40.5, 41.5]
    for block in case.blocks:
        assert np.array_equal(read_block_map(case, mesh, block).cell, before[block])
    with h5py.File(case.landdata_file("landpatch", "landpatch_e110_n35.nc"), "r+") as file:
        file["eindex"][0] = 360 * 180 + 1
    with pytest.raises(DataError, match="not on CoLM's mesh"):
        read_block_map(case, mesh, "e110_n35")


def test_a_copy_without_change_has_the_same_bytes(case: ColmCase, colm_case: ModuleType, tmp_path: Path) -> None:
    source = case.state_file(colm_case.START, case.blocks[0])
    same = read_variables(case, colm_case.START, case.blocks[0], ("wliq_soisno", "smp", "hk", "zwt"))
    write_restart_copy(source, tmp_path / "new" / "copy.nc", same)
    assert (tmp_path / "new" / "copy.nc").read_bytes() == source.read_bytes()


def test_only_what_is_given_changes(case: ColmCase, colm_case: ModuleType, tmp_path: Path) -> None:
    source = case.state_file(colm_case.START, case.blocks[0])
    before = source.read_bytes()
    old = read_variables(case, colm_case.START, case.blocks[0], ("wliq_soisno", "hk"))
    # Random bits do not compress: the chunks grow and have to move inside the file.
    new = {"wliq_soisno": np.random.default_rng(3).uniform(0, 1, old["wliq_soisno"].shape), "hk": old["hk"]}
    write_restart_copy(source, tmp_path / "copy.nc", new)
    assert source.read_bytes() == before
    assert everything(tmp_path / "copy.nc") == everything(source)
    a, b = raw_values(source), raw_values(tmp_path / "copy.nc")
    assert {name for name in a if a[name] != b[name]} == {"wliq_soisno"}
    assert b["wliq_soisno"] == new["wliq_soisno"].tobytes()
    assert not list(tmp_path.glob(".*.tmp"))


def test_signs_of_zero_and_nan_are_bits_too(case: ColmCase, colm_case: ModuleType, tmp_path: Path) -> None:
    source = case.state_file(colm_case.START, case.blocks[0])
    zwt = read_variables(case, colm_case.START, case.blocks[0], ("wa",))["wa"]
    assert (zwt == 0.0).all()
    write_restart_copy(source, tmp_path / "copy.nc", {"wa": -zwt})
    assert raw_values(tmp_path / "copy.nc")["wa"] == (-zwt).tobytes()


def test_a_failed_write_leaves_what_was_there(case: ColmCase, colm_case: ModuleType, tmp_path: Path) -> None:
    source = case.state_file(colm_case.START, case.blocks[0])
    target = tmp_path / "copy.nc"
    target.write_text("the last good one")
    hk = read_variables(case, colm_case.START, case.blocks[0], ("hk",))["hk"]
    with pytest.raises(DataError, match="no variable 'gone'"):
        write_restart_copy(source, target, {"gone": hk})
    with pytest.raises(ShapeError, match="hk"):
        write_restart_copy(source, target, {"hk": hk[:-1]})
    with pytest.raises(ShapeError, match="float32"):
        write_restart_copy(source, target, {"hk": hk.astype(np.float32)})
    assert target.read_text() == "the last good one"
    assert [p.name for p in tmp_path.iterdir() if p.is_file()] == ["copy.nc"]


def counts(case: ColmCase) -> dict[str, int]:
    return {block: read_constants(case, block).n_patch for block in case.blocks}


def test_a_whole_restart_passes(case: ColmCase, colm_case: ModuleType) -> None:
    check_restart(case, colm_case.START, counts(case))


def truncate(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def drop_variable(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        del file["wice_soisno"]


def put_nan(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        file["t_soisno"][2, 7] = np.nan


def put_negative(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        file["wliq_soisno"][0, 7] = -1.0


def other_patches(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        values = file["zwt"][:-1]
        del file["zwt"]
        file["zwt"] = values


@pytest.mark.parametrize(
    ("damage", "error", "says"),
    [
        (Path.unlink, MissingFileError, "lacks 1 file"),
        (truncate, DataError, "truncated or damaged"),
        (drop_variable, DataError, "no variable 'wice_soisno'"),
        (put_nan, DataError, "'t_soisno' of 1 of"),
        (put_negative, DataError, "not be negative"),
        (other_patches, LandDAError, "zwt"),
    ],
)
def test_damage_is_found(
    case: ColmCase,
    colm_case: ModuleType,
    damage: Callable[[Path], None],
    error: type[Exception],
    says: str,
) -> None:
    expected = counts(case)
    victim = case.state_file(colm_case.START, case.blocks[2])
    damage(victim)
    with pytest.raises(error, match=says) as found:
        check_restart(case, colm_case.START, expected)
    assert victim.name in str(found.value)


def test_a_restart_of_another_time_is_not_taken(case: ColmCase, colm_case: ModuleType) -> None:
    expected = counts(case)
    late = colm_case.START.replace(day=9)
    with pytest.raises(MissingFileError, match="2010-152-00000"):
        check_restart(case, late, expected)
    folder = case.state_folder(colm_case.START)
    folder.rename(case.state_folder(late))
    with pytest.raises(DataError, match="2010-152-00000 in the folder of 2010-160-00000"):
        check_restart(case, late, expected)


def test_mapping_and_restart_of_different_cases(case: ColmCase, colm_case: ModuleType, tmp_path: Path) -> None:
    other = find_case(colm_case.write_case(tmp_path / "other", seed=5).folder)
    mixed = find_case(case.restart.parent, landdata=other.landdata)
    mesh = read_mesh(mixed)
    with pytest.raises(ShapeError, match="belong to the same case"):
        for block in mixed.blocks:
            read_block_map(mixed, mesh, block)


def test_blocks_without_landdata_cannot_be_placed(case: ColmCase, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    lost = find_case(case.restart.parent, landdata=tmp_path / "empty")
    with pytest.raises(DataError, match="landdata"):
        read_block_map(lost, read_mesh(lost), lost.blocks[0])


def test_nan_in_constants_of_soil_is_refused(case: ColmCase) -> None:
    with h5py.File(case.const_file(case.blocks[0]), "r+") as file:
        file["hksati"][0, 0] = np.nan
    with pytest.raises(DataError, match="hksati"):
        read_constants(case, case.blocks[0])
