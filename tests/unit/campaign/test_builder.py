"""From the configuration to the parts: what each rank has, which analysis a run gets, what is remembered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from landda_hpc.analysis.protocol import Analysis, ImagePair
from landda_hpc.campaign.builder import Foundation, build_parts
from landda_hpc.campaign.cycle_images import CycleImages
from landda_hpc.campaign.increments import AnalysisOfObservedDepth, AnalysisOfUpperLayers, RunUpdate
from landda_hpc.campaign.observation_preparation import MEMORY_KEY
from landda_hpc.campaign.preflight import Sources
from landda_hpc.campaign.run_rows import RunRows
from landda_hpc.config import CampaignConfig, parse_config
from landda_hpc.constants import N_SOIL
from landda_hpc.errors import ConfigError, DataError, StorageError
from landda_hpc.instances.domain import make_domain
from landda_hpc.instances.instance import bare_instances
from landda_hpc.instances.model_setup import model_setup
from landda_hpc.observation.image_observation import ImageObservation
from landda_hpc.observation.source import Survey
from landda_hpc.parallel.communicator import Communicator, SerialCommunicator
from landda_hpc.storage.campaign_folder import CampaignFolder
from tests.unit.campaign.fakes import HOUR, START, Events, FakeModels, on_ranks
from tests.unit.campaign.test_increments import RAW

LATER = START + 36 * HOUR


class Source:
    """Observations of one value; one time of the free forecast has some."""

    label, depth_m, surveyed = "made up", (0.0, 0.1), {}

    def __init__(self, shape: tuple[int, int], is_soil: Any) -> None:
        self._shape, self._is_soil, self.asked = shape, is_soil, []

    def survey(self, times: Sequence[datetime]) -> Survey:
        self.asked.append(list(times))
        return Survey("made up", ((LATER, "there"),), (), "skip")

    def other_layers(self, time: datetime, depths_m: Sequence[tuple[float, float]]) -> dict[Any, Any]:
        return {depth: np.full(self._shape, 0.2) for depth in depths_m[1:]}

    def at(self, time: datetime, truth: Any = None) -> ImageObservation | None:
        if time > LATER:
            return None
        return ImageObservation.flagged(np.full(self._shape, 0.25), self._is_soil, time, self.depth_m, "made up")


def foundation(path: Path, **raw: Any) -> Foundation:
    """Of one rank."""
    return foundations(path, 1, **raw)(SerialCommunicator())


def foundations(path: Path, size: int, **raw: Any) -> Callable[[Communicator], Foundation]:
    """Makes those of each rank. The domain is made here: threads must not read netCDF at the same time."""
    config: CampaignConfig = parse_config({**RAW, "observations": {"kind": "twin"}, **raw})
    domain = make_domain(config, size)

    def make(world: Communicator) -> Foundation:
        folder, models = CampaignFolder(path), FakeModels(Events())
        source = Source(domain.grid.shape, domain.is_soil)
        instances, header = bare_instances(config.runs, has_nature=True), model_setup(config, domain).header
        return Foundation(config, domain, world, folder, models, instances, Sources(source), header)

    return make


RUNS = [
    {"method": "control"},
    {"method": "pointwise", "drift": {}},
    {"method": "adaptive_pointwise"},
    {"method": "var3d_point", "layers": "upper_three"},
]
SHALLOW = {"kind": "twin", "depth_m": [0.0, 0.07], "quality": {"spike": {}, "snow_amount": 1.0}}


def test_every_run_gets_its_analysis_and_memory(tmp_path: Path) -> None:
    parts = build_parts(foundation(tmp_path, runs=RUNS, observations=SHALLOW))
    updates = parts.updates
    assert updates["control"].analysis is None and updates["control"].drift is None
    assert isinstance(updates["pointwise"].analysis, AnalysisOfObservedDepth)
    assert isinstance(updates["var3d_point"].analysis, AnalysisOfUpperLayers)
    assert updates["var3d_point"].spreading.n_increments == 3 and updates["pointwise"].spreading.n_increments == 1
    assert updates["pointwise"].drift is not None and updates["adaptive_pointwise"].drift is None
    memories = parts.keeper.memories
    assert set(memories) == {"pointwise", "adaptive_pointwise", MEMORY_KEY}
    assert list(memories["pointwise"].state()) == ["drift.mean"], "the drift alone: blending learns nothing"
    assert parts.gathers_surface, "the check of snow"
    assert parts.series is None and parts.recorder is not None
    assert parts.keeper.header == model_setup(parts.config, parts.domain).header


def test_the_schedule_knows_observed_times_of_the_free_forecast(tmp_path: Path) -> None:
    base = foundation(tmp_path)
    schedule = build_parts(base).schedule
    assert base.sources.observations.asked == [[START + n * 6 * HOUR for n in range(5, 9)]]
    assert schedule.observed_later == {LATER} and schedule.may_be_observed(LATER)
    assert not schedule.may_be_observed(START + 30 * HOUR)
    monitoring = build_parts(foundation(tmp_path, observations={"kind": "twin", "monitor_only": True})).schedule
    assert monitoring.is_monitoring and not monitoring.may_be_analysed(1)


def test_only_rank_0_observes_and_records_and_only_roots_analyse(tmp_path: Path) -> None:
    (tmp_path / "series").mkdir()
    make = foundations(tmp_path, 2, parallel={"roots": 1}, output={"series": {}})

    def build(world: Communicator) -> Any:
        return build_parts(make(world))

    first, second = on_ranks(2, build)
    assert first.recorder is not None and first.observations is not None
    assert second.recorder is None and second.observations is None
    assert first.updates["pointwise"].analysis is not None and second.updates["pointwise"].analysis is None
    assert set(first.keeper.memories) == {"pointwise"} and not second.keeper.memories
    assert second.updates["pointwise"].drift is not None, "every rank knows that there is a correction"
    assert first.series is not None and second.series is not None, "all ranks gather the series"
    assert first.schedule == second.schedule
    assert [path.name for path in tmp_path.rglob("*")] == ["series"], "building writes nothing"


def test_a_file_that_is_missing_on_rank_0_is_known_to_all(tmp_path: Path) -> None:
    withheld = {"kind": "twin", "withheld": {"list_file": "none.csv"}}
    make = foundations(tmp_path, 2, observations=withheld)

    def build(world: Communicator) -> Any:
        return build_parts(make(world))

    first, second = on_ranks(2, build)
    assert "none.csv' does not exist" in str(first) and "rank 0 failed" in str(second)
    assert type(first) is type(second) and isinstance(first, DataError)


def test_a_method_that_cannot_analyse_layers_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    base = foundation(tmp_path)
    monkeypatch.setattr(type(base.config.runs[0]), "n_analysed_layers", property(lambda self: 3))
    with pytest.raises(ConfigError, match="has no analyse_layers"):
        build_parts(base)


def test_observations_are_withheld_and_layers_named(tmp_path: Path) -> None:
    box = {"kind": "twin", "withheld": {"boxes": [[20.0, 40.0, 60.0, 120.0]]}}
    base = foundation(tmp_path, observations=box)
    parts = build_parts(base)
    images = CycleImages(START + 6 * HOUR)
    for name in base.config.instance_names:
        rows = np.full((len(base.domain.cells), base.domain.columns.size), 0.25)
        images.background[name] = RunRows(rows, rows[:, 0])
    images.frozen = np.zeros(len(base.domain.cells), dtype=bool)
    observation = parts.observations(images, None)
    south = np.broadcast_to(base.domain.grid.lat[:, None] <= 40.0, base.domain.grid.shape)
    assert np.array_equal(observation.is_withheld, base.domain.is_soil & south)
    assert observation.n_used > 0 and observation.error_std is not None
    assert set(images.other_layers) == {"10-40 cm", "40-100 cm"}
    images.frozen[:] = True
    frozen = parts.observations(images, None)
    assert frozen.n_used == 0 and frozen.is_frozen.any(), "frozen soil is not observed"
    images.time = LATER + HOUR
    assert parts.observations(images, None) is None


# ---------------------------------------------------------------------- the update of a run


class Method:
    """Adds a share of the innovation."""

    def __init__(self) -> None:
        self.pairs: list[ImagePair] = []

    def analyse(self, pair: ImagePair) -> Analysis:
        self.pairs.append(pair)
        return Analysis(0.5 * pair.innovation)


@pytest.fixture
def update(tmp_path: Path) -> RunUpdate:
    parts = build_parts(foundation(tmp_path))
    return replace(parts.updates["pointwise"], analysis=AnalysisOfObservedDepth(Method(), parts.domain))


def observation(update: RunUpdate, value: float) -> ImageObservation:
    domain = update.domain
    given = np.where(domain.grid.lon[None, :] > 90.0, value, np.nan) * np.ones(domain.grid.shape)
    return ImageObservation.flagged(given, domain.is_soil, START, (0.0, 0.1), "made up")


def rows_of(update: RunUpdate, value: float) -> RunRows:
    rows = np.full((len(update.domain.cells), update.domain.columns.size), value)
    return RunRows(rows, rows[:, 0])


def test_an_analysis_needs_rows_and_observation(update: RunUpdate) -> None:
    seen = observation(update, 0.3)
    assert update.analyse(None, seen, START) is None
    assert update.analyse(rows_of(update, 0.2), None, START) is None
    assert replace(update, analysis=None).analyse(rows_of(update, 0.2), seen, START) is None
    increments = update.analyse(rows_of(update, 0.2), seen, START).increments
    assert increments.shape == (len(update.domain.cells), 1)
    np.testing.assert_allclose(np.unique(increments.round(12)), [0.0, 0.05])
    (pair,) = update.analysis.method.pairs
    assert pair.time_key == START.isoformat() and np.array_equal(pair.domain, update.domain.is_soil)


def test_a_drift_learns_in_observed_cells_only(update: RunUpdate) -> None:
    late = START + 72 * HOUR  # after the days that teach nothing
    seen = observation(update, 0.3)
    before = update.drift.state()["mean"].copy()
    assert update.analyse(rows_of(update, 0.2), None, late) is None
    assert np.array_equal(update.drift.state()["mean"], before)
    update.learn_drift(Analysis(np.full(update.domain.grid.shape, 0.02)), seen, late)
    learned = update.drift.correction(late - 48 * HOUR) != 0.0
    used = np.isfinite(update.domain.cells.from_image(seen.values))
    assert learned.any() and np.array_equal(learned, used)
    assert np.array_equal(update.drift_spreading.layers, update.domain.observed_weights > 0.0)


def test_upper_layers_are_analysed_one_by_one(tmp_path: Path) -> None:
    parts = build_parts(foundation(tmp_path, runs=RUNS, observations=SHALLOW))
    update = parts.updates["var3d_point"]
    rows = rows_of(update, 0.2)
    rows.mean[:, 1 + parts.domain.columns.n_depths : -1] += [0.0, 0.05, 0.1]
    seen = observation(update, 0.3)
    found = update.analyse(rows, seen, START)
    increments = found.increments
    assert increments.shape == (len(parts.domain.cells), 3) and len(found.analysis.layers) == 3
    used = np.isfinite(parts.domain.cells.from_image(seen.values))
    means = increments[used].mean(axis=0)
    assert means[0] > means[1] > 0.0 and abs(means[2]) < 1e-8, "the lowest layer agrees with the observation"
    assert update.spreading.columns(increments).shape == (len(parts.domain.cells), N_SOIL)


def test_memory_of_method_and_drift_go_together(tmp_path: Path) -> None:
    runs = [{"method": "adaptive_pointwise", "drift": {}}]
    first = build_parts(foundation(tmp_path, runs=runs)).keeper
    memory = {name: one.state() for name, one in first.memories.items()}
    (arrays,) = memory.values()
    assert "drift.mean" in arrays and len(arrays) > 1
    for array in arrays.values():
        array += np.random.default_rng(1).uniform(0.0, 0.01, array.shape)
    second = build_parts(foundation(tmp_path, runs=runs)).keeper
    second.restore_memory(memory)
    for name, array in second.memories["adaptive_pointwise"].state().items():
        assert array.tobytes() == arrays[name].tobytes()
    with pytest.raises(StorageError, match="adaptive_pointwise"):
        second.restore_memory({})
