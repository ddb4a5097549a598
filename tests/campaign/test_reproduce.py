"""`landda reproduce`: the papers' experiments in miniature, and the pages they make."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.campaign.conftest import CONFIG, Landda

SMALL: dict[str, Any] = {
    "time": {"start": "2022-06-02T00:00", "assimilation_end": "2022-06-02T18:00", "end": "2022-06-03T06:00"},
    "runs": [{"method": "control"}, {"method": "enkf_like", "members": 4}],
    "output": {"every_hours": 720, "figures": False},
}


def figures_of(page: Path) -> list[Path]:
    """The pictures that a page shows; each must be there."""
    found = [page.parent / name for name in re.findall(r"\]\((figures/[^)]+\.png)\)", page.read_text())]
    for path in found:
        assert path.stat().st_size > 5000, path
    return found


@pytest.fixture(scope="module")
def bai(tmp_path_factory: pytest.TempPathFactory) -> Landda:
    run = Landda(tmp_path_factory.mktemp("bai"))
    done = run(2, "reproduce", "bai2026", "--config", run.write(**SMALL), "-o", "out")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "reproduction.md" in done.stdout
    return run


def test_the_page_of_bai2026_shows_what_a_twin_allows(bai: Landda) -> None:
    page = bai.folder / "out" / "reproduction.md"
    text = page.read_text()
    assert "A twin, not GLDAS-2.1" in text
    for number in (1, 3, 4, 5, 6, 7, 8):
        assert f"**Fig. {number}.**" in text, number
    for number in (9, 10, 11, 12):
        assert re.search(rf"\*\*Fig\. {number}\*\* \(.*\): not here\.", text), number
    assert len(figures_of(page)) == 9
    assert "K = 0.692" in text
    assert "the paper's is 1 August 2022, 00:00 UTC" in text, "the short calendar is told"
    assert text.count("not possible: no station data") == 16


def test_the_table_has_the_scores_of_the_campaign(bai: Landda) -> None:
    records = [json.loads(line) for line in (bai.folder / "out/campaign/scores.jsonl").read_text().splitlines()]
    mine = [
        r["scc"]
        for r in records
        if r["run"] == "control"
        and r["reference"] == "truth"
        and r["layer"] == "0-10 cm"
        and r["window"] == "assimilation"
    ]
    row = next(
        line for line in (bai.folder / "out/reproduction.md").read_text().splitlines() if "surface SCC, control" in line
    )
    assert f"| 0.4 to 0.45 | {sum(mine) / len(mine):.3f} |" in row


def test_layers_and_profiles_are_recorded(bai: Landda) -> None:
    folder = bai.folder / "out" / "campaign"
    lines = [json.loads(line) for line in (folder / "profiles.jsonl").read_text().splitlines()]
    assert len(lines) == 5 * 3 * 4, "cycles, instances, places"
    assert {line["run"] for line in lines} == {"nature", "control", "enkf_like"}
    assert all(len(line["water"]) == 10 and all(0.0 <= w <= 0.8 for w in line["water"]) for line in lines)
    for layer in ("0-10cm", "10-40cm", "40-100cm"):
        assert sorted(p.name for p in (folder / "images" / layer).iterdir()) == [
            f"{run}_20220602T{hour}.nc" for run in ("control", "enkf_like") for hour in ("06", "18")
        ]


@pytest.mark.verify
def test_a_finished_campaign_is_not_run_again(bai: Landda) -> None:
    scores = bai.folder / "out" / "campaign" / "scores.jsonl"
    before = scores.stat().st_mtime_ns
    again = bai(1, "reproduce", "bai2026", "--from", "out/campaign", "-o", "again")
    assert again.returncode == 0, again.stderr
    assert scores.stat().st_mtime_ns == before
    first, second = ((bai.folder / name / "reproduction.md").read_text() for name in ("out", "again"))
    assert first == second


def test_a_campaign_without_the_images_says_what_is_missing(reference: dict[str, Any], landda: Landda) -> None:
    done = landda(1, "reproduce", "bai2026", "--from", reference["path"], "-o", "page")
    assert done.returncode == 0, done.stderr
    text = (landda.folder / "page" / "reproduction.md").read_text()
    assert "**Fig. 7** (profiles over time and depth): not here." in text
    assert "**Fig. 8.**" in text


@pytest.mark.verify
def test_the_page_of_shen2024(landda: Landda) -> None:
    grid = {"n_lat": 32, "n_lon": 31, "south": 22.5, "north": 67.5, "west": 73.125, "east": 116.71875}
    file = landda.write(
        time={"start": "2016-05-01T00:00", "assimilation_end": "2016-05-02T00:00", "end": "2016-05-02T12:00"},
        grid=grid,
        observations={"kind": "twin", "depth_m": [0.0, 0.07]},
        runs=[{"method": "control"}, {"method": "var3d_image"}],
        verification={"depths_m": [[0.0, 0.07], [0.07, 0.28]]},
        output={"every_hours": 720, "figures": False},
    )
    done = landda(1, "reproduce", "shen2024", "--config", file, "-o", "out")
    assert done.returncode == 0, done.stdout + done.stderr
    page = landda.folder / "out" / "reproduction.md"
    text = page.read_text()
    for number in (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 15, 16):
        assert f"**Fig. {number}.**" in text, number
    assert "**Fig. 14** (SCC against CLDAS): not here." in text
    assert len(figures_of(page)) >= 18


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("bai2026", "--from", "nowhere"), "nowhere"),
        (("bai2026", "--from", "x", "--set", "seed=2"), "--from takes a finished campaign as it is"),
        (("shen2024", "--config", "tiny.yaml"), "no run of method var3d_image"),
        (("bai2026", "--config", "none.yaml"), "none.yaml"),
    ],
)
def test_what_cannot_be_reproduced_is_told(landda: Landda, arguments: tuple[str, ...], words: str) -> None:
    landda.write()
    done = landda(1, "reproduce", *arguments, "-o", "out")
    assert done.returncode != 0
    assert words in " ".join((done.stdout + done.stderr).split())


def test_output_times_are_ends_of_cycles(landda: Landda) -> None:
    file = landda.write(output={**CONFIG["output"], "times": ["2022-06-02T07:00"]})
    done = landda(1, "check", file)
    assert done.returncode != 0
    assert "not the end of a cycle" in " ".join((done.stdout + done.stderr).split())


@pytest.mark.verify
def test_profiles_are_the_same_bytes_on_any_number_of_ranks(bai: Landda, landda: Landda) -> None:
    done = landda(1, "reproduce", "bai2026", "--config", landda.write(**SMALL), "-o", "out")
    assert done.returncode == 0, done.stderr
    one, two = (folder / "out" / "campaign" / "profiles.jsonl" for folder in (landda.folder, bai.folder))
    assert one.read_bytes() == two.read_bytes()
