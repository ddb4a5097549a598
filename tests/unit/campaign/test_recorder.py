"""What is recorded of a cycle: scores by stage and window, innovations, water, images by cadence, profiles."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from landda_hpc.analysis.protocol import Analysis
from landda_hpc.campaign.cycle_images import CycleImages
from landda_hpc.campaign.image_recorder import ImageRecorder
from landda_hpc.campaign.recorder import Recorder, RecordSettings
from landda_hpc.campaign.run_rows import MemberRows, RunRows, statistics
from landda_hpc.config import CampaignConfig, parse_config
from landda_hpc.constants import FloatArray
from landda_hpc.instances.domain import Domain, make_domain
from landda_hpc.observation.image_observation import Flag, ImageObservation
from landda_hpc.parallel.communicator import Communicator, SerialCommunicator
from landda_hpc.parallel.roots import RootTraffic
from landda_hpc.storage.campaign_folder import CampaignFolder
from landda_hpc.storage.record_inventory import Inventory
from landda_hpc.verification.statistics.ensembles import crps
from tests.unit.campaign.fakes import HOUR, START, on_ranks
from tests.unit.campaign.test_increments import RAW

RUNS = [{"method": "control"}, {"method": "pointwise"}]
T = START + 6 * HOUR


class Made:
    """A recorder of a small campaign, with images of its instances, on one root."""

    def __init__(self, path: Path, world: Communicator | None = None, domain: Domain | None = None, **raw: Any) -> None:
        world = world or SerialCommunicator()
        self.config: CampaignConfig = parse_config({**RAW, "runs": RUNS, **raw})
        self.domain: Domain = domain or make_domain(self.config, world.size)
        self.folder = CampaignFolder.create(path, "name: small\n") if world.rank == 0 else CampaignFolder(path)
        world.barrier()  # the folder exists
        self.inventory = Inventory(path)
        self.settings = RecordSettings.of(self.config)
        traffic = RootTraffic(world, self.domain.layout)
        self.world, self.owned = world, traffic.owned
        self.recorder = Recorder(self.settings, self.domain, self.folder, self.inventory, traffic)
        self.files = ImageRecorder(self.settings, self.domain, self.folder, traffic)
        self.written: list[Any] = []

    def rows(self, value: float, frozen: float = 0.0, members: int = 0) -> RunRows:
        """Rows with a pattern about a value, the same in every column; a share of frozen soil."""
        n = len(self.domain.cells)
        rows = np.repeat((value + 0.02 * np.sin(np.arange(n)))[:, None], self.domain.columns.size, axis=1)
        rows[:, -1] = frozen
        if not members:
            return RunRows(rows[self.owned], rows[:, 0])
        every = rows + 0.01 * np.random.default_rng(1).standard_normal((members, n, 1))
        every[:, :, -1] = frozen
        mean, spread = np.split(statistics(every), 2, axis=1)
        here = every[:, self.owned]
        scored = crps(here, self.rows(0.26).mean)
        of_members = MemberRows(spread[self.owned], every[:, :, 0], self.owned, here, scored)
        return RunRows(mean[self.owned], mean[:, 0], of_members)

    def observation(self, value: float, time: datetime = T) -> ImageObservation:
        image = np.full(self.domain.grid.shape, value)
        return ImageObservation.flagged(image, self.domain.is_soil, time, (0.0, 0.1), "made up")

    def images(self, time: datetime = T, *, analysed: bool = True, observed: bool = True) -> CycleImages:
        images = CycleImages(time)
        images.background = {name: self.rows(0.20) for name in self.config.instance_names}
        if "nature" in images.background:
            images.background["nature"] = self.rows(0.26)
        if analysed:
            images.analysis["pointwise"] = self.rows(0.24)
        if observed:
            images.observation = self.observation(0.27, time)
        return images

    def record(self, cycle: int = 1, images: CycleImages | None = None, **given: Any) -> str:
        images = images or self.images()
        analyses = {}
        accounts = {}
        if "pointwise" in images.analysis:
            shape = self.domain.grid.shape
            analyses["pointwise"] = Analysis(np.full(shape, 0.04), diagnostics={"gain_mean": 0.5}, **given)
            accounts["pointwise"] = self.ledger([4.0, 3.0, 0.5, 0.25, 0.25])
        line = self.record_lines(cycle, images, analyses, accounts, {})
        fields, mine = self.files.gather(cycle, images.time, images, analyses), []
        for root in range(self.world.size):  # one thread at a time: netCDF has no locks
            if self.world.rank == root:
                mine = [file for write in self.files.writings(fields) for file in write()]
            self.world.barrier()
        self.written = self.world.all_gather(mine)
        self.recorder.add_files(file for of_root in self.written for file in of_root)
        return line

    def record_lines(self, cycle: int, images: CycleImages, *of_cycle: Any) -> str:
        records = self.recorder.compute(cycle, images.time, images, *of_cycle)
        return self.recorder.write(records) if self.world.rank == 0 else ""

    def ledger(self, values: list[float]) -> FloatArray:
        return np.tile(values, (self.owned.stop - self.owned.start, 1))

    def lines(self, name: str) -> list[dict[str, Any]]:
        path = self.folder.path / f"{name}.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Any]:
    folders = []

    def make(**raw: Any) -> Made:
        one = Made(tmp_path / f"out{len(folders)}", **raw)
        folders.append(one.folder)
        return one

    yield make
    for folder in folders:
        folder.unlock()


def test_scores_of_background_and_analysis_where_there_was_one(made: Any) -> None:
    one = made(output={"every_hours": 240})
    headline = one.record()
    scores = one.lines("scores")
    stages = {(s["run"], s["stage"]) for s in scores}
    assert stages == {("control", "forecast"), ("pointwise", "background"), ("pointwise", "analysis")}
    truth = {(s["run"], s["stage"]): s for s in scores if s["reference"] == "truth" and s["layer"] == "0-10 cm"}
    assert truth["pointwise", "background"]["bias"] == pytest.approx(-0.06)
    assert truth["pointwise", "analysis"]["bias"] == pytest.approx(-0.02)
    assert all(s["window"] == "assimilation" and s["cycle"] == 1 for s in scores)
    assert {s["layer"] for s in scores if s["reference"] == "truth"} == {"0-10 cm", "10-40 cm", "40-100 cm"}
    assert {s["layer"] for s in scores if s["reference"] == "assimilated reference"} == {"0-10 cm"}
    assert headline.startswith("SCC/ubRMSE 0-10 cm against truth: control 1.00/0.000, pointwise 1.00/0.000")
    assert one.record_lines(9, one.images(START + 54 * HOUR, analysed=False, observed=False), {}, {}, {})
    late = [s for s in one.lines("scores") if s["cycle"] == 9]
    assert {s["stage"] for s in late} == {"forecast"} and {s["window"] for s in late} == {"forecast"}


def test_frozen_cells_are_not_scored(made: Any) -> None:
    one = made(output={"every_hours": 240})
    images = one.images(analysed=False, observed=False)
    images.background["control"] = one.rows(0.2, frozen=0.1)
    one.record(images=images)
    n = {s["run"]: s["n_cells"] for s in one.lines("scores")}
    assert n["control"] == 0 < n["pointwise"]
    frozen = {line["run"]: line["frozen_cells"] for line in one.lines("cycles")}
    assert frozen == {"control": len(one.domain.cells), "pointwise": 0}


def test_truth_where_nothing_was_observed_is_scored_apart(made: Any) -> None:
    one = made(verification={"unobserved": True}, output={"every_hours": 240})
    images = one.images()
    south = np.broadcast_to(one.domain.grid.lat[:, None] < 40.0, one.domain.grid.shape)
    images.observation = images.observation.reject(south, Flag.OUT_OF_RANGE)
    one.record(images=images)
    n = {s["reference"]: s["n_cells"] for s in one.lines("scores") if s["layer"] == "0-10 cm"}
    assert n["truth"] == n["truth where nothing was observed"] + n["assimilated reference"]
    assert n["truth where nothing was observed"] == int((one.domain.is_scored & south).sum())


def test_other_layers_of_a_product_are_named_as_not_assimilated(made: Any) -> None:
    one = made(twin=None, observations={"kind": "gldas", "path": "none"}, output={"every_hours": 240})
    images = one.images(analysed=False)
    images.product_layers = {"10-40 cm": np.full(len(one.domain.cells), 0.3)}
    assert "against assimilated reference" in one.record(images=images)
    found = {(s["reference"], s["layer"]) for s in one.lines("scores")}
    assert found == {("assimilated reference", "0-10 cm"), ("made up, not assimilated", "10-40 cm")}
    quiet = one.images(analysed=False, observed=False)
    assert one.record(2, quiet) == "no reference at this time"


def test_innovations_water_and_drift(made: Any) -> None:
    one = made(output={"every_hours": 240})
    images = one.images()
    drift = {"pointwise": one.ledger([1.0, 1.0, 0.0, 0.0, 0.0])}
    analysis = Analysis(np.full(one.domain.grid.shape, 0.04), diagnostics={"gain_mean": 0.5})
    ledger = {"pointwise": one.ledger([4.0, 3.0, 0.5, 0.25, 0.25])}
    one.record_lines(1, images, {"pointwise": analysis}, ledger, drift)
    control, pointwise = one.lines("cycles")
    assert control["residual_mean"] is None and "water" not in control and "drift_water" not in control
    assert control["innovation_mean"] == pytest.approx(0.07, abs=0.002)
    assert pointwise["residual_mean"] == pytest.approx(0.03, abs=0.002) and pointwise["gain_mean"] == 0.5
    assert pointwise["n_observations"] == pointwise["observations"]["used"] > 0
    assert pointwise["water"] == pytest.approx(
        {"requested": 4.0, "applied": 3.0, "clipped_wet": 0.5, "clipped_dry": 0.25, "frozen": 0.25}
    )
    assert pointwise["drift_water"]["applied"] == pytest.approx(1.0)


def test_a_time_without_any_used_observation_has_counts_and_no_means(made: Any) -> None:
    one = made(output={"every_hours": 240})
    images = one.images(analysed=False)
    images.observation = images.observation.reject(np.ones(one.domain.grid.shape, bool), Flag.OUT_OF_RANGE)
    one.record(images=images)
    for line in one.lines("cycles"):
        assert line["n_observations"] == 0 and line["innovation_mean"] is None and line["innovation_std"] is None


def test_withheld_observations_have_statistics_of_their_own(made: Any) -> None:
    box = {"kind": "twin", "withheld": {"fraction": 0.5}}
    one = made(observations=box, output={"every_hours": 240})
    images = one.images()
    south = np.broadcast_to(one.domain.grid.lat[:, None] < 40.0, one.domain.grid.shape)
    images.observation = images.observation.reject(south, Flag.WITHHELD)
    one.record(images=images)
    for line in one.lines("cycles"):
        assert line["withheld"]["n_observations"] == line["observations"]["withheld"] > 0
        assert line["withheld"]["innovation_mean"] == pytest.approx(0.07, abs=0.005)


def test_images_come_by_cadence_and_at_further_times(made: Any) -> None:
    further = (START + 18 * HOUR).isoformat()
    one = made(output={"every_hours": 12, "times": [further], "fields": ["analysis", "increment", "truth"]})
    for cycle in (1, 2, 3, 4):
        one.record(cycle, one.images(START + 6 * cycle * HOUR))
    names = sorted(path.name for path in one.folder.images.glob("*.nc"))
    stamps = ("20220602T12", "20220602T18", "20220603T00")
    assert names == [f"{run}_{stamp}.nc" for run in ("control", "pointwise") for stamp in stamps]
    plain = one.inventory.to_plain(START + 24 * HOUR)
    assert set(plain["files"]) == {f"images/{name}" for name in names}
    assert plain["lines"]["cycles"]["counts"] == [[4, 2]], "four cycles, a line of each run"
    with xr.open_dataset(one.folder.images / "pointwise_20220602T12.nc") as file:
        soil = np.isfinite(file["increment"].values.squeeze())
        np.testing.assert_allclose(file["increment"].values.squeeze()[soil], 0.04, atol=1e-6)
        assert "background" not in file and "truth" in file


def test_every_file_of_a_run_has_the_same_variables(made: Any) -> None:
    fields = ["background", "analysis", "increment", "innovation", "observation", "spread", "innovation_layers"]
    one = made(output={"every_hours": 6, "fields": fields})
    one.record(1, one.images(START + 6 * HOUR), spread=np.full(one.domain.grid.shape, 0.1))
    one.record(2, one.images(START + 12 * HOUR, analysed=False, observed=False))
    found = []
    for stamp in ("20220602T06", "20220602T12"):
        with xr.open_dataset(one.folder.images / f"pointwise_{stamp}.nc") as file:
            found.append(set(file.data_vars))
            has = {name: bool(np.isfinite(file[name].values).any()) for name in ("background", "forecast", "spread")}
        assert has == {"background": stamp.endswith("06"), "forecast": stamp.endswith("12"),
                       "spread": stamp.endswith("06")}  # fmt: skip
    assert found[0] == found[1] and {"innovation_layer_1"} < found[0] | {"innovation_layer_1"}


def test_layers_profiles_and_feedback_on_request(made: Any) -> None:
    observations = {"kind": "twin", "feedback": True}
    one = made(observations=observations, output={"every_hours": 6, "layers": True, "profiles": [[35.0, 100.0]]})
    one.record()
    assert {path.name for path in one.folder.images.iterdir() if path.is_dir()} == {"0-10cm", "10-40cm", "40-100cm"}
    assert [path.name for path in one.folder.feedback.glob("*.nc")] == ["20220602T0600.nc"]
    profiles = one.lines("profiles")
    assert [line["run"] for line in profiles] == ["nature", "control", "pointwise"]
    assert all(len(line["water"]) == 10 and abs(line["lat"] - 35.0) < 3.0 for line in profiles)
    analysed = {line["run"]: line["water"][0] for line in profiles}
    assert analysed["pointwise"] - analysed["control"] == pytest.approx(0.04), "the state from which the run continues"


EVERYTHING: dict[str, Any] = {
    "observations": {"kind": "twin", "feedback": True, "withheld": {"fraction": 0.2}},
    "verification": {"unobserved": True},
    "output": {
        "every_hours": 6,
        "layers": True,
        "fields": ["background", "analysis", "innovation_layers", "truth"],
        "profiles": [[35.0, 100.0], [22.0, 110.0], [58.0, 65.0]],
    },
}


def on_roots(path: Path, n_roots: int) -> list[Made]:
    """A cycle recorded by so many roots, with an ensemble."""

    domain = make_domain(parse_config({**RAW, "runs": RUNS, **EVERYTHING, "parallel": {"roots": n_roots}}), n_roots)

    def record(world: Communicator) -> Made:
        one = Made(path, world, domain, **EVERYTHING)
        images = one.images()
        images.background["pointwise"] = one.rows(0.2, members=5)
        images.analysis["pointwise"] = one.rows(0.24, members=5)
        south = np.broadcast_to(one.domain.grid.lat[:, None] < 40.0, one.domain.grid.shape)
        images.observation = images.observation.reject(south, Flag.WITHHELD)
        images.product_layers = {"10-40 cm": one.rows(0.3).mean[:, 0]}
        one.record(images=images)
        return one

    return on_ranks(n_roots, record)


@pytest.mark.parametrize(("n_roots", "sizes"), [(2, [4, 5]), (3, [4, 4, 1]), (5, [0, 0, 4, 4, 1])])
def test_roots_share_the_records_and_files_of_a_cycle(tmp_path: Path, n_roots: int, sizes: list[int]) -> None:
    """The lines are those of one root. Files: feedback, and two runs, each with an image and three layers."""
    (alone,), together = on_roots(tmp_path / "alone", 1), on_roots(tmp_path / "together", n_roots)
    for name in ("scores", "cycles", "ensembles", "profiles"):
        lines = (alone.folder.path / f"{name}.jsonl").read_bytes()
        assert lines and lines == (together[0].folder.path / f"{name}.jsonl").read_bytes(), name
    of_members = [line for line in alone.lines("ensembles") if line["run"] == "pointwise"]
    assert [line["stage"] for line in of_members] == ["background", "analysis"]
    assert all(sum(line["rank_histogram"]) > 50 and 1.0 <= line["effective_size"] <= 4.0 for line in of_members)
    assert [len(files) for files in together[0].written] == sizes
    found = {path.relative_to(alone.folder.path).as_posix() for path in alone.folder.path.rglob("*.nc")}
    assert set(together[0].inventory.to_plain(T)["files"]) == found and len(found) == 9
    for name in found:
        with xr.open_dataset(alone.folder.path / name) as one, xr.open_dataset(together[0].folder.path / name) as other:
            xr.testing.assert_identical(one.drop_attrs(), other.drop_attrs())
    for made in (alone, together[0]):
        made.folder.unlock()


def test_layers_that_are_analysed_one_by_one_are_recorded(made: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "landda_hpc.steps")
    runs = [{"method": "var3d_point", "layers": "upper_three"}]
    one = made(runs=runs, observations={"kind": "twin", "depth_m": [0.0, 0.07]}, output={"every_hours": 240})
    images = one.images(analysed=False)
    images.analysis["var3d_point"] = one.rows(0.24)
    part = Analysis(np.zeros(one.domain.grid.shape), diagnostics={"iterations": 7.0})
    whole = Analysis(part.increment, diagnostics={"iterations": 7.0}, layers=(part, part, part))
    one.record_lines(1, images, {"var3d_point": whole}, {"var3d_point": one.ledger([0.0] * 5)}, {})
    (line,) = one.lines("cycles")
    assert [layer["layer"] for layer in line["layers"]] == [1, 2, 3]
    assert all(layer["residual_mean"] == pytest.approx(0.03, abs=0.002) for layer in line["layers"])
    assert sum("7 iterations" in record.message for record in caplog.records) == 3


def test_seconds_stay_apart_from_results(made: Any) -> None:
    one = made(output={"every_hours": 240})
    used = {"seconds": {"forecast": {"max": 1.0}}, "traffic": {"forecast": {"bytes_max": 30}}}
    one.recorder.record_seconds(1, used, [100.0, 50.0])
    (line,) = one.lines("seconds")
    assert line == {
        "cycle": 1, **used, "peak_memory_mb_max": 100.0, "bytes_kept": 0,
    }  # fmt: skip
    assert not one.lines("scores") and not one.lines("cycles")
