"""3D-Var from the command line: its campaign, `landda study archive`, `landda analyse` with every method, Fig. 8."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import pytest

from landda_hpc.analysis.background_archive import read_archive
from landda_hpc.config import METHODS
from landda_hpc.formats.own.wedge_spectra import read_wedge_spectrum
from landda_hpc.formats.products.image_series import open_image_series
from landda_hpc.grid import regular_grid
from landda_hpc.regions import named_regions
from landda_hpc.studies.reproduction.paper_regions import INSIDE_CHINA
from landda_hpc.verification.tables.score_records import TRUTH, UNOBSERVED_TRUTH
from tests.campaign.conftest import Landda, assert_same
from tests.unit.formats.test_image_series import VALUES, write_series

ROOT = Path(__file__).resolve().parents[2]
REGION = {"n_lat": 32, "n_lon": 31, "south": 22.5, "north": 67.5, "west": 73.125, "east": 116.71875}
GRID = regular_grid(32, 31, south=22.5, north=67.5, west=73.125, east=116.71875)


ANALYSING = [name for name in METHODS if METHODS[name].assimilates and not METHODS[name].needs_ensemble]
"""Every method that a campaign's run may have."""


IN_CHINA = {"name": "China", "file": "package:papers/china.geojson", "std": 0.3}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Landda:
    """A small campaign of 3D-Var in the paper's domain, errors large inside China, in ``out``."""
    run = Landda(tmp_path_factory.mktemp("var3d"))
    file = run.write(
        time={"start": "2016-07-01T00:00", "assimilation_end": "2016-07-03T00:00", "end": "2016-07-03T12:00"},
        grid=REGION,
        observations={"kind": "twin", "depth_m": [0.0, 0.07], "error_std": 0.01, "error_std_regions": [IN_CHINA]},
        runs=[
            {"method": "control"},
            {"method": "var3d_point", "observation_std": 0.01, "observation_std_regions": [IN_CHINA]},
            {"method": "var3d_image"},
        ],
        output={"every_hours": 6, "figures": False,
                "fields": ["background", "analysis", "innovation", "observation", "truth"]},
        verification={"depths_m": [[0.0, 0.07], [0.07, 0.28]], "discard_days": 1},
    )  # fmt: skip
    done = run.here("run", file, "-o", "out")
    assert done.returncode == 0, done.stdout + done.stderr
    return run


@pytest.mark.verify
def test_the_minimisation_is_drawn_and_the_first_days_are_left_out(finished: Landda) -> None:
    out = finished.folder / "out"
    figure = out / "figures" / "minimisation.png"
    done = finished.here("plot", "out")
    assert done.returncode == 0 and figure.stat().st_size > 0, done.stderr
    page = (out / "summary.md").read_text()
    # drawn: the first analysis after the discarded days
    assert "Minimisation of 3D-Var, 2016-07-02 00:00 UTC" in page
    assert "The tables exclude times before 2016-07-02 00:00." in page
    line = next(line for line in page.splitlines() if "| 0-7 cm | assimilation | control | forecast" in line)
    assert line.split("|")[-3].strip() == "5"  # of 8 times from 2 July 00 UTC on
    score = finished.here("score", "out")
    assert "The means exclude times before 2016-07-02 00:00:00" in score.stdout


def test_observations_have_the_errors_of_the_map(finished: Landda) -> None:
    errors = []
    for path in sorted((finished.folder / "out/images").glob("control_*.nc")):
        observation, truth = (
            open_image_series([path], name, (-3.0, 3.0))[0].values for name in ("observation", "truth")
        )
        errors.append(observation - truth)
    (china,) = named_regions((INSIDE_CHINA,), Path())
    inside = china.mask(GRID)
    stack = np.array(errors)
    assert abs(float(np.nanstd(stack[:, inside])) - 0.30) < 0.02
    assert abs(float(np.nanstd(stack[:, ~inside])) - 0.01) < 0.001


def test_an_archive_of_the_control(finished: Landda) -> None:
    done = finished.here("archive", "b.nc", "--campaign", "out", "--wedges", "w.csv", "--observation-std", "0.05")
    assert done.returncode == 0, done.stderr
    assert "innovations of run control" in done.stdout
    archive = read_archive(finished.folder / "b.nc", GRID)
    files = sorted((finished.folder / "out/images").glob("control_*.nc"))
    innovation = np.array([open_image_series([p], "innovation", (-3.0, 3.0))[0].values for p in files])
    known = np.isfinite(innovation).all(axis=0)
    np.testing.assert_allclose(archive.mean[0][known], -innovation.mean(axis=0)[known], atol=1e-12)
    np.testing.assert_allclose(archive.variance[0][known], innovation.var(axis=0, ddof=1)[known], rtol=1e-9, atol=1e-12)
    scale, _, variance = read_wedge_spectrum(finished.folder / "w.csv")
    assert scale.max() >= 1 and variance.min() >= 0.0 < variance.max()
    # the run that reads both
    config = finished.write(
        "again.yaml", grid=REGION, data_root=str(finished.folder),
        time={"start": "2016-07-01T00:00", "assimilation_end": "2016-07-01T06:00", "end": "2016-07-01T06:00"},
        runs=[{"method": "var3d_image", "background_archive": "b.nc"},
              {"method": "per_wedge", "background_errors": {"kind": "climatological", "file": "w.csv"}}],
    )  # fmt: skip
    again = finished.here("run", config, "-o", "again")
    assert again.returncode == 0, again.stdout + again.stderr


LAYERED = [
    {"method": "control"},
    {"method": "var3d_point", "layers": "upper_three"},
    {"method": "var3d_image", "layers": "upper_three", "drift": {"settle_days": 0.0},
     "depth": {"kind": "regression", "file": "vertical.nc"}},
    {"method": "var3d_image", "name": "as_one"},
    {"method": "var3d_point", "name": "nothing_seen", "layers": "upper_three",
     "background_std": 1e-6, "observation_std": 1.0},
]  # fmt: skip


def write_layered(run: Landda, slopes: Path, name: str = "layers.yaml", **changes: object) -> Path:
    settings: dict[str, object] = {
        "time": {"start": "2016-07-01T00:00", "assimilation_end": "2016-07-02T00:00", "end": "2016-07-02T06:00"},
        "grid": REGION,
        "data_root": str(slopes),
        "observations": {"kind": "twin", "depth_m": [0.0, 0.07], "error_std": 0.04, "missing_fraction": 0.2},
        "runs": LAYERED,
        "checkpoint": {"every_hours": 24},
        "output": {"every_hours": 6, "figures": False, "fields": ["innovation", "innovation_layers", "increment"]},
        "verification": {"unobserved": True},
    }
    return run.write(name, **{**settings, **changes})


@pytest.fixture(scope="module")
def layered(tmp_path_factory: pytest.TempPathFactory) -> Landda:
    """A campaign that analyses layers 1-3 one by one, on one rank, in ``out``."""
    run = Landda(tmp_path_factory.mktemp("layers"))
    file = write_layered(run, run.folder, "slopes.yaml", runs=[{"method": "control"}])
    done = run.here("regress", file, "--output", "vertical.nc", "--pairs", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    done = run.here("run", write_layered(run, run.folder), "-o", "out", "--verbose")
    assert done.returncode == 0, done.stdout + done.stderr
    return run


@pytest.mark.verify
class TestLayersOneByOne:
    """`layers: upper_three` in the cycle."""

    @staticmethod
    def records(run: Landda, name: str) -> list[dict[str, Any]]:
        lines = (run.folder / "out/cycles.jsonl").read_text().splitlines()
        return [r for r in map(json.loads, lines) if r["run"] == name]

    @pytest.mark.verify
    def test_the_innovations_of_each_layer_are_told(self, layered: Landda) -> None:
        records = self.records(layered, "var3d_point")
        assert [len(r.get("layers", ())) for r in records] == [3, 3, 3, 3, 0]
        for record in records[:4]:
            stds = [layer["innovation_std"] for layer in record["layers"]]
            assert len(set(stds)) == 3  # each layer has its own background
            assert record["cost"][0] == pytest.approx(sum(layer["cost"][0] for layer in record["layers"]))
            for layer in record["layers"]:
                assert layer["n_observations"] == record["n_observations"] > 300
                assert layer["residual_std"] < 0.7 * layer["innovation_std"]
        assert all("layers" not in r for name in ("control", "as_one") for r in self.records(layered, name))
        log = (layered.folder / "out/landda.log").read_text()
        assert "1 var3d_image, layer 3: " in log and " O-A " in log

    def test_each_layer_takes_its_own_increment(self, layered: Landda) -> None:
        """K = 0.16^2 / (0.16^2 + 0.10^2) of each layer's own innovation, before bounds: the first analysis."""
        first = self.records(layered, "var3d_point")[0]
        gain = 0.16**2 / (0.16**2 + 0.1**2)
        for layer in first["layers"]:
            assert layer["gain_mean"] == pytest.approx(gain, abs=1e-9)
            expected = (1.0 - gain) * layer["innovation_std"]
            assert layer["residual_std"] == pytest.approx(expected, rel=0.1)  # bounds and soil that has no room

    def test_cells_without_observation_are_scored_apart(self, layered: Landda) -> None:
        """A fifth of the cells: with separate errors, since point analyses leave them to the model."""
        lines = (layered.folder / "out/scores.jsonl").read_text().splitlines()
        first = [r for r in map(json.loads, lines) if r["cycle"] == 1 and r["layer"] == "0-10 cm"]
        scores = {(r["run"], r["stage"], r["reference"]): r for r in first}
        unseen = scores["var3d_point", "analysis", UNOBSERVED_TRUTH]
        assert unseen["n_cells"] == pytest.approx(0.2 * scores["var3d_point", "analysis", TRUTH]["n_cells"], rel=0.3)
        assert unseen["ubrmse"] == scores["var3d_point", "background", UNOBSERVED_TRUTH]["ubrmse"]
        assert unseen["ubrmse"] > 1.2 * scores["var3d_point", "analysis", TRUTH]["ubrmse"]
        assert scores["as_one", "analysis", UNOBSERVED_TRUTH]["ubrmse"] < unseen["ubrmse"]  # images reach into gaps

    def test_no_increment_changes_no_bit_of_the_forecast(self, layered: Landda) -> None:
        nothing, control = self.records(layered, "nothing_seen"), self.records(layered, "control")
        assert [r["innovation_std"] for r in nothing] == pytest.approx([r["innovation_std"] for r in control], rel=1e-6)
        assert abs(nothing[0]["water"]["applied"]) < 1e-9

    @pytest.mark.verify
    @pytest.mark.parametrize("ranks", [3, 2])
    def test_ranks_change_no_bit(self, landda: Landda, layered: Landda, ranks: int) -> None:
        groups = {"member_groups": 2, "roots": 2} if ranks == 3 else {}
        done = landda(ranks, "run", write_layered(landda, layered.folder, parallel=groups), "-o", "out")
        assert done.returncode == 0, done.stdout + done.stderr
        reference = {"path": layered.folder / "out", "digest": layered.digest("out")}
        assert_same(landda.folder / "out", reference, landda)

    def test_an_archive_of_the_three_layers(self, layered: Landda) -> None:
        done = layered.here("archive", "b.nc", "--campaign", "out", "--layers")
        assert done.returncode == 0, done.stderr
        archive = read_archive(layered.folder / "b.nc", GRID)
        assert archive.count.shape == (3, *GRID.shape)
        runs = [{"method": "var3d_image", "layers": "upper_three", "background_archive": "b.nc",
                 "archive_observation_std": 0.04}]  # fmt: skip
        done = layered(1, "run", write_layered(layered, layered.folder, "archive.yaml", runs=runs), "-o", "again")
        assert "no cell of the domain with 10 times" in " ".join(
            done.stderr.split()
        )  # four times do not make a climatology


def test_an_archive_of_two_series(landda: Landda, caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("landda_hpc").addHandler(caplog.handler)
    model = VALUES + 0.03
    write_series(landda.folder / "m.nc", model, [0, 6, 12, 18, 24, 30])
    write_series(landda.folder / "y.nc", VALUES[:5] * 0.9, [6, 12, 18, 24, 36])  # times in common: 6 to 24 h
    done = landda.here("archive", "b.nc", "--model", "m.nc", "--observation", "y.nc", "--model-variable", "sm",
                  "--model-variable", "sm", "--model-variable", "sm", "--observation-depth", "0-0.07")  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "4 times" in done.stdout
    words = "rests on 4 times: the standard error of a variance is 82 % of it"
    assert words in " ".join(done.stdout.split()), "in the table"
    logging.getLogger("landda_hpc").removeHandler(caplog.handler)
    assert words in caplog.text, "in the log"
    with netCDF4.Dataset(landda.folder / "b.nc") as file:
        assert words in file.comment
    from tests.unit.formats.test_image_series import GRID as SMALL

    archive = read_archive(landda.folder / "b.nc", SMALL)
    difference = model[1:5] - VALUES[:4] * 0.9
    assert archive.count.shape == (3, *SMALL.shape) and archive.count.min() == 4
    for layer in range(3):
        np.testing.assert_allclose(archive.variance[layer], difference.var(axis=0, ddof=1), rtol=1e-12)
        np.testing.assert_allclose(archive.mean[layer], difference.mean(axis=0), rtol=1e-12)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ((), "Give either --campaign, or --model and --observation"),
        (("--campaign", "out", "--model", "m.nc"), "Give either"),
        (("--campaign", "out", "--run", "none"), "0 images of run 'none'"),
        (("--model", "m.nc", "--observation", "y.nc", "--observation-depth", "7"), "expected TOP-BOTTOM in m"),
        (("--model", "m.nc", "--observation", "y.nc"), "have no time in common"),
        (("--model", "m.nc", "--observation", "g.nc"), "--regrid bilinear"),
    ],
)
def test_bad_archives_are_told(finished: Landda, options: tuple[str, ...], text: str) -> None:
    write_series(finished.folder / "m.nc", VALUES[:2], [0, 6])
    write_series(finished.folder / "y.nc", VALUES[:2], [48, 54])
    write_series(finished.folder / "g.nc", VALUES[:2], [0, 6], regular_grid(18, 20))
    done = finished.here("archive", "bad.nc", *options)
    assert done.returncode == 2 and text in " ".join(done.stderr.split()), done.stderr
    assert "Traceback" not in done.stderr and not (finished.folder / "bad.nc").exists()


class TestAnalyse:
    """`landda analyse --method ...` on an image of the campaign."""

    def analyse(self, run: Landda, *options: str) -> str:
        image = "out/images/control_20160703T00.nc"
        done = run.here("analyse", image, image, "--background-variable", "forecast", "--observation-variable", "truth",
                   "-o", "a.nc", *options)  # fmt: skip
        assert "Traceback" not in done.stderr, done.stderr
        return done.stdout if done.returncode == 0 else f"code {done.returncode}: {' '.join(done.stderr.split())}"

    @pytest.mark.parametrize("method", ANALYSING)
    def test_every_method_comes_nearer_to_the_observation(self, finished: Landda, method: str) -> None:
        assert "Written: a.nc" in self.analyse(finished, "--method", method)
        with netCDF4.Dataset(finished.folder / "a.nc") as file:
            before = np.ma.filled(file["innovation"][:], np.nan)
            after = before - np.ma.filled(file["increment"][:], np.nan)
        assert np.nanstd(after) < 0.9 * np.nanstd(before)

    def test_a_method_of_ensembles_is_refused(self, finished: Landda) -> None:
        assert "letkf analyses an ensemble of model states" in self.analyse(finished, "--method", "letkf")

    def test_iterations_and_figure(self, finished: Landda) -> None:
        text = self.analyse(finished, "--method", "var3d_image", "--set", "tolerance_is_relative=true",
                            "--set", "tolerance=1e-6", "--figure", "f.png")  # fmt: skip
        assert "J_I" in text and "norm of gradient" in text and "J_O" not in text
        assert (finished.folder / "f.png").stat().st_size > 0

    def test_pointwise_3dvar_is_the_blend(self, finished: Landda) -> None:
        text = self.analyse(finished, "--method", "var3d_point", "--background-std", "0.15", "--observation-std", "0.1")
        assert "gain K 0.6923, standard deviation 0.0000" in text

    @pytest.mark.parametrize(
        ("options", "text"),
        [
            (("--method", "var3d"), "method 'var3d' is not known; there are control, pointwise"),
            (("--method", "control"), "control does not analyse"),
            (("--method", "var3d_point", "--set", "layers=upper_three"), "analyses several soil layers"),
            (("--method", "per_scale", "--gain", "0.5"), "--gain: unknown key. Known keys: background_errors"),
            (("--method", "var3d_image", "--set", "keep_fractio=0.3"), "Did you mean 'keep_fraction'?"),
            (("--figure", "f.png"), "method enkf_like does not minimise"),
            (("--method", "var3d_image", "--set", "background_archive=none.nc"), "'none.nc' does not exist"),
        ],
    )
    def test_bad_options(self, finished: Landda, options: tuple[str, ...], text: str) -> None:
        found = self.analyse(finished, *options)
        assert found.startswith("code 2") and text in found, found


@pytest.mark.parametrize("name", ["shen2024", "shen2024_china"])
def test_the_experiments_can_run(landda: Landda, name: str) -> None:
    done = landda.here("check", ROOT / f"experiments/{name}.yaml")
    assert done.returncode == 0 and "can run" in done.stdout, done.stderr


def test_discarding_everything_is_a_problem(landda: Landda) -> None:
    done = landda.here("check", landda.write(verification={"discard_days": 15}))
    assert done.returncode == 2 and "discards the whole assimilation window" in " ".join(done.stderr.split())
