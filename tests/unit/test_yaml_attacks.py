"""No configuration, however wrong, ends in a traceback, without an end, or with an answer that cannot be read."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from landda_hpc.commands.check import command as check
from landda_hpc.commands.console.options import parse_frame, parse_overrides
from landda_hpc.config import load_config
from landda_hpc.errors import ConfigError, LandDAError
from tests.unit.yaml_attacks import ATTACKS, BASE, RIGHT

pytestmark = pytest.mark.timeout(60)  # more than ten times what any of them takes


def test_there_are_many() -> None:
    assert len(ATTACKS) > 500


# Every third with the tests, all of them with `make verify`.
@pytest.mark.parametrize(
    "name", [name if n % 3 == 0 else pytest.param(name, marks=pytest.mark.verify) for n, name in enumerate(ATTACKS)]
)
def test_an_attack_gets_a_short_answer_that_names_the_place(name: str, tmp_path: Path) -> None:
    content, expected = ATTACKS[name]
    file = tmp_path / "c.yaml"
    file.write_bytes(content)
    with pytest.raises(LandDAError) as caught:
        check(file, trial=False)
    text = str(caught.value)
    assert expected in text
    assert len(text) < 20_000
    assert max(map(len, text.splitlines())) < 1600
    assert all(line.isprintable() for line in text.split("\n"))


@pytest.mark.parametrize("name", RIGHT)
def test_what_looks_strange_may_be_right(name: str, tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_bytes(RIGHT[name])
    check(file, trial=False)


def test_the_file_itself_may_be_anything(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "dangling").symlink_to(tmp_path / "none")
    for name, expected in {
        "folder": "is a folder",
        "pipe": "expected a regular file",
        "socket": "expected a regular file",
        "/dev/zero": "expected a regular file",
        "loop": "cannot be read",
        "dangling": "does not exist",
        "none": "does not exist",
        "folder/none/c.yaml": "does not exist",
        "a" * 5000: "cannot be read",
        "a\0b": "cannot be read",
        "/proc/self/mem": "cannot be read",
    }.items():
        with pytest.raises(LandDAError, match=expected) as caught:
            load_config(tmp_path / name)
        assert len(str(caught.value)) < 1000


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        ("seed", "KEY=VALUE"),
        ("=1", "KEY=VALUE"),
        ("seed=[", "not valid YAML"),
        ("seed=*a", "no anchor"),
        ("seed=" + "[" * 10_000, "nested too deeply"),
        ("seed=" + "9" * 5000, "5000 digits"),
        ("seed=012", "begins with 0"),
        ("seed=1:30", "seed"),
        ("seed=yes", "seed"),
        ("time.start=2022-06-31 00:00:00", "time.start"),
        ("time.start.year=1", "no such key"),
        ("runs.9.gain=1", "no such key"),
        ("runs." + "9" * 5000 + ".gain=1", "no such key"),
        ("runs.x.gain=1", "not one of"),
        ("a" * 5000 + "=1", "unknown key"),
        ("a." * 5000 + "b=1", "5001 levels"),
        ("seed={a: 1, a: 2}", "given twice"),
        ("seed=!!python/name:os.system", "tag"),
        ('name="\\0"', "not allowed"),
        ("=", "KEY=VALUE"),
    ],
)
def test_an_override_is_read_with_the_same_care(item: str, expected: str, tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text(BASE)
    with pytest.raises(ConfigError) as caught:
        load_config(file, parse_overrides([item]))
    assert expected in str(caught.value)
    assert len(str(caught.value)) < 2000


@pytest.mark.parametrize("item", ["boundary=[", "scales=yes", "scales=" + "9" * 5000, "boundary=reflect: x", "a.b.c=1"])
def test_an_option_of_the_transform_is_read_with_the_same_care(item: str) -> None:
    with pytest.raises(ConfigError, match="--set"):
        parse_frame([item])


def test_an_override_changes_one_of_two_that_share_an_alias(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text(BASE + "  - {method: pointwise, drift: &d {share: 0.1}}\n  - {method: smoothed, drift: *d}\n")
    config = load_config(file, {"runs.1.drift.share": 0.2})
    assert [run.drift.share for run in config.runs[1:]] == [0.2, 0.1]
