"""Which files of a folder or an archive are station data: what file managers leave, links, archives in archives."""

from __future__ import annotations

import logging
import zipfile
from pathlib import Path

import pytest

from landda_hpc.errors import DataError
from landda_hpc.formats.stations.station_csv import read_station_csv
from landda_hpc.formats.stations.station_ismn import read_ismn
from landda_hpc.formats.stations.text_archive import is_litter, list_files

NAME = "NET_NET_Site_sm_0.050000_0.050000_Probe_20100601_20100602.stm"
STM = b"NET NET Site 35.1 100.2 3500.0 0.05 0.05 Probe\n2010/06/01 00:00 0.210 G V\n"
CSV = b"Station_Id_C,Lat,Lon,Datetime,SVWC_010CM\n54511,39.8,116.5,2016-06-01 08:00,21.5\n"
DOUBLE = b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X        " + bytes(80)


def put(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


LITTER = (
    "__MACOSX/NET/Site/._{}",
    "NET/Site/._{}",
    ".Trash-1000/files/{}",
    "NET/.ipynb_checkpoints/{}",
    "NET/@eaDir/{}",
    "$RECYCLE.BIN/{}",
    "NET/Site/~${}",
)


@pytest.mark.parametrize("form", ["folder", "zip"])
@pytest.mark.parametrize(("name", "content"), [(NAME, STM), ("t.csv", CSV)])
def test_what_file_managers_leave_is_not_data(tmp_path: Path, form: str, name: str, content: bytes) -> None:
    members = {f"NET/Site/{name}": content} | {place.format(name): DOUBLE for place in LITTER}
    members["NET/.DS_Store"] = DOUBLE
    path = tmp_path / "data"
    if form == "folder":
        for place, bytes_ in members.items():
            put(path / place, bytes_)
    else:
        with zipfile.ZipFile(path, "w") as archive:
            for place, bytes_ in members.items():
                archive.writestr(place, bytes_)
    (only,) = read_ismn(path) if name == NAME else read_station_csv(path)
    assert only.values.tolist() == [0.21 if name == NAME else 0.215]
    assert is_litter(("a", "__MACOSX", "b")) and not is_litter(("..", "a.b", "./"[:1]))


def test_links_to_files_and_folders_are_followed_once(tmp_path: Path) -> None:
    """A farm of links: to networks, to single files, to folders that hold the farm, and in circles."""
    put(tmp_path / "store" / "NET" / "Site" / NAME, STM)
    put(tmp_path / "store" / "other" / "x.stm", STM)
    farm = tmp_path / "farm"
    (farm / "a").mkdir(parents=True)
    (farm / "NET").symlink_to(tmp_path / "store" / "NET")
    (farm / "a" / "again").symlink_to(tmp_path / "store" / "NET")
    (farm / "a" / "circle").symlink_to(farm)
    (farm / "a" / "above").symlink_to(tmp_path)
    (farm / "one").symlink_to(farm / "two")
    (farm / "two").symlink_to(farm / "one")
    (only,) = read_ismn(farm)
    assert only.source == str(farm / "NET" / "Site" / NAME)
    # A link to a file gives it its name.
    single = tmp_path / "single"
    single.mkdir()
    (single / NAME).symlink_to(tmp_path / "store" / "other" / "x.stm")
    (tmp_path / "linked").symlink_to(single)
    assert [len(read_ismn(p)) for p in (single, tmp_path / "linked", single / NAME)] == [1, 1, 1]


def test_a_file_and_a_link_to_it_count_once(tmp_path: Path) -> None:
    real = put(tmp_path / "b" / NAME, STM)
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / NAME).symlink_to(real)
    assert [name for name, _ in list_files(tmp_path, lambda n: n == NAME)] == [str(real)]


def test_links_that_lead_nowhere_are_reported(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    put(tmp_path / NAME, STM)
    (tmp_path / "gone").symlink_to(tmp_path / "no")
    with caplog.at_level(logging.WARNING):
        assert len(read_ismn(tmp_path)) == 1
    assert "1 links lead nowhere" in caplog.text and "gone" in caplog.text


def test_archives_that_were_not_unpacked_are_named(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "Data.zip", "w") as archive:
        archive.writestr(NAME, STM)
    with pytest.raises(DataError, match=r"has 1 zip archives: name one of them, e\.g\. '.*Data\.zip'"):
        read_ismn(tmp_path)


def test_links_in_an_archive_are_an_error(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("NET/Linked")
    link.create_system, link.external_attr = 3, 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr(NAME, STM)
        archive.writestr(link, "../elsewhere")
    with pytest.raises(DataError, match=r"has links in the place of files or folders, 1 in all, e\.g\. 'NET/Linked'"):
        read_ismn(tmp_path / "x.zip")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_of_members_with_one_name_the_last_counts_as_when_unpacked(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr(NAME, STM)
        archive.writestr(NAME, STM.replace(b"0.210", b"0.310"))
    (only,) = read_ismn(tmp_path / "x.zip")
    assert only.values.tolist() == [0.31]


def test_names_in_capitals_and_backslashes_are_known(tmp_path: Path) -> None:
    put(tmp_path / "f" / NAME.replace(".stm", ".STM"), STM)
    assert len(read_ismn(tmp_path / "f")) == 1
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr(f"NET\\Site\\{NAME}", STM)
        archive.writestr(f"__MACOSX\\NET\\._{NAME}", DOUBLE)
    assert len(read_ismn(tmp_path / "x.zip")) == 1
