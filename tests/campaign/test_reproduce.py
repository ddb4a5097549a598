"""`landda study reproduce`: the papers' experiments in miniature, and the pages they make."""

from __future__ import annotations

import csv
import json
import re
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from landda_hpc.constants import SOIL_ZI
from landda_hpc.storage.series_files import read_day
from landda_hpc.studies.reproduction.bai2026 import write_page
from landda_hpc.studies.reproduction.campaign_data import CampaignData
from landda_hpc.studies.reproduction.experiment import BAI2026
from tests.campaign.conftest import CONFIG, Landda

SMALL: dict[str, Any] = {
    "time": {"start": "2022-06-02T00:00", "assimilation_end": "2022-06-03T00:00", "end": "2022-06-03T06:00"},
    "runs": [{"method": "control"}, {"method": "enkf_like", "members": 4}],
    "output": {"every_hours": 720, "figures": False, "series": {}},
    "verification": {"min_pairs": 4, "replicates": 60, "twin_stations": {"per_region": 20, "missing_fraction": 0.0}},
}


def figures_of(page: Path) -> list[Path]:
    """The pictures that a page shows; each must be there."""
    found = [
        page.parent / name for name in re.findall(r"\]\(((?:verification/)?figures/[^)]+\.png)\)", page.read_text())
    ]
    for path in found:
        assert path.stat().st_size > 5000, path
    return found


@pytest.fixture(scope="module")
def bai(tmp_path_factory: pytest.TempPathFactory) -> Landda:
    run = Landda(tmp_path_factory.mktemp("bai"))
    done = run(2, "reproduce", "bai2026", "--config", run.write(**SMALL), "-o", "out", timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "reproduction.md" in done.stdout
    assert not run.unknown_files()
    return run


@pytest.mark.verify
def test_the_page_of_bai2026_shows_what_a_twin_allows(bai: Landda) -> None:
    page = bai.folder / "out" / "reproduction.md"
    text = page.read_text()
    assert "A twin, not GLDAS-2.1" in text
    for number in (1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12):
        assert f"**Fig. {number}.**" in text, number
    assert "not here" not in text
    # Nine of the campaign; of stations two maps of scores, series and a day in China and in the United States.
    assert len(figures_of(page)) == 9 + 2 + 2 + 2
    assert "Grey bars: daily precipitation of the model (different from the truth's)." in text
    assert "**Stations of the twin**, not real ones" in text
    assert "K = 0.692" in text
    assert "the paper's time is 1 August 2022, 00:00 UTC" in text, "the page mentions the short calendar"


@pytest.mark.verify
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


@pytest.mark.verify
def test_the_table_of_stations_has_the_means_of_the_verification(bai: Landda) -> None:
    with (bai.folder / "out/verification/station_groups.csv").open() as file:
        rows = {
            (r["group"], r["run"], r["metric"]): r
            for r in csv.DictReader(file)
            if r["window"] == "assimilation" and r["kind"] == "region"
        }
    lines = (bai.folder / "out/reproduction.md").read_text().splitlines()
    for number, region, metric, what, published in (
        (9, "China", "r", "R", "0.153 | 0.425"),
        (9, "United States", "r", "R", "0.142 | 0.504"),
        (10, "China", "ubrmse", "ubRMSE", "0.061 | 0.051"),
    ):
        line = next(x for x in lines if x.startswith(f"| Fig. {number} | stations, {region}, 0-10 cm, mean {what} |"))
        control, mine = (float(rows[region, run, metric]["value"]) for run in ("control", "enkf_like"))
        assert re.search(
            rf"\| {re.escape(published)} \| {control:.3f}( \[.*\]†?)? \| {mine:.3f}( \[.*\]†?)? \| \d+ \|$", line
        )
    assert any(line.startswith("| Fig. 12 | stations of a day, China") for line in lines)


@pytest.mark.verify
def test_the_sections_are_where_the_change_is_largest(bai: Landda) -> None:
    """The size of the change in the caption is the largest mean of |analysis minus control| over 0-100 cm."""
    folder = bai.folder / "out" / "campaign"
    water = []
    for run in ("enkf_like", "control"):
        days = [read_day(folder / "series" / f"{run}_202206{day}.nc") for day in ("02", "03")]
        slices = {time: one for day in days for time, one in day.slices.items() if time <= datetime(2022, 6, 3)}
        water.append(np.stack([slices[time].soil_moisture for time in sorted(slices)]).astype(np.float64))
    n_layers = water[0].shape[1]
    thickness = np.diff(np.minimum(SOIL_ZI[: n_layers + 1], 1.0))
    mean = [(one * thickness[:, None]).sum(axis=1) / thickness.sum() for one in water]
    change = np.abs(mean[0] - mean[1]).mean(axis=0)
    caption = next(x for x in (bai.folder / "out/reproduction.md").read_text().splitlines() if "**Fig. 7.**" in x)
    assert "the cell of its kind where the change is largest" in caption
    found = re.findall(r"\((semi-desert|steppe|prairie|cool forest)\) (0\.\d+)", caption)
    sizes = {kind: float(size) for kind, size in found}
    assert set(sizes) == {"semi-desert", "steppe", "prairie", "cool forest"}
    for size in sizes.values():
        assert np.isclose(change, size, atol=5.1e-4).any() and size <= np.nanmax(change) + 5e-4
    text = (bai.folder / "out/reproduction.md").read_text()
    assert "**Number of stations.**" in text and "United States 20 (148 in the paper)" in text
    assert "with the model interpolated bilinearly to the stations" in text


@pytest.mark.verify
def test_layers_and_profiles_are_recorded(bai: Landda) -> None:
    folder = bai.folder / "out" / "campaign"
    lines = [json.loads(line) for line in (folder / "profiles.jsonl").read_text().splitlines()]
    assert len(lines) == 5 * 3 * 4, "cycles, instances, places"
    assert {line["run"] for line in lines} == {"nature", "control", "enkf_like"}
    assert all(len(line["water"]) == 10 and all(0.0 <= w <= 0.8 for w in line["water"]) for line in lines)
    for layer in ("0-10cm", "10-40cm", "40-100cm"):
        assert sorted(p.name for p in (folder / "images" / layer).iterdir()) == [
            f"{run}_202206{hour}.nc" for run in ("control", "enkf_like") for hour in ("02T06", "03T00")
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


@pytest.mark.verify
def test_a_campaign_without_the_images_says_what_is_missing(reference: dict[str, Any], tmp_path: Path) -> None:
    write_page(CampaignData(Path(reference["path"]), BAI2026), tmp_path / "page")
    text = (tmp_path / "page" / "reproduction.md").read_text()
    assert "**Fig. 7** (profiles over time and depth): not here." in text
    for number in (9, 10, 11, 12):
        assert re.search(rf"\*\*Fig\. {number}\*\* \(.*\): not here\. .* has no series", text), number
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
    done = landda.here("reproduce", "shen2024", "--config", file, "-o", "out")
    assert done.returncode == 0, done.stdout + done.stderr
    page = landda.folder / "out" / "reproduction.md"
    text = page.read_text()
    for number in (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 15, 16):
        assert f"**Fig. {number}.**" in text, number
    assert "**Fig. 14** (SCC against CLDAS): not here." in text
    assert (
        "Bars: hourly precipitation of the model (different from the truth's), mean over the domain" in text
        and not (page.parent / "verification").exists()
    )
    assert len(figures_of(page)) >= 18


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("bai2026", "--from", "nowhere"), "nowhere"),
        (("bai2026", "--from", "x", "--set", "seed=2"), "--from uses a finished campaign as it is"),
        (("shen2024", "--config", "tiny.yaml"), "no run of method var3d_image"),
        (("bai2026", "--config", "none.yaml"), "none.yaml"),
    ],
)
def test_what_cannot_be_reproduced_is_told(landda: Landda, arguments: tuple[str, ...], words: str) -> None:
    landda.write()
    done = landda.here("reproduce", *arguments, "-o", "out")
    assert done.returncode != 0
    assert words in " ".join((done.stdout + done.stderr).split())


def test_output_times_are_ends_of_cycles(landda: Landda) -> None:
    file = landda.write(output={**CONFIG["output"], "times": ["2022-06-02T07:00"]})
    done = landda.here("check", file)
    assert done.returncode != 0
    assert "not the end of a cycle" in " ".join((done.stdout + done.stderr).split())


@pytest.mark.verify
def test_profiles_are_the_same_bytes_on_any_number_of_ranks(bai: Landda, landda: Landda) -> None:
    done = landda.here("reproduce", "bai2026", "--config", landda.write(**SMALL), "-o", "out")
    assert done.returncode == 0, done.stderr
    one, two = (folder / "out" / "campaign" / "profiles.jsonl" for folder in (landda.folder, bai.folder))
    assert one.read_bytes() == two.read_bytes()
