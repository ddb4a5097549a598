"""A rank of the embedded model holds its own tiles: bits do not depend on the slice, bytes fall with ranks."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from landda_hpc.config import parse_config
from landda_hpc.instances.domain import Domain, make_domain
from landda_hpc.instances.embedded_models import EmbeddedModels, EmbeddedSetup
from landda_hpc.parallel.communicator import SerialCommunicator
from landda_hpc.state import Tiles, TileState
from landda_hpc.storage.campaign_folder import CampaignFolder
from tests.unit.campaign.fakes import START
from tests.unit.campaign.test_increments import RAW

RANKS = 4


def setup_of(physics: str, changes: dict[str, Any] | None = None, **model: Any) -> EmbeddedSetup:
    """A global grid of 1.5 degrees: 13,000 tiles."""
    grid, section = {"n_lat": 120, "n_lon": 240}, {"physics": physics, "spinup_days": 0} | model
    raw = RAW | {"grid": grid, "model": section} | (changes or {})
    config = parse_config(raw)
    return EmbeddedSetup.of(config, make_domain(config, RANKS))


@pytest.fixture(scope="module")
def water() -> EmbeddedSetup:
    return setup_of("soil_water")


def arrays_in(thing: Any, seen: set[int]) -> list[np.ndarray]:
    """Every array that is reachable from an object of the package, once."""
    if id(thing) in seen:
        return []
    seen.add(id(thing))
    if isinstance(thing, np.ndarray):
        return [thing]
    if isinstance(thing, dict):
        inside = list(thing.values())
    elif isinstance(thing, list | tuple | set):
        inside = list(thing)
    elif type(thing).__module__.startswith("landda_hpc"):
        inside = list(vars(thing).values())
    else:
        return []
    return [array for part in inside for array in arrays_in(part, seen)]


def distinct_bytes(tiles: Tiles) -> int:
    """Memory of the tiles; a view of one value for all layers holds one."""
    return sum(array.nbytes // (array.shape[1] if 0 in array.strides else 1) for array in arrays_in(tiles, set()))


def bits(state: TileState) -> list[bytes]:
    return [state[name].tobytes() for name in state]


def free_run(setup: EmbeddedSetup, mine: slice) -> tuple[Any, TileState]:
    model, state = setup.free_run(mine)
    model.forecast(state, START, START + timedelta(hours=24))
    return model, state


@pytest.mark.parametrize("initial", ["climatology", "spun_up"])
def test_a_slice_of_any_length_has_the_bits_of_the_whole(initial: str, water: EmbeddedSetup) -> None:
    setup = water if initial == "climatology" else setup_of("land_surface", initial=initial)
    _, whole = setup.free_run()
    n = len(setup.domain.tiles)
    for mine in (slice(0, 1), slice(1, 9), slice(63, 200), slice(1001, 7003), slice(n - 3, n)):
        _, part = setup.free_run(mine)
        assert bits(part) == bits(whole.take(mine)), mine


def test_the_bytes_of_a_rank_fall_with_the_number_of_ranks(water: EmbeddedSetup) -> None:
    domain = water.domain

    def held(mine: slice) -> int:
        return sum(array.nbytes for array in arrays_in(free_run(water, mine), set()))

    domain.release_start_fields()
    n = len(domain.tiles)
    whole, floor = held(slice(0, n)), held(slice(0, 1))
    # Besides its tiles a rank holds the coefficients of the latent weather; their number does not depend on the grid.
    for rank in range(RANKS):
        mine = domain.layout.tiles_of(rank)
        share = (mine.stop - mine.start) / n
        assert share < 0.5
        assert held(mine) - floor == pytest.approx(share * (whole - floor), rel=0.02)
    domain.release_start_fields()


def test_what_every_rank_has_of_all_tiles_is_small(water: EmbeddedSetup) -> None:
    """Soil parameters that are the same in all layers are stored once."""
    tiles = water.domain.tiles
    assert distinct_bytes(tiles) <= 200 * len(tiles)
    assert not any(array.flags.owndata for array in (tiles.porsl, tiles.psi0, tiles.bsw, tiles.hksati))


def test_the_climatology_is_released(water: EmbeddedSetup) -> None:
    domain: Domain = water.domain
    first = domain.climatology
    assert domain.climatology is first
    domain.release_start_fields()
    assert arrays_in(domain.climate, set()) == []
    domain.release_start_fields()  # without a climatology: nothing to do


def test_a_campaign_keeps_no_climatology(tmp_path: Path) -> None:
    from landda_hpc.campaign.start import start_campaign

    config = parse_config(RAW | {"model": {"spinup_days": 0}})
    campaign = start_campaign(config, SerialCommunicator(), tmp_path / "small")
    campaign.folder.unlock()
    assert arrays_in([campaign.domain.climate, campaign.domain.cover], set()) == []


PERTURBED: dict[str, Any] = {
    "twin": {"sand_sigma": 20.0, "log_ksat_sigma": 0.5, "vegetation_sigma": 0.1, "log_rain_sigma": 0.3,
             "log_pet_sigma": 0.1, "wetness_sigma": 0.1},
    "runs": [
        {"method": "control", "name": name,
         "ensemble": {"members": 2, "wetness_sigma": 0.1, "log_rain_sigma": 0.2, "parameters": {"sand_sigma": 10.0}}}
        for name in ("one", "other")
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def perturbed() -> EmbeddedSetup:
    return setup_of("soil_water", PERTURBED)


@pytest.mark.parametrize("name", ["nature", "one_002"])
def test_perturbations_of_a_slice_have_the_bits_of_the_whole(name: str, perturbed: EmbeddedSetup) -> None:
    instance = next(i for i in perturbed.bare_instances() if i.name == name)

    def values(mine: slice) -> list[np.ndarray]:
        tiles = perturbed.tiles(instance, mine)
        arrays = [tiles.porsl, tiles.psi0, tiles.bsw, tiles.hksati, tiles.vegetation_fraction, tiles.root_fraction]
        factors = [factor for factor in perturbed.factors(instance, mine) if isinstance(factor, np.ndarray)]
        return [*arrays, perturbed.wetness_change(instance, mine), *factors]

    n = len(perturbed.domain.tiles)
    whole = values(slice(0, n))
    plain = perturbed.domain.tiles
    assert not np.array_equal(whole[3], plain.hksati)
    assert len(whole) == (9 if name == "nature" else 8)
    for mine in (slice(0, 1), slice(1, 9), slice(63, 200), slice(1001, 7003), slice(n - 3, n)):
        for part, all_tiles in zip(values(mine), whole, strict=True):
            assert part.tobytes() == all_tiles[mine].tobytes(), mine


def test_members_with_the_same_parameters_share_them(perturbed: EmbeddedSetup, tmp_path: Path) -> None:
    """The same member of two runs has one copy; a parameter is stored once for all layers."""
    models = EmbeddedModels(perturbed, SerialCommunicator(), CampaignFolder(tmp_path))
    made = {i.name: i.model for i in models.make_instances() if i.model is not None}
    assert made["one_001"].tiles is made["other_001"].tiles
    assert made["one_001"].tiles is not made["one_002"].tiles
    assert vars(made["one_001"])["_records"] is vars(made["other_001"])["_records"]
    plain = perturbed.domain.tiles.take(perturbed.domain.layout.tiles_of(0))
    assert distinct_bytes(made["one_001"].tiles) == distinct_bytes(plain)
