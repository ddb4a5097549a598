"""Relative paths in CoLM's namelists, and what a program says of its build."""

from __future__ import annotations

from pathlib import Path

import pytest

from landda_hpc.errors import LandDAError
from landda_hpc.instances.colm_case import read_forcing, read_namelist
from landda_hpc.model.colm.build import CAMA, LULCC, build_options
from landda_hpc.model.colm.namelist import Namelist
from landda_hpc.model.colm.namelist_paths import overlong, paths, with_absolute_paths

CASE = """&nl_colm
 DEF_CASE_NAME = 'forcing'            ! there is a folder of that name
 DEF_dir_output = '.'  DEF_dir_rawdata = 'no/such/place/'
 DEF_dir_runtime = 'runtime/'
 DEF_forcing_namelist = 'forcing.nml'
 DEF_HIST_vars_namelist = 'null'
 DEF_new_key = './runtime'
 SITE_fsitedata = '/absolute/site.nc'
/
"""
FORCING = "&nl_colm_forcing DEF_dir_forcing = 'forcing/' DEF_forcing%fprefix(1) = 'runtime/x' /"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "case.nml").write_text(CASE)
    (tmp_path / "forcing.nml").write_text(FORCING)
    for name in ("forcing", "runtime/x"):
        (tmp_path / name).mkdir(parents=True)
    return tmp_path


def test_paths_become_absolute_where_something_is(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also without a slash, and wherever the program is started; a slash at the end stays."""
    for place, name in ((folder, Path("case.nml")), (Path("/"), folder / "case.nml")):
        monkeypatch.chdir(place)
        namelist = read_namelist(name.absolute())
        texts = namelist.texts()
        assert texts["def_forcing_namelist"] == f"{folder}/forcing.nml"
        assert texts["def_dir_output"] == str(folder)
        assert texts["def_dir_runtime"] == f"{folder}/runtime/"
        assert texts["def_new_key"] == f"{folder}/runtime"
        assert texts["def_dir_rawdata"] == "no/such/place/"
        assert (texts["def_case_name"], texts["def_hist_vars_namelist"]) == ("forcing", "null")
        assert texts["site_fsitedata"] == "/absolute/site.nc"
        forcing = read_forcing(namelist)
        assert forcing.is_changed and forcing.namelist.text_value("DEF_dir_forcing") == f"{folder}/forcing/"
        # A prefix counts from the forcing's folder, though something of its name lies here.
        assert forcing.namelist.element("DEF_forcing%fprefix", 1) == "runtime/x"


def test_paths_of_the_forcing_count_from_the_case_first(tmp_path: Path) -> None:
    """As for the model, which is started in the folder of the case's namelist."""
    for name in ("run/forcing/data", "run/data", "run/forcing/only"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "run" / "case.nml").write_text("&nl_colm DEF_forcing_namelist = './forcing/f.nml' /")
    for text, expected in (("data", "run/data"), ("only", "run/forcing/only"), ("/else", "/else"), ("none", None)):
        (tmp_path / "run" / "forcing" / "f.nml").write_text(f"&nl_colm_forcing DEF_dir_forcing = '{text}' /")
        found = read_forcing(read_namelist(tmp_path / "run" / "case.nml"))
        assert found.namelist.text_value("DEF_dir_forcing") == (text if expected is None else str(tmp_path / expected))
        assert found.is_changed is (text in ("data", "only"))


@pytest.mark.parametrize("text", ["other.nml", "/no/such/f.nml", "null", ""])
def test_a_forcing_namelist_that_is_missing_is_reported(tmp_path: Path, text: str) -> None:
    (tmp_path / "case.nml").write_text(f"&nl_colm DEF_forcing_namelist = '{text}' /")
    with pytest.raises(LandDAError, match="DEF_forcing_namelist"):
        read_forcing(read_namelist(tmp_path / "case.nml"))


def test_what_is_a_path_and_what_is_too_long() -> None:
    namelist = Namelist(f"&nl_colm DEF_file_mesh='{'x' * 257}' DEF_SSP='585' DEF_dir_runtime='{'y' * 256}' /")
    assert set(paths(namelist)) == {"def_file_mesh", "def_dir_runtime"}
    assert overlong(namelist) == ["def_file_mesh"]
    assert with_absolute_paths(namelist, Path("/")).text == namelist.text


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"\x7fELF..CoLM Execution Completed....", frozenset()),
        (b"\x7fELF..CoLM Execution Completed...Warning: The LULCC data is provided for years 2000", {LULCC}),
        (b"\x7fELF..CMF::RESTART_WRITE: write time: ...CoLM Execution Completed.", {CAMA}),
        (b"#!/bin/sh\n# CoLM Execution Completed\nexec mpirun colm.x", None),
        (b"\x7fELF..some other program", None),
        (b"", None),
    ],
)
def test_options_of_a_program(tmp_path: Path, content: bytes, expected: frozenset[str] | None) -> None:
    (tmp_path / "colm.x").write_bytes(content)
    assert build_options(tmp_path / "colm.x") == expected
    assert build_options(tmp_path / "none") is None
