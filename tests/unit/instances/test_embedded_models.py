"""The embedded model's instances: who shares a state, what differs, spin-up that is stopped, failures, restarts."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from landda_hpc.config import MODELS, CampaignConfig, parse_config
from landda_hpc.errors import DataError, ModelError, StoppedError
from landda_hpc.instances.colm_models import ColmModels
from landda_hpc.instances.domain import Domain, make_domain
from landda_hpc.instances.embedded_models import EmbeddedModels
from landda_hpc.instances.instance import Instance, bare_instances
from landda_hpc.instances.model_section import ModelSection
from landda_hpc.instances.model_setup import model_setup
from landda_hpc.instances.model_system import ModelSystem
from landda_hpc.instances.saved_spinup import NAME as SPIN_UP
from landda_hpc.model.forcing.latent import LatentWeather
from landda_hpc.parallel.communicator import Communicator, SerialCommunicator
from landda_hpc.random_fields.autoregressive import AutoregressiveField
from landda_hpc.state import TileState
from landda_hpc.storage.campaign_folder import CampaignFolder
from landda_hpc.storage.restart_set import MANIFEST, read_restart, time_label
from tests.unit.campaign.fakes import HOUR, START, on_ranks
from tests.unit.campaign.test_increments import RAW

RUNS = [
    {"method": "control"},
    {"method": "pointwise"},
    {"method": "control", "name": "member", "perturbation": {"wetness_sigma": 0.1, "log_rain_sigma": 0.5}},
]
TWIN = {"sand_sigma": 20.0, "wetness_sigma": 0.2, "log_rain_sigma": 0.6, "weather_correlation": 0.5}

DOMAINS: dict[Any, Domain] = {}
"""By ranks and instances: tests of this module share them."""


def system(folder: Path, world: Communicator | None = None, domain: Domain | None = None, **raw: Any) -> EmbeddedModels:
    world = world or SerialCommunicator()
    model = {"spinup_days": 0, "timestep_s": 10800}
    config = parse_config({**RAW, "model": model, "twin": TWIN, "runs": RUNS, **raw})
    key = (world.size, config.instance_names)
    if domain is None and key not in DOMAINS:
        DOMAINS[key] = make_domain(config, world.size)
    made = system_of(config, domain or DOMAINS[key], world, folder)
    assert isinstance(made, EmbeddedModels)
    return made


def system_of(config: CampaignConfig, domain: Domain, world: Communicator, folder: Path) -> ModelSystem:
    return ModelSection.of(config.model).make_system(model_setup(config, domain), world, CampaignFolder(folder))


def prepared(models: EmbeddedModels, stop: Any = None) -> dict[str, Instance]:
    instances = models.make_instances()
    models.prepare(instances, stop)
    return {instance.name: instance for instance in instances}


def bits(state: TileState | None) -> dict[str, bytes]:
    assert state is not None
    return {name: state[name].tobytes() for name in state}


def require_bits_of(whole: dict[str, Instance], parts: Sequence[tuple[slice, dict[str, Instance]]]) -> None:
    """The states in the tiles of each rank are those of one rank."""
    for mine, made in parts:
        for name, instance in made.items():
            assert bits(instance.state) == bits(whole[name].state.take(mine))


class StopAt:
    """A stop request that comes when it is asked for the n-th time."""

    def __init__(self, n: int) -> None:
        self.left = n

    def agreed(self, world: Communicator) -> signal.Signals | None:
        self.left -= 1
        return signal.SIGUSR1 if self.left < 0 else None


def test_the_nature_run_comes_first() -> None:
    config = parse_config({**RAW, "runs": RUNS})
    instances = bare_instances(config.runs, has_nature=True)
    assert [(i.name, i.index, i.is_plain) for i in instances] == [
        ("nature", 0, False), ("control", 1, True), ("pointwise", 2, True), ("member", 3, False)
    ]  # fmt: skip
    assert all(i.model is None and i.state is None for i in instances)
    assert [i.name for i in bare_instances(config.runs, has_nature=False)] == [i.name for i in instances[1:]]


def test_unperturbed_runs_start_alike_with_states_of_their_own(tmp_path: Path) -> None:
    made = prepared(system(tmp_path))
    assert bits(made["control"].state) == bits(made["pointwise"].state)
    made["pointwise"].state["wliq_soisno"][:] += 1.0
    assert bits(made["control"].state) != bits(made["pointwise"].state)
    assert bits(made["member"].state) != bits(made["control"].state), "a perturbed member has its own wetness"
    assert bits(made["nature"].state) != bits(made["control"].state)
    assert not np.array_equal(made["nature"].model.tiles.psi0, made["control"].model.tiles.psi0), "other soil"


def test_without_errors_the_nature_run_is_the_control(tmp_path: Path) -> None:
    models = system(tmp_path, twin={"weather_correlation": 1.0})
    made = prepared(models)
    reports = models.forecast(list(made.values()), START, START + 6 * HOUR)
    rain = {name: report.precipitation for name, report in reports.items() if report is not None}
    assert set(rain) == set(made)
    assert bits(made["nature"].state) == bits(made["control"].state)
    assert rain["nature"].tobytes() == rain["control"].tobytes() != rain["member"].tobytes()


def test_members_share_their_fields_between_runs_and_differ_from_each_other(tmp_path: Path) -> None:
    perturbed = {"method": "control", "ensemble": {"members": 2, "wetness_sigma": 0.1}}
    other = {"method": "pointwise", "ensemble": {"members": 1 + 1, "wetness_sigma": 0.1}}
    made = prepared(system(tmp_path, runs=[perturbed, other]))
    assert bits(made["control_001"].state) == bits(made["pointwise_001"].state)
    assert bits(made["control_001"].state) != bits(made["control_002"].state)


def test_the_state_does_not_depend_on_the_number_of_ranks(tmp_path: Path) -> None:
    whole = prepared(system(tmp_path))
    domain = make_domain(parse_config({**RAW, "runs": RUNS}), 2)
    _ = domain.climatology  # threads must not read netCDF at the same time

    def half(world: Communicator) -> tuple[slice, dict[str, Instance]]:
        return domain.layout.tiles_of(world.rank), prepared(system(tmp_path, world, domain))

    require_bits_of(whole, on_ranks(2, half))


def test_ranks_compute_the_weather_of_a_spin_up_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each image by one rank, in a day and in a part of a day, with the bits of one rank."""
    raw: dict[str, Any] = {"model": {"spinup_days": 2, "timestep_s": 10800}}
    domain = make_domain(parse_config({**RAW, "runs": RUNS}), 2)
    _ = domain.climatology
    whole = prepared(system(tmp_path, **raw))
    computed: list[tuple[Any, str, int]] = []
    one = LatentWeather.one

    def counted(self: LatentWeather, name: str, step: int) -> np.ndarray:
        computed.append((tuple(self._shares), name, step))
        return one(self, name, step)

    monkeypatch.setattr(LatentWeather, "one", counted)

    def half(world: Communicator) -> tuple[slice, dict[str, Instance]]:
        return domain.layout.tiles_of(world.rank), prepared(system(tmp_path, world, domain, **raw))

    require_bits_of(whole, on_ranks(2, half))
    assert len(computed) == len(set(computed)) >= 2 * 3 * 16


def test_ranks_compute_the_perturbed_weather_of_members_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each image by one rank in the cycles, also after a jump, with the bits of one rank."""
    ensemble = {"members": 2, "wetness_sigma": 0.1, "forcing": {"length_km": 1000.0}}
    raw: dict[str, Any] = {"runs": [{"method": "control", "ensemble": ensemble}], "parallel": {"member_groups": 1}}
    domain = make_domain(parse_config({**RAW, **raw}), 2)
    _ = domain.climatology
    computed: list[tuple[Any, int]] = []
    at = AutoregressiveField.at

    def counted(self: AutoregressiveField, step: int) -> np.ndarray:
        computed.append((self._key, step))
        return at(self, step)

    def forecast(models: EmbeddedModels) -> dict[str, Instance]:
        made = prepared(models)
        for hours in (0, 6000):
            begin = START + hours * HOUR
            models.forecast(list(made.values()), begin, begin + 6 * HOUR)
        return made

    whole = forecast(system(tmp_path, **raw))
    monkeypatch.setattr(AutoregressiveField, "at", counted)

    def half(world: Communicator) -> tuple[slice, dict[str, Instance]]:
        return domain.layout.tiles_of(world.rank), forecast(system(tmp_path, world, domain, **raw))

    require_bits_of(whole, on_ranks(2, half))
    assert len(computed) == len(set(computed)) >= 2 * 4 * 4


def test_a_model_that_fails_on_one_rank_stops_all(tmp_path: Path) -> None:
    domain = make_domain(parse_config({**RAW, "runs": RUNS}), 2)
    _ = domain.climatology

    def work(world: Communicator) -> None:
        models = system(tmp_path, world, domain)
        made = prepared(models)
        if world.rank == 1:
            made["control"].state["wliq_soisno"][:] = np.nan
        models.forecast(list(made.values()), START, START + 6 * HOUR)

    first, second = on_ranks(2, work)
    assert isinstance(first, ModelError) and isinstance(second, ModelError)
    assert "rank 1 failed with ModelError" in str(first)


def test_a_stopped_spin_up_is_kept_and_resumed_bit_for_bit(tmp_path: Path) -> None:
    raw = {"model": {"spinup_days": 6, "timestep_s": 10800}, "runs": [RUNS[0], RUNS[2]]}
    folders = [CampaignFolder.create(tmp_path / name, "name: small\n") for name in ("whole", "stopped")]
    try:
        whole = prepared(system(folders[0].path, **raw))
        with pytest.raises(StoppedError, match="5 of 6 days of spin-up, which are saved"):
            prepared(system(folders[1].path, **raw), StopAt(1))
        kept = folders[1].path / SPIN_UP
        assert kept.is_file()
        with pytest.raises(StoppedError, match="before any new step"):
            prepared(system(folders[1].path, **raw), StopAt(0))
        models = system(folders[1].path, **raw)
        resumed = prepared(models)
        for name, instance in whole.items():
            assert bits(resumed[name].state) == bits(instance.state)
        models.release([])
        assert kept.is_file(), "until there is a checkpoint"
        models.release([START])
        assert not kept.exists()
    finally:
        for folder in folders:
            folder.unlock()


def test_restart_sets_hold_every_instance(tmp_path: Path) -> None:
    models = system(tmp_path)
    made = prepared(models)
    models.write_restarts(list(made.values()), START)
    tiles = models._domain.tiles
    for name, instance in made.items():
        folder = tmp_path / "restart" / time_label(START) / name
        assert (folder / MANIFEST).is_file()
        expected = instance.model.tiles if name == "nature" else tiles
        found = read_restart(folder, slice(0, len(tiles)), expected)
        assert bits(found) == bits(instance.state)
    assert models.files(list(made.values()), START) == {} and models.objection({}, START) is None
    models.take_up(list(made.values()), START)
    # A campaign that begins from these sets has their bits; a run without a set takes the control's.
    warm = {"spinup_days": 0, "initial": "restart", "initial_file": str(tmp_path / "restart" / time_label(START))}
    again = prepared(system(tmp_path, model=warm))
    assert all(bits(again[name].state) == bits(instance.state) for name, instance in made.items())
    extra = prepared(system(tmp_path, model=warm, runs=[{"method": "smoothed"}]))
    assert bits(extra["smoothed"].state) == bits(made["control"].state)


def test_an_initial_file_that_is_missing_is_an_error(tmp_path: Path) -> None:
    model = {"spinup_days": 0, "initial": "file", "initial_file": str(tmp_path / "none.nc")}
    with pytest.raises(DataError, match=r"none\.nc"):
        prepared(system(tmp_path, model=model))


def test_a_free_run_is_the_control(tmp_path: Path) -> None:
    models = system(tmp_path)
    made = prepared(models)
    model, state = models._setup.free_run()
    assert bits(state) == bits(made["control"].state)
    end = START + timedelta(hours=6)
    model.forecast(state, START, end)
    models.forecast([made["control"]], START, end)
    assert bits(state) == bits(made["control"].state)


def test_the_kind_of_model_decides_the_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = parse_config({**RAW, "runs": RUNS})
    domain = make_domain(config, 1)
    assert isinstance(system_of(config, domain, SerialCommunicator(), tmp_path), EmbeddedModels)
    monkeypatch.setattr(ColmModels, "__init__", lambda self, *_: None)
    colm = config.model_copy(update={"model": MODELS.make("colm", executable=Path("colm.x"))})
    assert isinstance(system_of(colm, domain, SerialCommunicator(), tmp_path), ColmModels)


def test_options_of_the_soil_water_scheme_reach_the_model(tmp_path) -> None:
    """A faster decay of the saturated fraction lets less rain run off; both options change the water."""
    usual = {"spinup_days": 0, "timestep_s": 10800}
    found = {}
    for options in ({}, {"saturated_fraction": "topmodel"}, {"interface_conductivity": "upstream"}):
        models = system(tmp_path, model=usual | options)
        instance = prepared(models)["pointwise"]
        assert instance.model is not None and instance.state is not None
        report = instance.model.forecast(instance.state, START, START + timedelta(days=2))
        found[str(options)] = float(report.runoff.sum()), instance.state["wliq_soisno"]
    (runoff, water), (less, other), (_, third) = found.values()
    assert less < runoff
    assert (other != water).any() and (third != water).any()
