"""Which files a restart consists of: all kinds that CoLM writes, and those that nobody here knows."""

from __future__ import annotations

import logging
import shutil
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from landda_hpc.errors import DataError, MissingFileError
from landda_hpc.formats.colm.case import ColmCase, find_case
from landda_hpc.formats.colm.names import parse_const_file, parse_state_file, state_name, time_label
from landda_hpc.formats.colm.restart import check_restart
from landda_hpc.formats.colm.restart_files import (
    MANIFEST,
    copy_restart,
    missing_files,
    require_complete,
    restart_files,
)
from tests.unit.model.colm_cases import make_synthetic

START = datetime(2010, 6, 1)
LABEL = time_label(START)
ALL = ("pft", "urban", "bgc", "gridriver")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_synthetic(tmp_path_factory.mktemp("case"), *ALL).parent / "synthetic"


@pytest.fixture
def case(tmp_path: Path, made: Path) -> ColmCase:
    return find_case(shutil.copytree(made, tmp_path / "synthetic"))


@pytest.mark.parametrize("kind", ["pft", "urban", "bgc", "gridriver", "basin", "DA", "lake", "two_words"])
@pytest.mark.parametrize("block", ["e110_n35", ""])
def test_names_of_all_kinds_go_there_and_back(kind: str, block: str) -> None:
    name = parse_state_file(state_name("a_restart_b", LABEL, 2005, block, kind))
    assert name is not None
    assert (name.case, name.kind, name.label, name.lc_year, name.block) == ("a_restart_b", kind, LABEL, 2005, block)
    assert parse_state_file(f"a_restart_{kind}_const_lc2005_e110_n35.nc") is None
    const = parse_const_file(f"a_restart_{kind}_const_lc2005_e110_n35.nc")
    assert const is not None and const.kind == kind
    assert parse_state_file("a_hist_2010-06.nc") is None


def test_every_kind_belongs_to_a_restart(case: ColmCase) -> None:
    files = restart_files(case, START)
    kinds = [file.name.kind for file in files if file.name is not None]
    assert {kind: kinds.count(kind) for kind in set(kinds)} == {"": 4, "pft": 4, "urban": 4, "bgc": 4, "gridriver": 1}
    of_patches = [file.path.name for file in files if file.name is not None and not file.name.kind]
    assert of_patches == [case.state_file(START, block).name for block in case.blocks]
    assert require_complete(case, START) == files


def test_unknown_files_belong_to_it_and_others_do_not(case: ColmCase, tmp_path: Path) -> None:
    folder = case.state_folder(START)
    strange = ["synthetic_restart_new_2010-152-00000_lc2005.bin", "notes.txt", "CaMa/restart2010060100.bin"]
    others = [
        f"other_restart_{LABEL}_lc2005_e110_n35.nc",  # another case
        f"synthetic_restart_pft_{LABEL}_lc2010_e110_n35.nc",  # another year of land cover
        ".nfs0001", ".x.tmp", MANIFEST,
    ]  # fmt: skip
    for name in strange + others:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(name)
    files = restart_files(case, START)
    found = {str(file.path) for file in files}
    assert set(strange) <= found and not set(others) & found
    copies = copy_restart(files, folder, tmp_path / "copy", without=["notes.txt"])
    copied = {str(path.relative_to(tmp_path / "copy")) for path in (tmp_path / "copy").rglob("*") if path.is_file()}
    assert copied == found - {"notes.txt"} and len(copies) == len(copied)
    assert all((tmp_path / "copy" / name).read_bytes() == (folder / name).read_bytes() for name in copied)


@pytest.mark.parametrize("kind", ["", "pft", "urban", "bgc"])
def test_a_kind_that_the_constants_have_must_be_there(case: ColmCase, kind: str) -> None:
    lost = case.state_folder(START) / state_name("synthetic", LABEL, 2005, "e115_n35", kind)
    lost.unlink()
    assert missing_files(case, restart_files(case, START), START) == [lost.name]
    for check in (lambda: require_complete(case, START), lambda: check_restart(case, START, {})):
        with pytest.raises(MissingFileError, match=f"lacks 1 file .*{lost.name}"):
            check()


def test_files_of_another_year_of_land_cover_are_named(case: ColmCase) -> None:
    for path in case.state_folder(START).iterdir():
        path.rename(path.with_name(path.name.replace("_lc2005", "_lc2011")))
    with pytest.raises(MissingFileError, match="files of land cover 2011; DEF_LC_YEAR is 2005"):
        require_complete(case, START)


def test_a_file_of_another_time_or_a_dead_link_is_refused(case: ColmCase) -> None:
    folder = case.state_folder(START)
    wrong = folder / state_name("synthetic", time_label(START + timedelta(hours=6)), 2005, "e110_n35", "pft")
    wrong.write_text("")
    with pytest.raises(DataError, match="2010-152-21600 in the folder of 2010-152-00000"):
        restart_files(case, START)
    wrong.unlink()
    (folder / "link").symlink_to("nowhere")
    with pytest.raises(DataError, match="is not a file"):
        restart_files(case, START)


def test_what_is_left_out_is_reported(case: ColmCase, caplog: pytest.LogCaptureFixture) -> None:
    (case.state_folder(START) / f"synthetic_restart_pft_{LABEL}_lc2010_e110_n35.nc").write_text("")
    with caplog.at_level(logging.INFO):
        restart_files(case, START)
    assert "of land cover 2010, not of 2005" in caplog.text
