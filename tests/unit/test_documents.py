"""Plain data from texts: what YAML means, and nothing that it guesses; every number of the schema has two bounds."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from landda_hpc.config import CampaignConfig, load_config, parse_json, parse_yaml
from landda_hpc.errors import ConfigError, LandDAError
from tests.unit.yaml_attacks import BASE

EXPERIMENTS = sorted((Path(__file__).resolve().parents[2] / "experiments").glob("*.yaml"))
DATES = {"a": date(2022, 6, 2), "b": datetime(2022, 6, 2, 6), "c": datetime(2022, 6, 2, 6, 30, 5)}


@pytest.mark.parametrize("file", EXPERIMENTS, ids=lambda file: file.stem)
def test_the_experiments_read_as_before(file: Path) -> None:
    text = file.read_text()
    assert parse_yaml(text, "file") == yaml.safe_load(text)
    assert load_config(file).name  # valid as it stands


def test_scalars_are_what_they_look_like() -> None:
    text = (
        "{i: [0, 7, -7, +7, 0x1f, 0b11, 1_000], f: [1.5, .5, 1., 1.0e-3, .inf], b: [true, False], n: [null, ~, ],"
        " t: [yes, No, on, off, 12:30, 1:30:00, 1:30.5, 1e3, 0o17, '7', '', =, 08], s: !!str 5, k: !!int '5'}"
    )
    assert parse_yaml(text, "text") == {
        "i": [0, 7, -7, 7, 31, 3, 1000],
        "f": [1.5, 0.5, 1.0, 0.001, float("inf")],
        "b": [True, False],
        "n": [None, None],
        "t": ["yes", "No", "on", "off", "12:30", "1:30:00", "1:30.5", "1e3", "0o17", "7", "", "=", "08"],
        "s": "5",
        "k": 5,
    }
    assert parse_yaml("{a: 2022-06-02, b: 2022-06-02 06:00:00, c: 2022-06-02T06:30:05}", "text") == DATES
    assert parse_yaml("a: |\n  one\n  two\nb: >-\n  one\n  two\n", "text") == {"a": "one\ntwo\n", "b": "one two"}


def test_what_the_product_writes_reads_back() -> None:
    plain = {
        "a": ["yes", "12:30", "010", "1e3", "null", "", "~", "<<", "=", "2022-06-02", "é", "a: b", "#"],
        "b": {"c": None},
    }
    assert parse_yaml(yaml.safe_dump(plain), "text") == plain


def test_merged_sections_keep_order_and_precedence() -> None:
    text = "a: &a {x: 1, y: 1}\nb: &b {y: 2, z: 2}\nc: {<<: [*a, *b], z: 3}\nd: {w: 0, <<: *a}\n"
    assert parse_yaml(text, "text") == yaml.safe_load(text)
    assert list(parse_yaml(text, "text")["c"]) == list(yaml.safe_load(text)["c"])


def test_aliases_are_copies() -> None:
    found: Any = parse_yaml("a: &a {x: [1]}\nb: *a\nc: {<<: *a}\n", "text")
    found["b"]["x"].append(2)
    found["c"]["x"].append(3)
    assert found == {"a": {"x": [1]}, "b": {"x": [1, 2]}, "c": {"x": [1, 3]}}


def test_every_problem_has_its_line_and_key() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_yaml("a: 010\nb: {c: 1, c: 2}\nd: [1, !x 2]\n3: 4\n", "file 'f'")
    assert list(caught.value.problems) == [
        "file 'f', line 1: a: '010' begins with 0, which YAML reads as octal; write it without, or in quotes",
        "file 'f', line 2: b.c: the key is given twice, first in line 2",
        "file 'f', line 3: d.1: tag !x; expected plain keys and values",
        "file 'f', line 4: the key 3 is not a text; put it in quotes",
    ]


@pytest.mark.parametrize(
    "text", ['{"a": 1, "a": 2}', "[" * 100_000, '{"a": ' + "9" * 5000 + "}", "{", "", b"\xff", "nul"]
)
def test_damaged_json_is_a_value_error(text: str | bytes) -> None:
    with pytest.raises(ValueError):
        parse_json(text)


def test_json_of_ours_reads_as_it_is() -> None:
    assert parse_json(b'{"a": [1, -2.5, NaN, "x", null, true], "b": {}}')["a"][:2] == [1, -2.5]


@given(st.data())
def test_whatever_is_changed_in_a_file_has_an_answer(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    content = bytearray(BASE.encode())
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(0, len(content)))
        new = data.draw(
            st.one_of(st.binary(max_size=3), st.sampled_from([b"\n", b"  ", b"- ", b": ", b"{", b"}", b"*a", b"&a "]))
        )
        content[place : place + data.draw(st.integers(0, 4))] = new
    file = tmp_path_factory.getbasetemp() / "changed.yaml"
    file.write_bytes(content)
    try:
        load_config(file)
    except LandDAError as error:
        assert len(str(error)) < 20_000


def test_every_number_of_the_schema_has_both_bounds() -> None:
    unbounded = [path for path, node in _numbers(CampaignConfig.model_json_schema(), "") if not _is_bounded(node)]
    assert unbounded == []


def _numbers(node: Any, path: str) -> list[tuple[str, dict[str, Any]]]:
    if isinstance(node, list):
        return [found for k, part in enumerate(node) for found in _numbers(part, f"{path}/{k}")]
    if not isinstance(node, dict):
        return []
    here = [(path, node)] if node.get("type") in ("number", "integer") else []
    skipped = ("default", "enum", "const", "examples", "description")
    return here + [f for key, part in node.items() if key not in skipped for f in _numbers(part, f"{path}/{key}")]


def _is_bounded(node: dict[str, Any]) -> bool:
    below = "minimum" in node or "exclusiveMinimum" in node
    above = "maximum" in node or "exclusiveMaximum" in node
    return "enum" in node or "const" in node or (below and above)
