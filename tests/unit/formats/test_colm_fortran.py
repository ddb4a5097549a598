"""CoLM2014's Fortran files, against scipy's own writer and reader."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.io import FortranFile

from landda_hpc.errors import DataError, MissingFileError, ShapeError
from landda_hpc.formats.colm.fortran import scan_records
from landda_hpc.formats.colm.restart2014 import (
    check_state_2014,
    count_patches_2014,
    find_case_2014,
    read_constants_2014,
    read_state_2014,
    write_copy_2014,
)

ORDERS = pytest.mark.parametrize("byte_order", ["<", ">"])


def write_records(path: Path, contents: Sequence[bytes], byte_order: str = "<", largest: int = 2**31 - 9) -> None:
    """Write an unformatted file, a byte string per record, in subrecords of at most so many bytes."""
    with path.open("wb") as file:
        for content in contents:
            starts = range(0, max(len(content), 1), largest)
            for i, start in enumerate(starts):
                piece = content[start : start + largest]
                more = i + 1 < len(starts)
                file.write(struct.pack(byte_order + "i", -len(piece) if more else len(piece)))
                file.write(piece)
                file.write(struct.pack(byte_order + "i", -len(piece) if i else len(piece)))


@ORDERS
def test_records_are_those_of_scipy(tmp_path: Path, byte_order: str) -> None:
    contents = [bytes(range(200)), b"", b"abc"]
    write_records(tmp_path / "ours", contents, byte_order)
    with FortranFile(tmp_path / "theirs", "w", header_dtype=f"{byte_order}u4") as file:
        for content in contents:
            file.write_record(np.frombuffer(content, dtype=np.uint8))
    assert (tmp_path / "ours").read_bytes() == (tmp_path / "theirs").read_bytes()
    found = scan_records(tmp_path / "theirs")
    assert found.byte_order == byte_order
    with (tmp_path / "theirs").open("rb") as stream:
        assert [record.read(stream, 0, record.size) for record in found.records] == contents


@given(
    contents=st.lists(st.binary(min_size=1, max_size=40), min_size=1, max_size=4),
    largest=st.integers(1, 17),
    byte_order=st.sampled_from("<>"),
    data=st.data(),
)
def test_long_records_in_pieces(
    tmp_path_factory: pytest.TempPathFactory, contents: list[bytes], largest: int, byte_order: str, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("records") / "file"
    write_records(path, contents, byte_order, largest)
    found = scan_records(path)
    assert [record.size for record in found.records] == [len(content) for content in contents]
    which = data.draw(st.integers(0, len(contents) - 1))
    start = data.draw(st.integers(0, len(contents[which])))
    new = data.draw(st.binary(max_size=len(contents[which]) - start))
    with path.open("r+b") as stream:
        assert found.records[which].read(stream, 0, len(contents[which])) == contents[which]
        found.records[which].write(stream, start, new)
        expected = contents[which][:start] + new + contents[which][start + len(new) :]
        assert found.records[which].read(stream, 0, len(expected)) == expected
    assert scan_records(path).records == found.records


@given(cut=st.integers(1, 60))
def test_a_file_that_is_cut_off_is_refused(tmp_path_factory: pytest.TempPathFactory, cut: int) -> None:
    path = tmp_path_factory.mktemp("records") / "file"
    write_records(path, [bytes(56)])
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(DataError, match="truncated"):
        scan_records(path)


@ORDERS
@pytest.mark.parametrize("shape", [(3, 2), (2, 3), (1, 1), (2, 2), (2, 7)])
def test_a_case_is_read_whole(tmp_path: Path, colm_case: ModuleType, byte_order: str, shape: tuple[int, int]) -> None:
    written = colm_case.write_case_2014(tmp_path, byte_order=byte_order, n_lat=shape[0], n_lon=shape[1])
    case = find_case_2014(tmp_path)
    assert case.times() == [colm_case.START]
    n_patch = count_patches_2014(case, colm_case.START)
    constants = read_constants_2014(case, n_patch)
    assert (n_patch, constants.n_lat, constants.n_lon) == (written["dlat"].size, *shape)
    names = [name for name in colm_case.RECORDS_2014[0].split() if name != "id"]
    values = {**constants.values, **read_state_2014(case, colm_case.START, names, n_patch)}
    for name, array in written.items():
        if name != "id":
            assert np.array_equal(values[name], array), name
            assert values[name].dtype.isnative
    check_state_2014(case, colm_case.START, n_patch)


@ORDERS
def test_a_copy_changes_only_what_is_given(tmp_path: Path, colm_case: ModuleType, byte_order: str) -> None:
    colm_case.write_case_2014(tmp_path, byte_order=byte_order)
    case = find_case_2014(tmp_path)
    source = case.state_file(colm_case.START)
    n_patch = count_patches_2014(case, colm_case.START)
    wliq = read_state_2014(case, colm_case.START, ("wliq_soisno",), n_patch)["wliq_soisno"]
    target = tmp_path / "analysis" / source.name
    write_copy_2014(source, target, {})
    assert target.read_bytes() == source.read_bytes()
    write_copy_2014(source, target, {"wliq_soisno": wliq})
    assert target.read_bytes() == source.read_bytes()
    write_copy_2014(source, target, {"wliq_soisno": wliq + 1.0})
    differs = np.frombuffer(target.read_bytes(), np.uint8) != np.frombuffer(source.read_bytes(), np.uint8)
    # Marker, date, snow, temperature, then liquid water: 25 slots of 8 bytes a patch go before.
    first, size = 4 + 12 + 25 * 8 * n_patch, 15 * 8 * n_patch
    assert differs[first : first + size].any()
    assert not differs[:first].any()
    assert not differs[first + size :].any()
    with pytest.raises(ShapeError):
        write_copy_2014(source, target, {"wliq_soisno": wliq[1:]})
    with pytest.raises(DataError, match="'smp'"):
        write_copy_2014(source, target, {"smp": wliq})


def test_damage_is_found(tmp_path: Path, colm_case: ModuleType) -> None:
    written = colm_case.write_case_2014(tmp_path)
    case = find_case_2014(tmp_path)
    start, n_patch = colm_case.START, written["dlat"].size
    path = case.state_file(start)
    later = start.replace(day=2)
    path.rename(case.state_file(later))
    with pytest.raises(DataError, match="2010-152-00000, but its name gives 2010-153-00000"):
        read_state_2014(case, later, ("zwt",), n_patch)
    with pytest.raises(MissingFileError):
        read_state_2014(case, start, ("zwt",), n_patch)
    case.state_file(later).rename(path)
    with pytest.raises(ShapeError):
        read_state_2014(case, start, ("zwt",), n_patch + 1)
    with pytest.raises(DataError, match="are not those of"):
        read_constants_2014(case, n_patch + 1)
    write_copy_2014(path, path, {"zwt": np.where(np.arange(n_patch) == 1, np.nan, written["zwt"])})
    with pytest.raises(DataError, match="'zwt'"):
        check_state_2014(case, start, n_patch)
    content = path.read_bytes()
    path.write_bytes(content[:-9])
    with pytest.raises(DataError, match="truncated"):
        count_patches_2014(case, start)
    write_records(path, [content[4:-12]])
    with pytest.raises(DataError, match="expected one of"):
        count_patches_2014(case, start)
    colm_case.write_case_2014(tmp_path, site="second")
    with pytest.raises(DataError, match="several cases"):
        find_case_2014(tmp_path)
    with pytest.raises(MissingFileError, match="third"):
        find_case_2014(tmp_path, "third")
