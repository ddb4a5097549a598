"""Files of benchmarks: what is read, and what a message says of a file that is not one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from landda_hpc.config import parse_config
from landda_hpc.errors import ConfigError, DataError, MissingFileError
from landda_hpc.grid import regular_grid
from landda_hpc.instances.trajectory import config_hash
from landda_hpc.verification.statistics.groups import GroupMean
from landda_hpc.verification.statistics.station_scores import GroupRow
from landda_hpc.verification.tables.benchmarks import Benchmark, read_benchmarks
from landda_hpc.verification.tables.grid_table import reference_markdown
from landda_hpc.verification.tables.station_table import group_markdown
from tests.campaign.conftest import CONFIG
from tests.configured import verification_problems

HEADER = "source,method,window,layer,metric,value"


def read(folder: Path, text: str | bytes) -> tuple[Benchmark, ...]:
    (folder / "known.csv").write_bytes(text.encode() if isinstance(text, str) else text)
    return read_benchmarks((Path("known.csv"),), folder)


def test_columns_in_any_order_and_only_those_that_are_needed(tmp_path: Path) -> None:
    text = '\ufeffvalue, metric ,layer,window,method,source,upper\r\n\r\n0.5,scc,0-5 cm,forecast,EnKF,"A, B",0.6\r\n'
    (one,) = read(tmp_path, text)
    assert one == Benchmark("A, B", "EnKF", "forecast", "0-5 cm", "scc", 0.5, 0.6)
    assert (one.label, one.text, one.middle, one.assimilates) == ("A, B EnKF", "0.5 to 0.6", 0.55, True)
    (two,) = read(tmp_path, f"{HEADER}\nA,control,assimilation,0-7.5 cm,bias,-0.02\n")
    assert two.value == -0.02 and not two.assimilates and two.text == "-0.02"


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("", r"line 1: columns an empty line; expected source, method"),
        (
            "source,method\nA,b\n",
            "line 1: columns source, method; expected source, method, window, layer, metric, value",
        ),
        (f"{HEADER},scor\n", r"line 1: columns .*scor; expected"),
        (f"{HEADER},value\n", "each once"),
        (f"{HEADER}\n", "has no line below its header"),
        (f"{HEADER}\nA,b,assimilation,0-10 cm,scc\n", "line 2: 5 values; expected 6"),
        (f"{HEADER}\nA,b,assimilation,0-10 cm,scc,0.5\n\nA,b,assimilation,0-10 cm,scc,0,5\n", "line 4: 7 values"),
        (f"{HEADER}\nA,b,assimilation,0-10 cm,scc,\n", "line 2, column value: ''; expected a number from -1 to 1"),
        (f"{HEADER}\nA,b,assimilation,0-10 cm,scc,nan\n", "line 2, column value: 'nan'"),
        (f"{HEADER}\nA,b,assimilation,0-10 cm,scc,80\n", "line 2, column value: '80'; expected a number from -1 to 1"),
        (f"{HEADER}\nA,b,analysis,0-10 cm,scc,0.5\n", "column window: 'analysis'; expected assimilation, forecast"),
        (f"{HEADER}\nA,b,assimilation,0-10,scc,0.5\n", "column layer: '0-10'; expected top and bottom as in 0-10 cm"),
        (f"{HEADER}\nA,b,assimilation,0-10 cm,SCC,0.5\n", "column metric: 'SCC'; expected scc, rmse, bias, ubrmse, r"),
        (f"{HEADER}\n,b,assimilation,0-10 cm,scc,0.5\n", "column source: ''; expected a text"),
        (f"{HEADER},upper\nA,b,assimilation,0-10 cm,scc,0.5,0.4\n", "column upper: 0.4; expected more than the value"),
        (f"{HEADER},day\nA,b,forecast,0-10 cm,scc,0.5,-1\n", "column day: '-1'; expected a number of days"),
        (f"{HEADER},kind\nA,b,forecast,0-10 cm,scc,0.5,map\n", "column kind: 'map'; expected images"),
        (
            f"{HEADER}\nA,b,forecast,0-10 cm,r,0.5\n",
            "column metric: 'r'; expected scc, rmse, bias, ubrmse of kind images",
        ),
        (f'{HEADER}\nA,b,assimilation,0-10 cm,scc,"0.5\n', "not CSV"),
    ],
)
def test_malformed_files_are_named_with_line_and_column(tmp_path: Path, lines: str, message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        read(tmp_path, lines)
    assert "known.csv" in str(caught.value)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"benchmarks '.*none\.csv' does not exist"):
        read_benchmarks((Path("none.csv"),), tmp_path)
    with pytest.raises(ConfigError, match="not UTF-8"):
        read(tmp_path, HEADER.encode("utf-16"))


def test_the_key_takes_one_file_or_several_and_decides_nothing(tmp_path: Path) -> None:
    def config(benchmarks: Any) -> Any:
        return parse_config({**CONFIG, "data_root": str(tmp_path), "verification": {"benchmarks": benchmarks}})

    one, two = config("known.csv"), config(["known.csv", "package:papers/shen2024.csv"])
    assert one.verification.benchmarks == (Path("known.csv"),) and len(two.verification.benchmarks) == 2
    assert parse_config(one.model_dump(mode="json")) == one
    assert config_hash(one) == config_hash(two) == config_hash(parse_config({**CONFIG, "data_root": str(tmp_path)}))
    with pytest.raises(ConfigError, match="the name of a file of landda_hpc"):
        config("package:../../x.csv")
    grid = regular_grid(24, 48)
    (missing,) = verification_problems(two, grid)
    assert missing.startswith("verification.benchmarks: ") and "known.csv' does not exist" in missing
    (tmp_path / "known.csv").write_text(f"{HEADER}\nA,b,assimilation,0-10 cm,scc,high\n")
    (malformed,) = verification_problems(one, grid)
    assert "line 2, column value: 'high'" in malformed
    (tmp_path / "known.csv").write_text(f"{HEADER}\nA,b,assimilation,0-10 cm,scc,0.5\n")
    assert verification_problems(two, grid) == []


def test_means_over_stations_and_next_to_products_stand_below_those_of_the_campaign() -> None:
    mean = GroupMean(0.4, 0.3, 0.5, 0.1, 30.0, 7)

    def row(kind: str, group: str, metric: str) -> GroupRow:
        return GroupRow("assimilation", kind, group, "0-10 cm", "control", metric, mean, None)  # type: ignore[arg-type]

    of = {"source": "A", "method": "control", "window": "assimilation", "layer": "0-10 cm"}
    known: list[Benchmark] = [
        Benchmark(**of, metric="r", value=0.15, kind="stations", region="Europe"),
        Benchmark(**of, metric="ubrmse", value=0.06, kind="stations"),
        Benchmark(**of, metric="scc", value=0.67, kind="product"),
        Benchmark(**of, metric="scc", value=0.99),
    ]  # type: ignore[arg-type]
    stations = group_markdown([row("region", "Europe", "r"), row("region", "all stations", "r")], known).splitlines()
    below = [line for line in stations if "A control" in line]
    assert below == ["| Europe | 0-10 cm | A control | 0.15 | - | - | - | | |",
                     "| all stations | 0-10 cm | A control | - | - | 0.06 | - | | |"]  # fmt: skip
    assert stations.index(below[0]) == stations.index(below[1]) - 2
    patterns = reference_markdown([row("pattern", "all cells", "scc")], known)
    assert [line for line in patterns.splitlines() if "A control" in line] == [
        "| assimilation | all cells | 0-10 cm | A control | 0.67 | - | - |"
    ]
