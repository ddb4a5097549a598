"""Stations: real downloads of ISMN in every form, tables after the Chinese administration's, archives not to trust."""

from __future__ import annotations

import math
import random
import struct
import zipfile
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from landda_hpc.errors import DataError, MissingFileError, ShapeError
from landda_hpc.formats.stations import text_archive as archive
from landda_hpc.formats.stations.station import Sensor, StationSeries, make_series
from landda_hpc.formats.stations.station_csv import _read_table, read_station_csv
from landda_hpc.formats.stations.station_ismn import parse_stm, read_ismn

# The quality flags of ISMN: C beyond bounds, D doubtful, G good, M missing, U not checked (Dorigo et al. 2013).
FLAGS = ("C01", "C02", "C03", *(f"D{i:02d}" for i in range(1, 11)), "G", "M", "U")
NAME = "NET_NET_here_sm_0.050000_0.050000_Probe-1_20080701_20100731.stm"
HEADER = "NET        NET             here              33.88330   102.13330 3431.00    0.05    0.05 Probe-1 "
LINES = (
    "2008/07/01 00:00   0.5000 C03 M ",
    "2008/07/01 01:00   0.2500 U M ",
    "2008/07/01 02:00 -9999.0000 M M ",
    "2008/07/01 03:00   0.2600 D01,D03 ",
)


def stm(end: str = "\r", *lines: str) -> bytes:
    return end.join([HEADER, *(lines or LINES), ""]).encode()


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_end_in_any_way(end: str) -> None:
    series = parse_stm(stm(end), NAME)
    assert (series.network, series.station, series.sensor) == ("NET", "here", "Probe-1")
    assert (series.lat, series.lon, series.elevation_m, series.depth_m) == (33.8833, 102.1333, 3431.0, (0.05, 0.05))
    assert series.times.tolist() == [datetime(2008, 7, 1, h) for h in range(4)]
    np.testing.assert_array_equal(series.values, [0.5, 0.25, np.nan, 0.26])
    assert series.flags.tolist() == ["C03", "U", "M", "D01,D03"]
    assert series.good().sum() == 0
    np.testing.assert_array_equal(series.good(("U",)), [False, True, False, False])
    np.testing.assert_array_equal(series.selected(("U", "D01", "D03")).values, [np.nan, 0.25, np.nan, 0.26])
    assert series.between(datetime(2008, 7, 1, 1), datetime(2008, 7, 1, 2)).values.size == 2


def test_the_real_downloads(shared: Path) -> None:
    folder = shared / "data" / "ismn"
    two = read_ismn(folder / "Data_seperate_files_header_20170810_20180809")
    assert [(s.station, s.values.size) for s in two] == [("ARM-1", 6865), ("Barrow-ARM", 7059)]
    for path in (
        folder / "zip_archives" / "header" / "Data_seperate_files_header_20170810_20180809.zip",
        folder / "zip_archives" / "ceop" / "Data_seperate_files_20170810_20180809.zip",
    ):
        for one, other in zip(two, read_ismn(path), strict=True):
            assert (one.station, one.sensor, one.depth_m) == (other.station, other.sensor, other.depth_m)
            np.testing.assert_array_equal(one.times, other.times)
            np.testing.assert_array_equal(one.values, other.values)
            np.testing.assert_array_equal(one.flags, other.flags)
    ceop, header = (read_ismn(folder / f"format_{form}")[0] for form in ("ceop_sep", "header_values"))
    np.testing.assert_array_equal(ceop.values, header.values)
    assert ceop.sensor == header.sensor == "ThetaProbe-ML2X"
    assert {f for s in (*two, ceop) for text in s.flags.tolist() for f in text.split(",")} <= set(FLAGS)
    many = read_ismn(folder / "zip_archives" / "multinetwork" / "header_values" / "Data_header_values.zip")
    assert [s.network for s in many] == ["MAQU"] * 2 + ["SCAN"] * 3 + ["SOILSCAPE"] * 3
    shallow = [s.station for s in many if s.network == "SCAN" and s.depth_m[1] <= 0.05]
    assert shallow == ["AAMU-jtg", "Abrams", "Adams_Ranch_#1"]
    with pytest.raises(DataError, match="no file of soil_moisture"):
        read_ismn(folder / "malformed")
    with pytest.raises(MissingFileError):
        read_ismn(folder / "no")


def test_maqu_has_no_good_flag_and_ends_lines_in_cr(shared: Path) -> None:
    first, second = read_ismn(shared / "data" / "ismn_maqu")
    assert (first.station, first.times.size, second.times.size) == ("CST_01", 15927, 18090)
    assert first.good().sum() == 0
    assert first.good(("U",)).sum() == 9407
    assert (first.flags == "C03").sum() == 1338
    # Every line of the file is there.
    content = next((shared / "data" / "ismn_maqu").rglob("*CST-01*.stm")).read_bytes()
    assert content.count(b"\r") == first.times.size + 1
    assert b"\n" not in content


BAD = {
    "empty": (b"\r\n\n", "is empty"),
    "no station": (b"no good data here", "begins 'no good data here'; expected the header"),
    "values without header": (b"2008/07/01 00:00 0.5 U M\n", "expected the header"),
    "header alone is cut": (b"NET NET here 33.8 102.1\n", "expected the header"),
    "place is text": (stm().replace(b"102.13330", b"east"), "where latitude, longitude"),
    "off the globe": (stm().replace(b"33.88330", b"133.8833"), "latitude 133.8833"),
    "line is cut": (stm("\n", *LINES, "2008/07/01 04:00"), "line 6 of station file .* ends before its value"),
    "value is text": (stm("\n", *LINES, "2008/07/01 04:00 x G"), "line 6 of station file .* not of the format"),
    "no such day": (stm("\n", *LINES, "2008/02/30 04:00 0.2 G"), "line 6 .* not of the format"),
    "time of a zone": (stm("\n", *LINES, "2008/07/01 04:00-05 0.2 G"), "line 6 .* not of the format"),
    "percent": (stm("\n", "2008/07/01 00:00 25.0 G", "2008/07/01 01:00 26.0 G"), "nowhere within -0.5 to 1.5 m3 m-3"),
    "depth": (stm().replace(b"0.05    0.05", b"0.50    0.05"), "expected a depth"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_station_files(case: str, tmp_path: Path) -> None:
    content, message = BAD[case]
    with pytest.raises(DataError, match=message):
        parse_stm(content, NAME)
    (tmp_path / NAME).write_bytes(content)
    (tmp_path / NAME.replace("here", "there")).write_bytes(stm())
    with pytest.raises(DataError, match=message) as caught:
        read_ismn(tmp_path)
    assert NAME in str(caught.value)
    assert [s.values.size for s in read_ismn(tmp_path, on_bad="skip")] == [4]


def assert_same(one: StationSeries, other: StationSeries) -> None:
    for name in ("network", "station", "sensor", "lat", "lon", "elevation_m", "depth_m", "variable", "units", "source"):
        assert getattr(one, name) == getattr(other, name), name
    for name in ("times", "values", "flags"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_a_period_has_the_values_of_the_whole_file(shared: Path) -> None:
    """Of real files in both forms, and without any value in the period."""
    for folder, start, end in (
        ("ismn_maqu", datetime(2009, 6, 1, 23, 30), datetime(2009, 8, 31, 0, 30)),
        ("ismn_maqu", datetime(2022, 6, 1), datetime(2022, 6, 2)),
        ("ismn/format_ceop_sep", datetime(2007, 1, 3, 5), datetime(2007, 1, 9)),
        ("ismn/format_ceop_sep", datetime(2008, 1, 3), datetime(2008, 1, 9)),
        ("ismn/format_header_values", datetime(2006, 1, 1), datetime(2007, 1, 2)),
    ):
        path = shared / "data" / folder
        for one, whole in zip(read_ismn(path, period=(start, end)), read_ismn(path), strict=True):
            assert_same(one, whole.between(start, end))


@given(st.lists(st.integers(0, 96), min_size=1, max_size=30), st.integers(0, 96), st.integers(0, 96))
def test_a_period_has_the_values_of_the_whole_file_in_any_order(hours: list[int], a: int, b: int) -> None:
    """Lines out of order, given twice, impossible: now and then all that the period has."""
    begin = datetime(2008, 6, 29)
    lines = [f"{begin + timedelta(hours=h):%Y/%m/%d %H:%M} {0.1 if h % 3 else 7.0:.1f} G M" for h in (97, *hours)]
    period = begin + timedelta(hours=min(a, b)), begin + timedelta(hours=max(a, b))
    content = stm("\n", *lines)
    assert_same(parse_stm(content, NAME, period), parse_stm(content, NAME).between(*period))


def test_lines_of_other_days_are_not_taken_apart() -> None:
    content = stm("\n", "2008/06/30 23:00 x G", *LINES, "2008/07/03 00:00 0.2.1 G")
    found = parse_stm(content, NAME, (datetime(2008, 7, 1), datetime(2008, 7, 2)))
    np.testing.assert_array_equal(found.values, [0.5, 0.25, np.nan, 0.26])
    with pytest.raises(DataError, match=r"line 2 of station file .* not of the format"):
        parse_stm(content, NAME, (datetime(2008, 6, 30), datetime(2008, 7, 2)))


PERIODS = "20100601_20100602", "20100602_20100603", "20090101_20100603"
"""Of three downloads; the last of them by name is not the last by period."""


def download(folder: Path, period: str, *lines: str, header: str = HEADER) -> None:
    (folder / f"NET_NET_here_sm_0.050000_0.050000_Probe-1_{period}.stm").write_text("\n".join([header, *lines]))


def test_of_lines_of_one_time_the_best_flag_and_then_the_later_counts() -> None:
    times = [f"2008/07/01 0{h}:00" for h in range(6)]
    pairs = (
        ("0.5 C03", "0.2 G"),
        ("0.2 G", "0.5 C03"),
        ("0.1 G", "0.2 G"),
        ("0.2 D01", "0.5 D01,C03"),
        ("0.5 D05", "0.2 U"),
        ("0.2 M", "-9999.0 G"),
    )
    lines = [f"{time} {text} M" for time, pair in zip(times, pairs, strict=True) for text in pair]
    for name, order in (("as they come", lines), ("put together", [*lines[::2], HEADER, *lines[1::2]])):
        series = parse_stm("\n".join([HEADER, *order]).encode(), NAME)
        assert series.values.tolist() == [0.2] * 6, name
        assert series.flags.tolist() == ["G", "G", "G", "D01", "U", "M"]
        assert dict(series.dropped)["time given before"] == 6


def test_files_of_one_sensor_are_one_series(tmp_path: Path) -> None:
    """Overlapping downloads: the best flag counts, then the download whose period ends last."""
    download(tmp_path, PERIODS[0], "2010/06/01 00:00 0.11 G", "2010/06/02 00:00 0.12 G", "2010/06/02 01:00 0.13 D03")
    download(tmp_path, PERIODS[1], "2010/06/02 00:00 0.22 D01", "2010/06/02 01:00 0.23 G", "2010/06/02 02:00 0.24 G")
    download(tmp_path, PERIODS[2], "2010/06/01 00:00 0.31 U", "2010/06/02 02:00 0.34 G", "2010/06/02 03:00 0.35 G")
    (tmp_path / NAME.replace("here", "far")).write_text(stm("\n").decode().replace("33.88330", "-33.0"))
    one, other = read_ismn(tmp_path)
    assert (one.lat, other.lat) == (-33.0, 33.8833)
    # Both periods that end on 3 June are newer than the first; of these the one that begins later.
    assert other.values.tolist() == [0.11, 0.12, 0.23, 0.24, 0.35]
    assert other.flags.tolist() == ["G"] * 5
    assert dict(other.dropped) == {"time in another file": 4}
    assert all(period in other.source for period in PERIODS)
    within = read_ismn(tmp_path, period=(datetime(2010, 6, 2, 1), datetime(2010, 6, 2, 2)))[1]
    assert within.values.tolist() == [0.23, 0.24]


@given(st.lists(st.tuples(st.integers(0, 6), st.sampled_from(["G", "U", "D01", "C03", "M"])), max_size=40))
def test_the_flag_of_a_time_is_the_best_that_it_has(found: list[tuple[int, str]]) -> None:
    times = np.array([f"2010-06-01T0{h}" for h, _ in found], dtype="datetime64[s]")
    series = make_series(
        Sensor("N", "S", "", (1.0, 2.0, 3.0), (0.0, 0.1)), source="f",
        times=times, values=0.01 * np.arange(len(found)), flags=np.array([flag for _, flag in found], dtype=np.str_),
    )  # fmt: skip
    order = ["G", "U", "D01", "C03", "M"]
    assert series.times.tolist() == sorted({t.item() for t in times})
    for time, value, flag in zip(series.times, series.values, series.flags, strict=True):
        of_time = [(order.index(f), -k) for k, (t, (_, f)) in enumerate(zip(times, found, strict=True)) if t == time]
        best = min(of_time)
        assert (order.index(str(flag)), round(100 * value)) == (best[0], -best[1])


def test_ceop_lines_of_two_sensors_are_an_error() -> None:
    line = "2007/01/01 01:00 2007/01/01 01:00 NET NET here 43.15 2.95 112.00 0.05 0.05 0.2140 U M"
    series = parse_stm(f"{line}\r{line.replace('01:00', '02:00')}\r".encode(), NAME)
    assert (series.sensor, series.values.tolist()) == ("Probe-1", [0.214, 0.214])
    with pytest.raises(DataError, match=r"line 2 .* another sensor"):
        parse_stm(f"{line}\n{line.replace('43.15', '44.15')}\n".encode(), NAME)


def test_series_are_brought_into_order() -> None:
    times = np.array(["2008-07-01T02", "2008-07-01T00", "2008-07-01T00", "2008-07-01T03"], dtype="datetime64[s]")
    series = make_series(
        Sensor("N", "S", "", (10.0, 190.0, math.nan), (0.0, 0.1)), source="f", times=times,
        values=np.array([0.2, np.nan, 0.3, 1e30]), flags=np.array(["G", "M", "G", "G"]),
    )  # fmt: skip
    assert series.values.tolist()[:2] == [0.3, 0.2]
    assert np.isnan(series.values[2])
    assert series.lon == -170.0
    assert dict(series.dropped) == {"impossible value": 1, "time given before": 1, "time out of order": 1}
    with pytest.raises(ShapeError, match="ascend strictly"):
        StationSeries(
            "N",
            "S",
            "",
            0.0,
            0.0,
            0.0,
            (0, 0),
            "soil_moisture",
            "1",
            times,
            times.astype(float),
            times.astype(str),
            "f",
        )


@given(st.binary(max_size=300) | st.integers(0, 10**6))
def test_no_bytes_break_the_reader(content: bytes | int) -> None:
    if isinstance(content, int):
        generator = random.Random(content)
        mutated = bytearray(stm(generator.choice(("\r", "\n"))))
        for _ in range(generator.randrange(1, 12)):
            mutated[generator.randrange(len(mutated))] = generator.randrange(256)
        content = bytes(mutated[: generator.randrange(len(mutated))])
    try:
        series = parse_stm(content, NAME)
    except DataError as error:
        assert NAME in str(error)
        return
    assert np.all(np.diff(series.times) > np.timedelta64(0))
    assert np.nanmin(series.values, initial=0.0) >= -0.5


# --------------------------------------------------------------------------- archives


def make_zip(path: Path, members: dict[str, bytes], **options: object) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return path


@pytest.mark.parametrize(
    "name", ["../../etc/x_sm_0_0.stm", "/tmp/x_sm_0_0.stm", "a/../../b.stm", "C:\\x.stm", "..\\x.stm"]
)
def test_names_that_leave_the_archive_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match="which leads out of it"):
        read_ismn(make_zip(tmp_path / "x.zip", {f"NET/{NAME}": stm(), name: stm()}))


def test_zip_bombs_are_refused_before_they_are_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = make_zip(tmp_path / "bomb.zip", {NAME: bytes(2**25)})
    assert bomb.stat().st_size < 2**16
    with pytest.raises(DataError, match="is compressed by"):
        read_ismn(bomb)
    sound = make_zip(tmp_path / "sound.zip", {NAME: stm()})
    assert len(read_ismn(sound)) == 1
    for limit, value, message in (
        ("MAX_BYTES", 100, "unpacks to"),
        ("MAX_TOTAL_BYTES", 100, "unpacks to"),
        ("MAX_MEMBERS", 0, "has 1 files"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(archive, limit, value)
            with pytest.raises(DataError, match=message):
                read_ismn(sound)


def test_an_archive_that_lies_about_sizes_is_found_out(tmp_path: Path) -> None:
    content = bytearray(make_zip(tmp_path / "x.zip", {NAME: stm()}).read_bytes())
    at = content.index(b"PK\x01\x02")
    struct.pack_into("<I", content, at + 24, 50)
    (tmp_path / "liar.zip").write_bytes(content)
    with pytest.raises(DataError, match=r"cannot be read|another size"):
        read_ismn(tmp_path / "liar.zip")


@pytest.mark.parametrize("seed", range(40))
def test_damaged_archives_are_data_errors(tmp_path: Path, seed: int) -> None:
    generator = random.Random(seed)
    content = bytearray(make_zip(tmp_path / "x.zip", {NAME: stm("\n"), f"a/{NAME}": stm()}).read_bytes())
    if seed % 2:
        content = content[: generator.randrange(4, len(content))]
    else:
        for _ in range(generator.randrange(1, 10)):
            content[generator.randrange(len(content))] ^= 1 << generator.randrange(8)
    (tmp_path / "damaged.zip").write_bytes(content)
    try:
        read_ismn(tmp_path / "damaged.zip")
    except DataError:
        return


# --------------------------------------------------------------------------- tables

TABLE = """Station_Id_C,Lat,Lon,Alti,Year,Mon,Day,Hour,SVWC_010CM,Q_SVWC_010CM,SVWC_020CM,PRE_1h
54511,39.80,116.47,31.3,2016,6,1,8,23.5,0,25.1,0.2
54511,39.80,116.47,31.3,2016,6,1,9,999999,8,25.0,999990
58362,31.40,121.45,5.5,2016,6,1,8,35.2,1,,999999
58362,31.40,121.45,5.5,2016,6,1,24,35.0,0,36.1,0
"""


@pytest.mark.parametrize("form", ["commas", "tabs", "gbk", "bom", "zip"])
def test_tables_of_the_administration(tmp_path: Path, form: str) -> None:
    path, text = tmp_path / "t.csv", TABLE
    if form == "tabs":
        text = text.replace(",", "\t")
    if form == "gbk":
        path.write_bytes(text.replace("Alti", "海拔").encode("gb18030"))
    elif form == "zip":
        path = make_zip(tmp_path / "t.zip", {"a/t.csv": text.encode()})
    else:
        path.write_text(text, encoding="utf-8-sig" if form == "bom" else "utf-8")
    series = read_station_csv(path, utc_offset_hours=8)
    assert [(s.station, s.depth_m) for s in series] == [
        ("54511", (0.0, 0.1)), ("54511", (0.1, 0.2)), ("58362", (0.0, 0.1)), ("58362", (0.1, 0.2)),
    ]  # fmt: skip
    first = series[0]
    np.testing.assert_allclose(first.values, [0.235, np.nan])
    assert first.flags.tolist() == ["G", "M"]
    assert first.times.tolist() == [datetime(2016, 6, 1, 0), datetime(2016, 6, 1, 1)]
    assert series[2].times.tolist()[1] == datetime(2016, 6, 1, 16)
    assert series[1].flags.tolist() == ["U", "U"]
    assert math.isnan(first.elevation_m) == (form == "gbk")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("Lat,", "Breite,", "expected Station_Id_C, Lat, Lon"),
        ("SVWC", "SOIL", "has no column of soil_moisture"),
        (",23.5,", ",wet,", r"line 2 of station table .* cannot be parsed"),
        ("116.47,31.3,2016,6,1,8", "116.47,31.3,2016,6,31,8", "line 2 .* cannot be parsed"),
        ("39.80,116.47,31.3,2016,6,1,8", "39.80", "line 2 .* cannot be parsed"),
        ("39.80", "139.80", "expected degrees"),
    ],
)
def test_bad_tables(tmp_path: Path, old: str, new: str, message: str) -> None:
    (tmp_path / "t.csv").write_text(TABLE.replace(old, new), encoding="utf-8")
    with pytest.raises(DataError, match=message):
        read_station_csv(tmp_path)


def test_tables_with_one_time_column_and_codes_of_the_archive(tmp_path: Path) -> None:
    text = "V01301 Lat Lon Datetime V71105_010 Q71105_010\n54511 39.8 116.5 2016060108 23.5 9\n"
    (tmp_path / "t.txt").write_text(text, encoding="utf-8")
    (only,) = read_station_csv(tmp_path)
    assert (only.times.tolist(), only.values.tolist(), only.flags.tolist()) == (
        [datetime(2016, 6, 1, 8)],
        [0.235],
        ["U"],
    )
    with pytest.raises(DataError, match="no table"):
        read_station_csv(make_zip(tmp_path / "x.zip", {"a.nc": b""}))


@given(st.text(max_size=200))
def test_no_text_breaks_the_tables(text: str) -> None:
    for content in (text.encode("utf-8", "replace"), (TABLE[:90] + text).encode("utf-8", "replace")):
        try:
            _read_table(content, "t.csv", timedelta(0))
        except DataError as error:
            assert "t.csv" in str(error)
