"""Station tables as editors, spreadsheets and scripts leave them: units, decimals, times, separators, quotes."""

from __future__ import annotations

import logging
import tempfile
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from landda_hpc.errors import DataError
from landda_hpc.formats.stations.station import StationSeries
from landda_hpc.formats.stations.station_columns import parse_stamp
from landda_hpc.formats.stations.station_csv import TableUnits, read_station_csv
from landda_hpc.formats.stations.station_units import detect_unit

HEADER = "Station_Id_C,Lat,Lon,Alti,Year,Mon,Day,Hour,SVWC_010CM,Q_SVWC_010CM"


def rows_of(values: list[float | str], station: str = "54511", lat: float = 39.8, quality: str = "0") -> list[str]:
    times = [datetime(2019, 6, 1) + timedelta(hours=h) for h in range(len(values))]
    return [
        f"{station},{lat:.2f},116.47,31.3,{t.year},{t.month},{t.day},{t.hour},{v},{quality}"
        for t, v in zip(times, values, strict=True)
    ]


def read(
    folder: Path, rows: list[str], header: str = HEADER, *, units: TableUnits = "detect", name: str = "t.csv"
) -> list[StationSeries]:
    (folder / name).write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return read_station_csv(folder, units=units)


# --------------------------------------------------------------------------- units

WET = [21.5 + h for h in range(24)]
SHARE = [0.215 + 0.01 * h for h in range(24)]


@pytest.mark.parametrize(
    ("values", "first"),
    [
        (WET, 0.215),
        (SHARE, 0.215),
        ([0.215], 0.215),
        ([21.5], 0.215),
        ([0.9, 1.1, 1.4, 1.8, 2.5], 0.009),  # percent of a desert: no gap at 1
        ([0.0, 0.0, 21.5], 0.0),
        ([*SHARE, 35.0], 0.215),  # one wrong value among fractions is impossible, and missing
        ([*WET, 0.2], 0.215),
        ([*SHARE, 999999, -9999], 0.215),
        ([*WET, 999999, "NA"], 0.215),
        ([-0.1, *SHARE], -0.1),
    ],
)
def test_percent_or_fraction_is_seen_from_all_values(tmp_path: Path, values: list[float | str], first: float) -> None:
    (only,) = read(tmp_path, rows_of(values))
    assert only.values[0] == pytest.approx(first, abs=1e-9)
    assert np.nanmax(only.values) <= 0.6


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        (rows_of([0.8, 0.85, 0.9]), "all values of station 54511 at 0-10 cm can be either"),
        (rows_of([0.7, 1.1, 1.3]), "can be either"),
        (rows_of([*SHARE, *WET]), "has values in both, with a gap"),
        (
            rows_of(SHARE) + rows_of(WET, "58362"),
            "station 58362 at 0-10 cm has percentages, station 54511 at 0-10 cm fr",
        ),
        (rows_of([0.3]) + rows_of([21.0], "58362"), "has percentages"),
    ],
)
def test_what_can_be_either_is_refused_with_what_to_set(tmp_path: Path, rows: list[str], why: str) -> None:
    with pytest.raises(DataError, match=why) as caught:
        read(tmp_path, rows)
    assert "Set table_units: percent (or fraction) in the catalogue" in str(caught.value)
    stated = read(tmp_path, rows, HEADER.replace("010CM,", "010CM(%),"))
    for one, other in zip(stated, read(tmp_path, rows, units="percent"), strict=True):
        np.testing.assert_array_equal(one.values, other.values)


def test_files_of_both_units_are_refused_unless_their_columns_state_them(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("\n".join([HEADER, *rows_of(SHARE)]), encoding="utf-8")
    with pytest.raises(DataError, match="Set table_units"):
        read(tmp_path, rows_of(WET, "58362"))
    (tmp_path / "a.csv").write_text(
        "\n".join([HEADER.replace("010CM,", "010CM [m³/m³],"), *rows_of(SHARE)]), encoding="utf-8"
    )
    first, second = read(tmp_path, rows_of(WET, "58362"))
    np.testing.assert_allclose(first.values, SHARE)
    np.testing.assert_allclose(second.values, np.array(WET) / 100)


@pytest.mark.parametrize(
    ("unit", "factor"),
    [
        ("(%)", 0.01),
        (" [percent]", 0.01),
        ("（％）", 0.01),
        ("(m3 m-3)", 1),
        ("(m³·m⁻³)", 1),
        ("_(cm^3/cm^3)", 1),
        ("(1)", 1),
        ("(% Vol.)", 0.01),
        ("（百分率）", 0.01),
        ("(kg m-2)", 0.01),
    ],
)
def test_units_behind_the_name_count(tmp_path: Path, unit: str, factor: float) -> None:
    header = HEADER.replace("SVWC_010CM,", f"SVWC_010CM{unit},").replace("Lat,", "Lat(°),")
    (only,) = read(tmp_path, rows_of([0.8, 0.9], quality="1"), header)
    np.testing.assert_allclose(only.values, [0.8 * factor, 0.9 * factor])
    assert only.flags.tolist() == ["D", "D"]


def test_units_in_a_row_of_their_own_count(tmp_path: Path) -> None:
    units = ",degree,degree,m,year,month,day,hour,m3/m3,"
    (only,) = read(tmp_path, [units, *rows_of([0.8, 0.9])])
    np.testing.assert_allclose(only.values, [0.8, 0.9])
    with pytest.raises(DataError, match="line 3 of station table"):
        read(tmp_path, [*rows_of([21.0]), units])


def test_other_units_and_two_columns_of_one_depth_are_refused(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"column 'SVWC_010CM\(g/g\)' .* has units 'g/g'; expected m3 m-3, percent by volume"
    ):
        read(tmp_path, rows_of(WET), HEADER.replace("010CM,", "010CM(g/g),"))
    with pytest.raises(DataError, match=r"'SVWC_010CM' and 'V71105_010' .* have the same depth"):
        read(tmp_path, [f"{row},0.2" for row in rows_of(WET)], f"{HEADER},V71105_010")


def test_a_broken_sensor_does_not_decide(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        first, second = read(tmp_path, rows_of(WET) + rows_of([0.3] * 24, "58362"))
    assert first.values[0] == 0.215 and second.values[0] == 0.003
    assert "assumed to be percent, although values of 1 sensors look different, e.g. station 58362" in caplog.text
    # A table of one time: nearly all stations agree.
    hour = [rows_of([v], f"{i:05d}")[0] for i, v in enumerate([*(20.0 + np.arange(40.0)), 0.2])]
    assert read(tmp_path, hour)[0].values[0] == 0.2


def test_values_that_are_called_wrong_do_not_decide(tmp_path: Path) -> None:
    (only,) = read(
        tmp_path, rows_of(SHARE) + [row.replace(",1,", ",2,", 1) for row in rows_of([35.0] * 9, quality="2")]
    )
    assert only.values[0] == pytest.approx(0.215)


@given(st.lists(st.floats(0.02, 0.6), min_size=1, max_size=60))
def test_fractions_and_their_percentages_are_told_apart(values: list[float]) -> None:
    share = np.array(values)
    assert detect_unit({"s": share}, "t") == "fraction"
    assert detect_unit({"s": 100.0 * share}, "t") == "percent"


@given(st.lists(st.floats(0.02, 0.6), min_size=4, max_size=30), st.lists(st.floats(0.02, 0.6), min_size=4, max_size=30))
def test_a_hundredth_never_passes_beside_the_whole(one: list[float], other: list[float]) -> None:
    """Two sensors, one in each unit: refused whenever both are alive."""
    values = {"a": np.array(one), "b": 100.0 * np.array(other)}
    if all(np.unique(v).size >= 3 for v in values.values()):
        with pytest.raises(DataError, match="table_units"):
            detect_unit(values, "t")


# --------------------------------------------------------------------------- which of several values counts


@pytest.mark.parametrize(
    ("messages", "counts"),
    [
        ([(55.0, "2"), (21.5, "0")], (21.5, "G")),
        ([(21.5, "0"), (55.0, "2")], (21.5, "G")),
        ([(20.0, "0"), (21.5, "0")], (21.5, "G")),  # a correction follows
        ([(21.5, "3"), (20.0, "0")], (21.5, "G")),  # a revised value replaces, also if it came first
        ([(20.0, "1"), (21.5, "4"), (22.0, "9")], (21.5, "G")),
        ([(20.0, "1"), (21.5, "9")], (21.5, "U")),
        ([(21.5, "9"), (20.0, "1")], (21.5, "U")),
        ([(21.5, "1"), (20.0, "2")], (21.5, "D")),
        ([(21.5, "1"), (999999, "0")], (21.5, "D")),  # a value counts before none
        ([(21.5, ""), (999999, "8")], (21.5, "U")),
        ([(20.0, ""), (21.5, "")], (21.5, "U")),
        ([(999999, "7"), (999999, "8")], (np.nan, "M")),
    ],
)
def test_the_best_and_then_the_last_message_counts(
    tmp_path: Path, messages: list[tuple[float, str]], counts: tuple[float, str]
) -> None:
    rows = [rows_of([value], quality=code)[0] for value, code in messages]
    (only,) = read(tmp_path, rows, units="percent")
    np.testing.assert_allclose(only.values, [counts[0] / 100])
    assert only.flags.tolist() == [counts[1]]
    # The same in files after each other, by name.
    (tmp_path / "t.csv").unlink()
    for number, row in enumerate(rows):
        (tmp_path / f"{number}.csv").write_text(f"{HEADER}\n{row}\n", encoding="utf-8")
    (only,) = read_station_csv(tmp_path, units="percent")
    np.testing.assert_allclose(only.values, [counts[0] / 100])
    assert only.flags.tolist() == [counts[1]] and dict(only.dropped) == {"time given before": len(rows) - 1}


@given(st.permutations([(20.0, "1"), (21.5, "4"), (22.0, "9"), (23.0, "0"), (24.0, "2"), (999999.0, "8")]))
def test_the_order_of_different_qualities_is_of_no_matter(messages: list[tuple[float, str]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (only,) = read(Path(folder), [rows_of([v], quality=c)[0] for v, c in messages], units="percent")
    assert only.values.tolist() == [0.215]


# --------------------------------------------------------------------------- times


@pytest.mark.parametrize(
    ("text", "hours", "expected"),
    [
        ("2016060108", 0, datetime(2016, 6, 1, 8)),
        ("2016110108", 0, datetime(2016, 11, 1, 8)),  # not 1 January 00:01:08
        ("2016111008", 8, datetime(2016, 11, 10)),
        ("201611100830", 0, datetime(2016, 11, 10, 8, 30)),
        ("20161110083005", 0, datetime(2016, 11, 10, 8, 30, 5)),
        ("2016060108.0", 0, datetime(2016, 6, 1, 8)),
        ("2016-06-01 08:00:00.000", 0, datetime(2016, 6, 1, 8)),
        ("2016/6/1 8:00", 8, datetime(2016, 6, 1)),
        ("2016-06-01T24:00", 8, datetime(2016, 6, 1, 16)),
        ("2016-06-01T08:00:00Z", 0, datetime(2016, 6, 1, 8)),
        ("2016-06-01T08:00+08:00", 0, datetime(2016, 6, 1)),
        ("2016-06-01 08:00 +0800", 8, datetime(2016, 6, 1)),
        ("2016-06-01T08:00-06:00", 0, datetime(2016, 6, 1, 14)),
    ],
)
def test_times(text: str, hours: int, expected: datetime) -> None:
    assert parse_stamp(text, timedelta(hours=hours)) == expected


@pytest.mark.parametrize(
    "text",
    ["2016-06-01", "01/06/2016 08:00", "6/1/16 8:00", "20160601", "1464739200", "2016-06-31 08:00", "201606010", ""],
)
def test_times_that_can_be_misread_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"time|day|month"):
        parse_stamp(text, timedelta(0))
    with pytest.raises(ValueError, match="another zone"):
        parse_stamp("2016-06-01T08:00Z", timedelta(hours=8))


@given(
    st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1)),
    st.sampled_from(["%Y%m%d%H", "%Y%m%d%H%M", "%Y%m%d%H%M%S"]),
)
def test_plain_times_are_read_as_written(time: datetime, form: str) -> None:
    text = time.strftime(form)
    assert parse_stamp(text, timedelta(0)).strftime(form) == text


STAMPED = "Station_Id_C,Lat,Lon,{},SVWC_010CM"
ROW = "54511,39.8,116.47,{},21.5"


@pytest.mark.parametrize(
    ("columns", "cells", "offset"),
    [
        ("Datetime", "2016-06-01 08:00", 8),
        ("Datetime(UTC)", "2016-06-01 00:00", 0),
        ("UTC_Datetime", "2016060100", 0),
        ("Datetime(BJT)", "2016060108", 8),
        ("datetime_local", "2016060108", 8),
        ("Datetime,Datetime_UTC", "2016060108,2016060100", 0),
        ("Datetime(北京时),Datetime(世界时)", "2016060108,2016060100", 8),
    ],
)
def test_columns_that_state_a_zone(tmp_path: Path, columns: str, cells: str, offset: float) -> None:
    (tmp_path / "t.csv").write_text(f"{STAMPED.format(columns)}\n{ROW.format(cells)}\n", encoding="utf-8")
    (only,) = read_station_csv(tmp_path, utc_offset_hours=offset)
    assert only.times.tolist() == [datetime(2016, 6, 1)]


@pytest.mark.parametrize(("column", "offset", "right"), [("Datetime(UTC)", 8, 0), ("Datetime_BJT", 0, 8)])
def test_columns_of_another_zone_than_configured_are_refused(
    tmp_path: Path, column: str, offset: float, right: float
) -> None:
    (tmp_path / "t.csv").write_text(f"{STAMPED.format(column)}\n{ROW.format('2016060108')}\n", encoding="utf-8")
    with pytest.raises(DataError, match=f"set utc_offset_hours: {right}"):
        read_station_csv(tmp_path, utc_offset_hours=offset)


def test_minutes_have_a_column(tmp_path: Path) -> None:
    header = HEADER.replace("Hour", "Hour,Min")
    rows = [row.replace(",0,21.5,", f",0,{minute},21.5,") for minute in (0, 10, 20) for row in rows_of([21.5])]
    (only,) = read(tmp_path, rows, header)
    assert [t.minute for t in only.times.tolist()] == [0, 10, 20]


# --------------------------------------------------------------------------- rows

EXPECTED = [0.215, 0.225]
PLAIN = [HEADER, *rows_of([21.5, 22.5])]


def semicolons(lines: list[str]) -> str:
    return "\n".join(line.replace(",", ";").replace(".", ",") for line in lines)


FORMS = {
    "as it is": "\n".join(PLAIN),
    "carriage returns": "\r".join(PLAIN),
    "mixed line ends": PLAIN[0] + "\r\n" + PLAIN[1] + "\r" + PLAIN[2] + "\n\r\n",
    "decimal commas": semicolons(PLAIN),
    "separator named": "sep=;\r\n" + semicolons(PLAIN).replace("\n", "\r\n"),
    "quoted": "\n".join(",".join(f'"{cell}"' for cell in line.split(",")) for line in PLAIN),
    "quoted with decimal commas": "\n".join(
        ",".join(f'"{cell.replace(".", ",")}"' for cell in line.split(",")) for line in PLAIN
    ),
    "trailing separators": "\n".join([PLAIN[0], *(f"{line},," for line in PLAIN[1:])]),
    "blanks, aligned at the right": "\n".join("  ".join(f"{c:>14}" for c in line.split(",")) + "  " for line in PLAIN),
    "header again": "\n".join([*PLAIN[:2], *PLAIN[::2]]),
    "byte order marks": "\ufeff" + "\n".join(PLAIN[:2]) + "\n\ufeff" + "\n".join(PLAIN[::2]),
    "empty lines and comments": "\n".join(["", "# exported", "", PLAIN[0], "", ",,,,,,,,,", *PLAIN[1:], "", " "]),
    "bars": "\n".join(line.replace(",", " | ") for line in PLAIN),
    "thousands": "\n".join(PLAIN).replace(",31.3,", ',"3,431.5",'),
    "wide blanks": "\n".join(PLAIN)
    .replace("21.5,", "\u300021.5\u3000,")
    .replace("Alti", "海拔,Alti")
    .replace(",31", ",,31"),
    "a name with separators of lines": "\n".join(
        [f"Name,{PLAIN[0]}", *(f"a\x85b\u2028c\x0b,{row}" for row in PLAIN[1:])]
    ),
    "columns in another order": "\n".join(",".join(reversed(line.split(","))) for line in PLAIN),
    "station number as a decimal": "\n".join(PLAIN).replace("54511,", "54511.0,", 1),
}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "gb18030"])
@pytest.mark.parametrize("form", FORMS)
def test_forms_of_one_table(tmp_path: Path, form: str, encoding: str) -> None:
    (tmp_path / "t.csv").write_bytes(FORMS[form].encode(encoding))
    (only,) = read_station_csv(tmp_path)
    assert only.station == "54511" and (only.lat, only.lon) == (39.8, 116.47)
    assert only.elevation_m == (3431.5 if form == "thousands" else 31.3)
    np.testing.assert_allclose(only.values, EXPECTED)
    assert only.flags.tolist() == ["G", "G"]
    assert only.times.tolist() == [datetime(2019, 6, 1, h) for h in range(2)]


BAD = {
    "a name with an unquoted comma": (f"Name,{HEADER}", f"Beijing, North,{PLAIN[1]}", "12 cells, the header has 11"),
    "a quote that never ends": (
        f"{HEADER},Name",
        f'{PLAIN[1]},"Beijing\n{PLAIN[2]},b',
        "line 3 .*unexpected end of data",
    ),
    "a quote over lines": (f"Name,{HEADER}", f'"a,{PLAIN[1]}\nb",{PLAIN[2]}', "spans several lines"),
    "points and commas": (HEADER, f"{PLAIN[1]}\n{PLAIN[2].replace('22.5', chr(34) + '22,5' + chr(34))}", "with commas"),
    "an hour with a fraction": (HEADER, PLAIN[1].replace(",0,21.5", ",0.5,21.5"), "in a date"),
    "a year of two digits": (HEADER, PLAIN[1].replace("2019", "19"), "time 19-6-1"),
    "digits that are not ASCII": (HEADER, PLAIN[1].replace("21.5", "２１"), "is not a number"),
    "one number, two places": (HEADER, f"{PLAIN[1]}\n{PLAIN[2].replace('39.80', '31.40')}", "and at 31.4 N"),
    "not text": (HEADER, PLAIN[1] + "\0", "has a zero byte"),
}


@pytest.mark.parametrize("case", BAD)
def test_rows_that_would_be_misread_are_refused(tmp_path: Path, case: str) -> None:
    header, rows, message = BAD[case]
    with pytest.raises(DataError, match=message) as caught:
        read(tmp_path, [rows], header)
    assert "t.csv" in str(caught.value)


def test_a_station_that_moves_between_tables_is_refused_or_passed_over(tmp_path: Path) -> None:
    (tmp_path / "u.csv").write_text("\n".join([HEADER, *rows_of(WET, lat=31.4)]), encoding="utf-8")
    with pytest.raises(DataError, match=r"54511 in '.*u\.csv' lies at 39\.8 N"):
        read(tmp_path, rows_of(WET))
    assert [one.lat for one in read_station_csv(tmp_path, on_bad="skip")] == [39.8]
    (tmp_path / "u.csv").write_text("\n".join([HEADER, *rows_of(WET, lat=39.85)]), encoding="utf-8")
    assert [one.lat for one in read_station_csv(tmp_path)] == [39.8]
