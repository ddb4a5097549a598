"""Records that are deleted, cut short or changed: every file for every cycle, at a resume and before tables."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from landda_hpc.campaign.cycle import Campaign
from landda_hpc.campaign.record_check import require_records
from landda_hpc.campaign.start import resume_campaign, run_campaign
from landda_hpc.config import parse_config
from landda_hpc.errors import StorageError
from landda_hpc.parallel.communicator import SerialCommunicator
from landda_hpc.storage.checkpoint import digest, read_header
from landda_hpc.storage.record_inventory import KEY, describe_cycles
from landda_hpc.storage.retention import list_checkpoints
from tests.campaign.conftest import CONFIG, Landda

RUNS = [{"method": "control"}, {"method": "adaptive_pointwise"}]
EVERYTHING: dict[str, Any] = {
    "every_hours": 12, "figures": False, "layers": True, "profiles": [[40.0, -100.0], [50.0, 20.0]],
    "series": {"to_depth_m": 0.3},
}  # fmt: skip
JSON_LINES = ("scores.jsonl", "cycles.jsonl", "profiles.jsonl")
FILES = (
    "images/control_20220602T12.nc", "images/10-40cm/adaptive_pointwise_20220603T00.nc", "feedback/20220602T1800.nc",
    "series/control_20220602.nc", "series/nature_20220603.nc",
)  # fmt: skip
"""Of every kind; the series of the second day is that of the newest checkpoint's."""


def campaign(keep_last: int) -> dict[str, Any]:
    observations = {**CONFIG["observations"], "feedback": True}
    checkpoint = {"every_hours": 6, "keep_last": keep_last}
    return {**CONFIG, "runs": RUNS, "output": EVERYTHING, "observations": observations, "checkpoint": checkpoint}


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished campaign of six cycles with every kind of record and all of its checkpoints."""
    out = tmp_path_factory.mktemp("records") / "out"
    assert run_campaign(parse_config(campaign(99)), out).finished
    return out


@pytest.fixture
def out(reference: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(reference, tmp_path / "out"))


def keep_only(out: Path, *cycles: int) -> None:
    for cycle, path in list_checkpoints(out / "checkpoints"):
        if cycle not in cycles:
            path.unlink()


def resume(out: Path, **options: Any) -> Campaign:
    campaign = resume_campaign(out, SerialCommunicator(), **options)
    campaign.folder.unlock()
    return campaign


def delete(path: Path) -> None:
    path.unlink()


def cut_short(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: 2 * len(content) // 3])


def change(path: Path) -> None:
    """One character of a value: the file can still be parsed."""
    content = bytearray(path.read_bytes())
    place = max(i for i in range(len(content) // 2) if chr(content[i]) in "1234")
    content[place] += 1
    path.write_bytes(bytes(content))


def without_lines(first: int, last: int) -> Callable[[Path], None]:
    def remove(path: Path) -> None:
        lines = path.read_bytes().splitlines(keepends=True)
        keep = [line for line in lines if not any(b'"cycle": %d,' % c in line for c in range(first, last + 1))]
        assert len(keep) < len(lines)
        path.write_bytes(b"".join(keep))

    return remove


@pytest.mark.parametrize(
    ("name", "damage", "said"),
    [
        *((name, delete, f"{name} is missing") for name in JSON_LINES),
        *((name, cut_short, rf"{name} lacks cycles . to 6 \(") for name in JSON_LINES),
        *((name, without_lines(2, 3), rf"{name} lacks cycles 2 to 3 \(") for name in JSON_LINES),
        *((name, without_lines(6, 6), rf"{name} lacks cycle 6 \(") for name in JSON_LINES),
        *((name, change, f"{name} was changed") for name in JSON_LINES),
        *((name, delete, f"1 is missing, of cycle.*{Path(name).name}") for name in FILES),
        *((name, cut_short, f"1 is truncated or changed, of cycle.*{Path(name).name}") for name in FILES),
    ],
)
def test_a_record_file_that_is_damaged_is_found(
    out: Path, name: str, damage: Callable[[Path], None], said: str
) -> None:
    """With one checkpoint left the campaign cannot be resumed; the error says what is missing, and nothing changes."""
    keep_only(out, 6)
    damage(out / name)
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file() and path.name != ".lock"}
    with pytest.raises(StorageError, match=f"(?s)records are missing.*{said}.*--accept-gaps"):
        resume(out)
    assert {path: path.read_bytes() for path in before} == before


@pytest.mark.parametrize("damage", [delete, cut_short, without_lines(2, 3)])
def test_timings_are_no_part_of_the_result(
    out: Path, damage: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    keep_only(out, 6)
    damage(out / "seconds.jsonl")
    assert resume(out).cycle == 6
    assert "seconds.jsonl" in caplog.text


@pytest.mark.parametrize(
    ("name", "damage", "cycle"),
    [
        ("images/control_20220603T00.nc", delete, 3),
        *(
            pytest.param(*case, marks=pytest.mark.verify)
            for case in (
                ("scores.jsonl", without_lines(3, 4), 2),
                ("profiles.jsonl", delete, 0),
                ("series/control_20220603.nc", delete, 3),
            )
        ),
    ],
)
def test_what_an_earlier_checkpoint_covers_is_computed_again(
    out: Path, reference: Path, name: str, damage: Callable[[Path], None], cycle: int
) -> None:
    damage(out / name)
    campaign = resume_campaign(out, SerialCommunicator())
    assert campaign.cycle == cycle
    campaign.run()
    campaign.folder.unlock()
    assert digest(list_checkpoints(out / "checkpoints")[-1][1]) == digest(
        list_checkpoints(reference / "checkpoints")[-1][1]
    )
    for file in JSON_LINES:
        assert (out / file).read_bytes() == (reference / file).read_bytes(), file
    assert {p.relative_to(out) for p in out.rglob("*.nc")} == {
        p.relative_to(reference) for p in reference.rglob("*.nc")
    }
    assert resume(out).cycle == 6


@pytest.mark.verify
def test_gaps_that_are_accepted_stay_known(out: Path) -> None:
    keep_only(out, 4)
    without_lines(2, 2)(out / "scores.jsonl")
    (out / "images/control_20220602T12.nc").unlink()
    with pytest.raises(StorageError, match="records are missing"):
        resume(out)
    campaign = resume_campaign(out, SerialCommunicator(), accept_gaps=True)
    assert campaign.cycle == 4
    campaign.run()
    campaign.folder.unlock()
    gaps = require_records(campaign.folder)
    assert len(gaps) == 2 and "scores.jsonl lacks cycle 2" in gaps[0] and "control_20220602T12.nc" in gaps[1]
    assert resume(out).cycle == 6  # the gaps are known: nothing more is missing
    without_lines(3, 3)(out / "scores.jsonl")
    with pytest.raises(StorageError, match=r"scores\.jsonl lacks cycle 3"):
        resume(out)


def test_records_of_an_earlier_version_are_read(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its checkpoints have no inventory: every cycle must be in scores.jsonl and cycles.jsonl."""
    keep_only(out, 6)

    def without_inventory(path: Path) -> Any:
        header = read_header(path)
        header.records.pop(KEY, None)
        return header

    for module in ("record_check", "start"):
        monkeypatch.setattr(f"landda_hpc.campaign.{module}.read_header", without_inventory)
    monkeypatch.setattr("landda_hpc.storage.retention.verify", without_inventory)
    assert resume(out).cycle == 6
    for name in ("scores.jsonl", "cycles.jsonl"):
        whole = (out / name).read_bytes()
        without_lines(3, 5)(out / name)
        with pytest.raises(StorageError, match=f"{name} lacks lines of cycles 3 to 5"):
            resume(out)
        (out / name).write_bytes(whole)


def test_tables_are_not_made_of_incomplete_records(out: Path, tmp_path: Path) -> None:
    landda = Landda(tmp_path)
    without_lines(2, 5)(out / "scores.jsonl")
    done = landda.here("score", "out")
    assert done.returncode == 3 and "scores.jsonl lacks cycles 2 to 5" in done.stderr and not done.stdout
    done = landda.here("score", "out", "--accept-gaps")
    assert done.returncode == 0 and "missing: scores.jsonl lacks cycles 2 to 5" in done.stderr
    assert "adaptive_pointwise" in done.stdout


def test_damage_after_the_checkpoint_is_computed_again(out: Path, reference: Path) -> None:
    """Lines beyond the checkpoint go at a resume, whatever state they are in."""
    keep_only(out, 4)
    with (out / "scores.jsonl").open("ab") as file:
        file.write(b"\x00\xff not JSON\n{}\n")
    campaign = resume_campaign(out, SerialCommunicator())
    campaign.run()
    campaign.folder.unlock()
    assert (out / "scores.jsonl").read_bytes() == (reference / "scores.jsonl").read_bytes()


def test_cycles_in_words() -> None:
    assert describe_cycles([4]) == "cycle 4"
    assert describe_cycles([5, 3, 4, 9]) == "cycles 3 to 5 and 9"
    assert describe_cycles(range(0, 40, 2)) == "cycles 0, 2, 4, 6, 8 and 15 further groups"
