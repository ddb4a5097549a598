"""Stations in a campaign: the same bits on any ranks and after a resume, withheld ones, scores, a figure."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from landda_hpc.config import parse_config
from landda_hpc.evaluation.station_sources import withheld_cells
from landda_hpc.instances.domain import make_domain
from landda_hpc.verification.tables.score_records import ASSIMILATED_STATIONS, WITHHELD_STATIONS
from tests.campaign.conftest import CONFIG, Landda
from tests.campaign.test_referee import write_stations
from tests.configured import stations_of

TWIN = {"kind": "twin", "number": 120, "representativeness_std": 0.02, "withheld_fraction": 0.4}
FRAME = {"angles_coarse": 8, "scales": 2}
POINTS = {"cutoff_km": 2500.0}
MEMBERS = {"members": 4, "wetness_sigma": 0.1, "parameters": {"sand_sigma": 10.0}}
RUNS: list[dict[str, Any]] = [
    {"method": "control"},
    {"method": "pointwise", "gain": 0.3},
    {"method": "hybrid", "image": {"method": "pointwise", "gain": 0.3}, "points": POINTS},
    {"method": "hybrid", "name": "coherent", "image": {"method": "learned", "frame": FRAME},
     "points": {**POINTS, "regions": "coherent", "threshold": 0.5}},
    {"method": "hybrid", "name": "pixels", "image": {"method": "per_wedge", "frame": FRAME}, "scales": [1],
     "points": {"source": "pixels", "cutoff_km": 1.0}},
    {"method": "hybrid", "name": "members", "image": {"method": "letkf", "frame": FRAME}, "points": POINTS,
     "depth": {"kind": "ensemble"}, "ensemble": MEMBERS},
]  # fmt: skip


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The campaign on one rank, and its digest."""
    run = Landda(tmp_path_factory.mktemp("hybrid"))
    output = {"every_hours": 12, "fields": ["increment"], "figures": False}
    done = run.here("run", run.write(stations=TWIN, runs=RUNS, output=output), "-o", "out")
    assert done.returncode == 0, done.stdout + done.stderr
    return run.folder / "out", run.digest("out")


@pytest.mark.verify
@pytest.mark.parametrize("ranks", [2, pytest.param(3, marks=pytest.mark.verify)])
def test_the_same_bits_on_more_ranks_and_after_a_resume(landda: Landda, one: tuple[Path, str], ranks: int) -> None:
    output = {"every_hours": 12, "fields": ["increment"], "figures": False}
    done = landda(ranks, "run", landda.write(stations=TWIN, runs=RUNS, output=output), "-o", "more")
    assert done.returncode == 0, done.stdout + done.stderr
    assert landda.digest("more") == one[1]
    for newest in sorted((landda.folder / "more" / "checkpoints").glob("checkpoint_*.h5"))[-2:]:
        newest.unlink()
    done = landda(5 - ranks, "resume", "more")
    assert done.returncode == 0, done.stdout + done.stderr
    assert landda.digest("more") == one[1]
    for name in ("cycles.jsonl", "scores.jsonl"):
        assert (landda.folder / "more" / name).read_bytes() == (one[0] / name).read_bytes()


def test_scores_at_assimilated_and_withheld_stations_are_apart(one: tuple[Path, str]) -> None:
    scores = [json.loads(line) for line in (one[0] / "scores.jsonl").read_text().splitlines()]

    def ubrmse(run: str, reference: str, stage: str = "analysis") -> float:
        found = [s["ubrmse"] for s in scores if (s["run"], s["reference"], s["stage"]) == (run, reference, stage)]
        return float(np.mean(found))

    cells = {s["reference"]: s["n_cells"] for s in scores if s["run"] == "hybrid" and s["stage"] == "background"}
    assert 30 < cells[WITHHELD_STATIONS] < cells[ASSIMILATED_STATIONS] < 90
    assert ubrmse("hybrid", ASSIMILATED_STATIONS) < 0.6 * ubrmse("pointwise", ASSIMILATED_STATIONS)
    assert ubrmse("pixels", WITHHELD_STATIONS) < ubrmse("control", WITHHELD_STATIONS, "forecast")
    page = (one[0] / "summary.md").read_text()
    assert "Scores against the withheld stations" in page and "Scores against the assimilated stations" in page


def test_regions_are_images_and_outlined_in_the_maps(one: tuple[Path, str], landda: Landda) -> None:
    with xr.open_dataset(sorted((one[0] / "images").glob("coherent_*.nc"))[0]) as images:
        regions = images["regions"].values
    assert np.nanmax(regions) >= 1
    with xr.open_dataset(sorted((one[0] / "images").glob("hybrid_*.nc"))[0]) as images:
        assert "regions" not in images
    done = landda.here(
        "plot",
        one[0],
        "--run",
        "coherent",
        "--variable",
        "increment",
        "--time",
        "2022-06-02T12",
        "-o",
        landda.folder / "maps",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert list((landda.folder / "maps").glob("*.png"))


@given(st.integers(0, 2**31), st.floats(0.0, 1.0), st.integers(1, 150))
@settings(max_examples=15, deadline=None)
def test_withheld_stations_are_never_assimilated(seed: int, fraction: float, number: int) -> None:
    asked = {**TWIN, "withheld_fraction": fraction, "number": number}
    config = parse_config({**CONFIG, "stations": asked, "seed": seed})
    source = stations_of(config, DOMAIN)
    assert source is not None
    found = source.at(config.time.analyses[0], np.full(DOMAIN.grid.shape, 0.3))
    assert found is not None
    kept = found.reject(source.withheld, 10)
    assert not np.isfinite(kept.values[source.withheld]).any()
    np.testing.assert_array_equal(kept.is_used | kept.is_withheld, found.is_used)
    # A station's draw does not depend on the others: fewer stations change no decision.
    names = {cell: [f"twin/{cell:07d}"] for cell in range(number)}
    some = dict(list(names.items())[: number // 2])
    assert set(withheld_cells(some, seed, fraction)) == set(withheld_cells(names, seed, fraction)) & set(some)
    assert withheld_cells(names, seed, 1.0).size == number and not withheld_cells(names, seed, 0.0).size


DOMAIN = make_domain(parse_config(CONFIG), 1)


def test_stations_of_files_share_the_decision_of_their_cell(tmp_path: Path) -> None:
    write_stations(tmp_path / "stations.csv")
    asked = {"kind": "stations", "entry": "network", "accept": ["G", "U"], "error_std": 0.03}
    catalogue = {"network": {"product": "cma_csv", "path": "stations.csv"}}
    config = parse_config({**CONFIG, "stations": asked, "catalogue": catalogue, "data_root": str(tmp_path)})
    source = stations_of(config, DOMAIN)
    assert source is not None
    found = source.at(config.time.valid_time(config.time.n_cycles))
    assert found is not None and found.error_std is not None
    seen = np.isfinite(found.values)
    total = np.hypot(0.03, 0.06)
    np.testing.assert_allclose(np.sort(found.error_std[seen]), [total / np.sqrt(2.0), total])  # two in one cell
    names = {1: ["net/b", "net/a"], 2: ["net/a"]}
    assert len({1, 2} & set(withheld_cells(names, 3, 0.5).tolist())) in (0, 2)


def test_the_table_of_stations_keeps_withheld_ones_apart(landda: Landda) -> None:
    write_stations(landda.folder / "stations.csv")
    common = {"entry": "network", "accept": ["G", "U"]}
    file = landda.write(
        catalogue={"network": {"product": "cma_csv", "path": "stations.csv"}},
        stations={**common, "kind": "stations", "withheld_fraction": 0.5},
        runs=[{"method": "control"}, {"method": "hybrid", "image": {"method": "pointwise"}}],
        data_root=str(landda.folder),
        output={"series": {}, "figures": False},
        verification={"stations": [common], "min_pairs": 4},
    )
    done = landda.here("run", file, "-o", "out")
    assert done.returncode == 0, done.stdout + done.stderr
    scored = landda.here("score", "out", "--no-figures")
    assert scored.returncode == 0, scored.stdout + scored.stderr
    with next((landda.folder / "out").rglob("station_groups.csv")).open() as file:
        groups = {line["group"]: line["n_places"] for line in csv.DictReader(file)}
    assert groups == {"CMA, assimilated": "2", "CMA, withheld": "1", "all stations": "3"}


def test_check_finds_a_scale_that_the_grid_lacks(landda: Landda) -> None:
    runs = [{"method": "hybrid", "image": {"method": "pointwise"}, "scales": [1, 8]}]
    done = landda.here("check", landda.write(stations=TWIN, runs=runs), "--no-trial")
    assert done.returncode != 0
    assert "scales: found 8; the frame of this grid has the scales 1 to" in " ".join(done.stderr.split())
