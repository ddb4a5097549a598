"""Names and headers of ISMN files: blanks and numbers in names never move a station or a depth."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from landda_hpc.errors import DataError
from landda_hpc.formats.stations.ismn_names import parse_file_name
from landda_hpc.formats.stations.station_ismn import parse_stm, read_ismn

ROWS = "2010/06/01 00:00 0.210 G V\n2010/06/01 01:00 0.215 G V\n"
PLACE = "52.1 4.3 -2.0 0.05 0.05"


def file_name(station: str, network: str = "NET", sensor: str = "Probe", depth: str = "0.050000_0.050000") -> str:
    return f"{network}_{network}_{station}_sm_{depth}_{sensor}_20100601_20100602.stm"


@pytest.mark.parametrize(
    ("header", "name", "expected"),
    [
        ("NET NET Polder 7", file_name("Polder-7"), ("NET", "Polder 7")),
        ("NET NET Polder 7", file_name("Polder_7"), ("NET", "Polder 7")),
        ("NET NET Polder 7", file_name("Polder 7"), ("NET", "Polder 7")),
        ("NET NET Polder 7", file_name("Polder7"), ("NET", "Polder 7")),
        ("NET NET 7", file_name("7"), ("NET", "7")),
        ("NET NET 7 8 9 0.05", file_name("7-8-9-0.05"), ("NET", "7 8 9 0.05")),
        ("MY NET MY NET Site", file_name("Site", "MY-NET"), ("MY NET", "Site")),
        ("NET 2 NET 2 3", file_name("3", "NET-2"), ("NET 2", "3")),
        ("CEOP NET Polder 7", file_name("Polder-7").replace("NET_NET", "CEOP_NET"), ("NET", "Polder 7")),
        ("NET NET Cape Charles 5 ENE", file_name("Cape-Charles-5-ENE"), ("NET", "Cape Charles 5 ENE")),
        ("NET NET KELLEY R.S. 2", file_name("KELLEYR.S_2"), ("NET", "KELLEY R.S. 2")),
        ("NET NET Åbø Søndre 7", file_name("Abo-Sondre-7"), ("NET", "Åbø Søndre 7")),
        ("NET NET 密云 7", file_name("密云-7"), ("NET", "密云 7")),
        ("NET NET Caf\u00a0\u0085 7", file_name("Caf--7"), ("NET", "Caf\u00a0\u0085 7")),
    ],
)
def test_blanks_in_names_move_nothing(header: str, name: str, expected: tuple[str, str]) -> None:
    one = parse_stm(f"{header} {PLACE} Probe\n{ROWS}".encode(), name)
    assert (one.network, one.station) == expected
    assert (one.lat, one.lon, one.elevation_m, one.depth_m, one.sensor) == (52.1, 4.3, -2.0, (0.05, 0.05), "Probe")
    stamp = "2010/06/01 00:00 2010/06/01 00:00"
    ceop = f"{stamp} {header} {PLACE} 0.2140 G M\n{stamp.replace('00:00', '01:00')} {header} {PLACE} 0.2150 G 3\n"
    other = parse_stm(ceop.encode(), name)
    assert (other.network, other.station, other.lat, other.lon, other.depth_m) == (*expected, 52.1, 4.3, (0.05, 0.05))
    assert (other.values.tolist(), other.flags.tolist(), other.sensor) == ([0.214, 0.215], ["G", "G"], "Probe")


@pytest.mark.parametrize(
    ("station", "encoding"),
    [
        ("Åbø-Søndre", "utf-8"),
        ("Åbø-Søndre", "utf-8-sig"),
        ("Åbø-Søndre", "latin-1"),
        ("Sète-à-la-Voilà", "utf-8"),  # à is 0xC3 0xA0, … is 0xE2 0x80 0xA6, Å is 0xC3 0x85
        ("Å…à", "utf-8"),
        ("Å…à", "cp1252"),  # … is 0x85
        ("Caf\u00a0Nord", "cp1252"),
        ("那曲", "gb18030"),
        ("那曲", "utf-16"),
        ("Site", "utf-8-sig"),
    ],
)
def test_names_in_every_encoding(tmp_path: Path, station: str, encoding: str) -> None:
    content = f"NET NET {station} 35.1 100.2 3500.0 0.05 0.05 Probe\r\n{ROWS}".encode(encoding)
    for name in (file_name("Site"), file_name(station)):
        (tmp_path / name).write_bytes(content)
        (one,) = read_ismn(tmp_path / name)
        assert (one.network, one.station, one.lat, one.lon) == ("NET", station, 35.1, 100.2)
        assert one.values.tolist() == [0.21, 0.215]


@pytest.mark.parametrize(("sensor", "in_name"), [("5TM 2.0 3", "5TM-2.0-3"), ("0.05 0.05 Probe", "0.05-0.05-Probe")])
def test_numbers_in_the_name_of_a_sensor_move_nothing(sensor: str, in_name: str) -> None:
    header = f"NET NET Site 35.1 80.2 50.0 0.05 0.05 {sensor}"
    one = parse_stm(f"{header}\n{ROWS}".encode(), file_name("Site", sensor=in_name))
    assert (one.station, one.lat, one.lon, one.depth_m, one.sensor) == ("Site", 35.1, 80.2, (0.05, 0.05), sensor)


@pytest.mark.parametrize(
    ("header", "name", "message"),
    [
        (f"NET NET Polder 7 {PLACE} Probe", file_name("Other"), "can be read in several ways"),
        (f"NET NET Polder 7 {PLACE} Probe", "renamed.stm", "can be read in several ways"),
        (f"NET NET Polder A {PLACE} Probe", file_name("Other"), "can be read in several ways"),
        (f"NET NET Site {PLACE} Probe", file_name("Site", depth="0.100000_0.100000"), "name has 0.1 to 0.1 m"),
        (f"NET NET Polder 7 {PLACE} Probe", file_name("Polder-7", depth="0.2_0.3"), "name has 0.2 to 0.3 m"),
    ],
)
def test_what_can_be_read_in_several_ways_is_refused(header: str, name: str, message: str) -> None:
    with pytest.raises(DataError, match=re.escape(message)) as caught:
        parse_stm(f"{header}\n{ROWS}".encode(), name)
    assert name in str(caught.value)


def test_a_header_that_can_be_read_in_one_way_needs_no_name() -> None:
    for name in ("renamed.stm", file_name("Other"), file_name("Site") + ".bak"):
        one = parse_stm(f"NET NET Site 35.1 100.2 3500.0 0.05 0.05 Probe\n{ROWS}".encode(), name)
        assert (one.station, one.lat, one.lon) == ("Site", 35.1, 100.2)


def test_file_names() -> None:
    found = parse_file_name(
        "a/SCAN_SCAN_Adams_Ranch_#1_sm_0.050800_0.050800_Hydraprobe-(2.5-Volt)_20070101_20131231.stm"
    )
    assert found is not None
    assert (found.code, found.depth_m, found.sensor) == ("sm", (0.0508, 0.0508), "Hydraprobe-(2.5-Volt)")
    assert (found.first, found.last) == ("20070101", "20131231")
    # A station may be called like a variable with depths.
    found = parse_file_name(file_name("sm_1_2").replace("_sm_0.05", "_ts_0.05"))
    assert found is not None and (found.code, found.names) == ("ts", ("NET", "NET", "sm", "1", "2"))
    found = parse_file_name("x.zip:NET\\Site\\" + file_name("Site", sensor="a_b").replace(".stm", " (1).STM"))
    assert found is not None and (found.sensor, found.last) == ("a_b", "20100602")
    found = parse_file_name("NET_NET_Air_ta_-2.000000_-2.000000_Probe_20100601_20100602.stm")
    assert found is not None and (found.code, found.depth_m, found.sensor) == ("ta", (-2.0, -2.0), "Probe")
    found = parse_file_name("NET_NET_S_sm_0.05_0.05.stm")
    assert found is not None and (found.sensor, found.first) == ("", "")
    for name in ("x_sm_0_0.stm", "NET_NET_Site_xx_0.05_0.05_P_20100601_20100602.stm", "readme.txt", "sm.stm"):
        assert parse_file_name(name) is None


def test_temperatures_of_a_station_called_sm_are_no_soil_moisture(tmp_path: Path) -> None:
    name = file_name("sm_1_2").replace("_sm_0.05", "_ts_0.05")
    (tmp_path / name).write_text(f"NET NET sm_1_2 {PLACE} Probe\n{ROWS}")
    with pytest.raises(DataError, match="no file of soil_moisture"):
        read_ismn(tmp_path)


WORDS = st.lists(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9.#-]{0,5}", fullmatch=True), min_size=1, max_size=4)


@given(WORDS, WORDS, WORDS, st.floats(-90, 90), st.floats(-179, 180), st.floats(-400, 6000), st.sampled_from("-_ "))
def test_whatever_the_names_the_place_is_right_or_refused(
    network: list[str], station: list[str], sensor: list[str], lat: float, lon: float, height: float, blank: str
) -> None:
    place = f"{lat:.5f} {lon:.5f} {height:.2f}"
    header = f"{' '.join(network)} {' '.join(network)} {' '.join(station)} {place} 0.05 0.10 {' '.join(sensor)}"
    name = file_name(blank.join(station), blank.join(network), blank.join(sensor), "0.050000_0.100000")
    assume(len(network) * 2 + len(station) <= 12)
    try:
        one = parse_stm(f"{header}\n{ROWS}".encode(), name)
    except DataError:
        return
    assert (one.lat, one.depth_m) == (float(f"{lat:.5f}"), (0.05, 0.1))
    assert one.lon == pytest.approx(float(f"{lon:.5f}"), abs=1e-9) or abs(one.lon - lon) == pytest.approx(360.0)
