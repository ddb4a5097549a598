"""What a person types and sees: every command, and every kind of bad input."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import pytest

from landda_hpc.constants import SOIL_DZ
from landda_hpc.grid import Grid, regular_grid
from tests.campaign.conftest import CONFIG, Landda


def write_image(path: Path, values: np.ndarray, grid: Grid, units: str = "m3 m-3") -> Path:
    """An image as a user would write it."""
    with netCDF4.Dataset(path, "w") as file:
        for name, axis, unit in (("lat", grid.lat, "degrees_north"), ("lon", grid.lon, "degrees_east")):
            file.createDimension(name, axis.size)
            file.createVariable(name, "f8", (name,))[:] = axis
            file[name].units = unit
        variable = file.createVariable("sm", "f8", ("lat", "lon"), fill_value=np.nan)
        variable.units = units
        variable[:] = values
    return path


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Landda:
    """A finished campaign with figures and restart files in ``out``."""
    run = Landda(tmp_path_factory.mktemp("finished"))
    file = run.write(
        runs=[{"method": "control"}, {"method": "enkf_like", "members": 4}],
        checkpoint={"every_hours": 18, "restarts": True},
        output={"every_hours": 12, "fields": ["background", "analysis", "increment", "innovation", "spread", "truth"]},
    )
    done = run(2, "run", file, "-o", "out")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Finished." in done.stdout
    assert not run.unknown_files()
    return run


def test_a_finished_campaign_leaves_what_it_promises(finished: Landda) -> None:
    out = finished.folder / "out"
    names = "config.yaml status.json scores.jsonl cycles.jsonl seconds.jsonl scores.csv scores.nc summary.md landda.log"
    names += " report.html"
    for name in (*names.split(), "figures/scores_truth.png", "figures/innovations.png"):
        assert (out / name).stat().st_size > 0, name
    assert not list(out.rglob("*.tmp"))
    cycles = [json.loads(line) for line in (out / "cycles.jsonl").read_text().splitlines()]
    analysed = [c for c in cycles if c["run"] == "enkf_like" and "water" in c]
    assert len(analysed) == 4
    for record in analysed:
        water = record["water"]
        total = water["applied"] + water["clipped_wet"] + water["clipped_dry"] + water["frozen"]
        assert abs(water["requested"] - total) < 1e-9
        assert 0.0 < record["gain_mean"] < 1.0
    with netCDF4.Dataset(next((out / "images").glob("enkf_like_20220602T12.nc"))) as file:
        assert set(file.variables) >= {
            "background",
            "analysis",
            "increment",
            "innovation",
            "spread",
            "truth",
            "lat_bnds",
        }
        difference = file["analysis"][:] - file["background"][:] - file["increment"][:]
        assert file.Conventions.startswith("CF-")
        assert np.abs(difference).max() < 1e-15  # what reached the soil, bounds included


def test_restart_files_hold_the_checkpoint(finished: Landda) -> None:
    from landda_hpc.storage.checkpoint import read_instance
    from landda_hpc.storage.restart_set import read_manifest, read_restart
    from landda_hpc.storage.retention import list_checkpoints

    out = finished.folder / "out"
    newest = list_checkpoints(out / "checkpoints")[-1][1]
    folder = sorted((out / "restart").glob("*/enkf_like"))[-1]
    n_tiles = read_manifest(folder).n_tiles
    state, saved = read_restart(folder, slice(0, n_tiles)), read_instance(newest, "enkf_like", slice(0, n_tiles))
    for name in state:
        assert state[name].tobytes() == saved[name].tobytes(), name
    with netCDF4.Dataset(sorted(folder.glob("*.nc"))[0]) as file:
        assert file["wliq_soisno"].dimensions == ("patch", "soilsnow")
        assert file.dimensions["soilsnow"].size == 5 + SOIL_DZ.size


def test_status_score_plot_digest_schema(finished: Landda) -> None:
    assert "finished" in finished.here("status", "out").stdout
    assert finished.here("status", "out", "--state").stdout.strip() == "finished"
    score = finished.here("score", "out")
    assert "assimilated reference" in score.stdout and "[B26]" not in score.stdout
    assert not any("[B26]" in page.read_text() for page in (finished.folder / "out").glob("*.md"))
    known = finished.here("score", "out", "--set", "verification.benchmarks=package:papers/bai2026.csv")
    assert "[B26] assimilation" in known.stdout and "[B26]: scores against GLDAS-2.1" in " ".join(known.stdout.split())
    (finished.folder / "out" / "summary.md").unlink()
    plot = finished.here("plot", "out")
    assert plot.returncode == 0 and "summary.md" in plot.stdout
    assert finished(1, "digest", "out").stdout.split()[0] == finished.digest("out")
    schema = json.loads(finished.here("schema").stdout)
    assert "cycle_hours" in json.dumps(schema)
    assert "[OPTIONS] COMMAND" in finished(1, "--help").stdout


@pytest.mark.verify
def test_check_answers_for_a_large_grid_by_a_count_on_a_coarser_one(landda: Landda) -> None:
    """26 million cells: the tiles themselves would take minutes and tens of gigabytes."""
    file = landda.write(grid={"n_lat": 3600, "n_lon": 7200}, runs=[{"method": "control"}])
    done = landda.here("check", file, "--ranks", "64")
    assert done.returncode == 0, done.stdout + done.stderr
    text = " ".join(done.stdout.split())
    assert "3600 x 7200 cells" in text and "by a count on 300 x 600 cells" in text
    tiles, cells = (int(text.split(" land cells")[0].split()[i]) for i in (-3, -1))
    assert 0.30 < cells / (3600 * 7200) < 0.36 and 1.0 < tiles / cells < 2.0


def test_check_says_what_it_will_take(landda: Landda) -> None:
    done = landda.here("check", landda.write(), "--ranks", "3")
    assert done.returncode == 0
    for word in ("can run", "tiles", "memory", "disk"):
        assert word in done.stdout


def test_run_refuses_a_used_folder_and_overwrite_replaces_it(finished: Landda) -> None:
    again = finished.here("run", "tiny.yaml", "-o", "out")
    assert again.returncode == 3 and "is not empty" in again.stderr and "--overwrite" in again.stderr


def test_resume_of_a_finished_campaign_changes_nothing(finished: Landda) -> None:
    before = finished.digest("out")
    done = finished.here("resume", "out", "--set", "output.figures=false")
    assert done.returncode == 0, done.stderr
    assert finished.digest("out") == before
    changed = finished.here("resume", "out", "--set", "seed=8")
    assert changed.returncode == 2 and "would change the trajectory" in changed.stderr


def test_ten_lines_of_python(tmp_path: Path) -> None:
    from landda_hpc.campaign import run_campaign
    from landda_hpc.config import parse_config

    config = parse_config({**CONFIG, "runs": [{"method": "control"}, {"method": "pointwise"}]})
    outcome = run_campaign(config, tmp_path / "out")
    assert outcome.finished and outcome.cycle == 6
    assert (tmp_path / "out" / "scores.csv").is_file()


@pytest.mark.parametrize(
    ("changes", "texts"),
    [
        ({"grid": {"n_lat": 32, "n_lonn": 64}}, ["grid.n_lonn: unknown key. Did you mean 'n_lon'?"]),
        ({"seed": "x", "time": {"start": "June"}}, ["problems in the configuration", "seed", "time.start"]),
        ({"observations": {"kind": "gldas", "path": "no/%Y.nc4"}}, ["no observation of GLDAS", "does not exist"]),
        ({"observations": {"kind": "gldas", "path": "../x"}}, ["expected a file pattern relative to data_root"]),
        ({"model": {"initial": "file", "initial_file": "none.nc", "spinup_days": 0}}, ["none.nc", "does not exist"]),
        ({"grid": {"n_lat": 32, "n_lon": 32, "south": -60, "north": -40, "west": 200, "east": 230}}, ["no cell"]),
    ],
)
@pytest.mark.parametrize(
    "ranks", [None, pytest.param(1, marks=pytest.mark.verify), pytest.param(2, marks=pytest.mark.verify)]
)
def test_bad_configurations_are_told_before_any_work(
    landda: Landda, changes: dict[str, object], texts: list[str], ranks: int | None
) -> None:
    """By `landda check` and, the verification tests say, in the same words by `landda run`."""
    file = landda.write(**changes)
    done = landda.here("check", file) if ranks is None else landda(ranks, "run", file, "-o", "out")
    assert done.returncode == 2, done.stdout + done.stderr
    message = " ".join(done.stderr.split())
    for text in texts:
        assert text in message, message
    assert "Traceback" not in message
    assert message.count("error:") <= 1 or ranks == 2
    assert not (landda.folder / "out" / "checkpoints").exists()


def test_ranks_agree_on_an_error_that_rank_0_finds(landda: Landda) -> None:
    done = landda(3, "run", landda.write(observations={"kind": "gldas", "path": "no/%Y.nc4"}), "-o", "out")
    assert done.returncode == 2 and done.stderr.count("no observation of GLDAS") == 1, done.stderr
    assert "Traceback" not in done.stderr


def test_missing_configuration_and_folder(landda: Landda) -> None:
    assert "experiments/" in landda(1, "run", "none.yaml").stderr
    done = landda.here("resume", "nowhere")
    assert done.returncode == 3 and "no campaign" in done.stderr
    assert landda.here("run").returncode == 2


class TestAnalyse:
    """`landda analyse BACKGROUND OBS`."""

    grid = regular_grid(24, 48)

    def images(self, folder: Path) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng(1)
        background = np.where(rng.random(self.grid.shape) < 0.6, rng.uniform(0.1, 0.4, self.grid.shape), np.nan)
        observation = background + rng.normal(0.0, 0.05, self.grid.shape)
        write_image(folder / "b.nc", background, self.grid)
        write_image(folder / "y.nc", observation, self.grid)
        return background, observation

    def test_exact_white_errors_give_the_blend(self, landda: Landda) -> None:
        background, observation = self.images(landda.folder)
        done = landda.here("analyse", "b.nc", "y.nc", "-o", "a.nc", "--exact")
        assert done.returncode == 0, done.stderr
        assert "0.6923" in done.stdout
        with netCDF4.Dataset(landda.folder / "a.nc") as file:
            analysis = np.ma.filled(file["analysis"][:].squeeze(), np.nan)
        np.testing.assert_allclose(analysis, background + 9 / 13 * (observation - background), atol=1e-12)

    @pytest.mark.parametrize(
        ("make", "text"),
        [
            (lambda b, g: (b, regular_grid(30, 48)), "--regrid bilinear"),
            (lambda b, g: (np.full(g.shape, np.nan), g), "missing"),
            (lambda b, g: (b + 50.0, g), "50"),
            (lambda b, g: (np.where(np.isnan(b), 0.2, np.nan), g), "no cell with values in both"),
        ],
    )
    def test_bad_observations(self, landda: Landda, make: object, text: str) -> None:
        background, _ = self.images(landda.folder)
        values, grid = make(background, self.grid)  # type: ignore[operator]
        values = np.resize(values, grid.shape)
        write_image(landda.folder / "bad.nc", values, grid)
        done = landda.here("analyse", "b.nc", "bad.nc")
        assert done.returncode == 2 and text in done.stderr, done.stderr
        assert "bad.nc" in done.stderr and "Traceback" not in done.stderr
        assert not (landda.folder / "analysis.nc").exists()

    def test_wrong_units_truncated_and_absent_files(self, landda: Landda) -> None:
        background, _ = self.images(landda.folder)
        write_image(landda.folder / "kg.nc", background, self.grid, units="kg m-2")
        (landda.folder / "cut.nc").write_bytes((landda.folder / "y.nc").read_bytes()[:3000])
        for name, text in (("kg.nc", "kg m-2"), ("cut.nc", "cut.nc"), ("none.nc", "does not exist")):
            done = landda.here("analyse", "b.nc", name)
            assert done.returncode == 2 and text in done.stderr and "Traceback" not in done.stderr, done.stderr
        assert "--members" in landda.here("analyse", "b.nc", "y.nc", "--members", "1").stderr


def test_check_lists_every_missing_file_and_bad_frame(landda: Landda) -> None:
    runs = [
        {"method": "control"},
        {"method": "adaptive_pointwise", "observation_std": "no/std.nc"},
        {"method": "var3d_point", "background_archive": "no/archive.nc"},
        {"method": "enkf_like", "members": 4, "frame": {"scales": 12}},
    ]
    file = landda.write(runs=runs)
    for done in (landda.here("check", file), landda.here("run", file, "-o", "out")):
        assert done.returncode == 2
        message = " ".join(done.stderr.split())
        for text in ("no/std.nc", "no/archive.nc", "run 'enkf_like', frame"):
            assert text in message, message
    assert not (landda.folder / "out").exists()


def test_resume_refuses_records_without_their_checkpoints(landda: Landda, reference: Mapping[str, Any]) -> None:
    out = landda.folder / "out"
    shutil.copytree(reference["path"], out)
    before = (out / "scores.jsonl").read_bytes()
    for path in (out / "checkpoints").iterdir():
        path.rename(landda.folder / path.name)
    done = landda.here("resume", "out")
    assert done.returncode == 3 and "no checkpoint" in done.stderr
    assert (out / "scores.jsonl").read_bytes() == before
    for path in landda.folder.glob("checkpoint_*.h5"):
        path.rename(out / "checkpoints" / path.name)
    (out / "cycles.jsonl").unlink()
    done = landda.here("resume", "out")
    assert done.returncode == 3 and "records are missing" in done.stderr
    refused = landda.here("resume", "out", "--set", "verification.min_soil_fraction=0.9")
    assert refused.returncode == 2 and "the definition of the scores of every cycle" in " ".join(refused.stderr.split())
    (out / "config.yaml").write_text("x: [")
    for done in (landda.here("status", "out"), landda.here("resume", "out"), landda.here("score", "out")):
        assert done.returncode == 2 and "not valid YAML" in done.stderr and "bug" not in done.stderr


def test_absurd_observations_are_told(landda: Landda) -> None:
    done = landda.here(
        "run",
        landda.write(observations={"kind": "twin", "missing_fraction": 1.0}, runs=[{"method": "pointwise"}]),
        "-o",
        "out",
    )
    assert done.returncode == 0
    assert "no observation of twin can be used" in " ".join(done.stderr.split())
