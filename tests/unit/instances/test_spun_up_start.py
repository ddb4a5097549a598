"""What a campaign may begin from: a spin-up of its own tiles and of the time of the year, in words that say why not."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from landda_hpc.campaign.start import resume_campaign, run_campaign
from landda_hpc.config import CampaignConfig, parse_config
from landda_hpc.constants import FROZEN_ICE, RHO_WATER, SOIL_DZ
from landda_hpc.data import spun_up_path
from landda_hpc.errors import ConfigError
from landda_hpc.instances.domain import Domain, make_domain
from landda_hpc.instances.spun_up_start import INSTANCES, initial_problems, spun_up_state
from landda_hpc.land_experiments.spinup import StopRule, spin_up
from landda_hpc.land_experiments.spinup_ends import compare_ends
from landda_hpc.parallel.communicator import SerialCommunicator
from landda_hpc.state import PatchType, TileState
from landda_hpc.storage.checkpoint import CheckpointHeader, LocalPart, digest, write_checkpoint
from landda_hpc.storage.checkpoint_format import GRID
from landda_hpc.variables import LAND_STATE

REGION = {"n_lat": 17, "n_lon": 17, "south": 30.0, "north": 64.0, "west": 90.0, "east": 124.0}
SPUN_UP = {"physics": "land_surface", "initial": "spun_up", "initial_file": "spinup.h5", "spinup_days": 0}


def config(folder: Path, start: str = "2022-03-01", **changes: Any) -> CampaignConfig:
    times = {"start": f"{start}T00:00", "assimilation_end": f"{start}T06:00", "end": f"{start}T06:00"}
    return parse_config({
        "name": "tiny", "time": times, "grid": REGION, "model": SPUN_UP, "twin": {}, "observations": {"kind": "twin"},
        "runs": [{"method": "control"}], "data_root": str(folder), **changes,
    })  # fmt: skip


@pytest.fixture(scope="module")
def domain() -> Domain:
    return make_domain(config(Path()), 1)


def write(
    folder: Path, n: int, date: datetime, records: dict[str, str], states: Mapping[str, TileState] | None = None,
    years: int = 2,
) -> Path:  # fmt: skip
    states = dict.fromkeys(INSTANCES, TileState.filled(n, LAND_STATE)) if states is None else states
    header = CheckpointHeader(
        campaign="spin", cycle=years, valid_time=date.isoformat(), config_hash="0", n_tiles=n,
        instances=tuple(states), software_version="0", variables=LAND_STATE, records=records,
    )  # fmt: skip
    parts = {name: LocalPart(state, slice(0, n)) for name, state in states.items()}
    folder.mkdir(exist_ok=True)
    write_checkpoint(folder / "spinup.h5", SerialCommunicator(), header, parts, "serial")
    return folder / "spinup.h5"


@pytest.mark.parametrize("start", ["2022-03-01", "2023-02-10", "2024-02-29"])
def test_a_spin_up_from_a_29_february_serves_any_year(tmp_path: Path, domain: Domain, start: str) -> None:
    records = {GRID: domain.grid.describe()}
    path = write(tmp_path, len(domain.tiles), datetime(2024, 2, 29), records)
    assert initial_problems(config(tmp_path, start), domain) == []
    state = spun_up_state(path, domain, domain.tiles, datetime.fromisoformat(start), slice(0, len(domain.tiles)))
    np.testing.assert_array_equal(state["t_grnd"], 283.0)


def test_what_does_not_fit_is_said_with_what_to_do(tmp_path: Path, domain: Domain) -> None:
    n, winter = len(domain.tiles), datetime(2022, 2, 20)
    of_this = {GRID: domain.grid.describe()}
    other = {"control": TileState.filled(n, LAND_STATE)}
    for tiles, date, records, states, message in (
        (n + 1, winter, of_this, None, f"holds {n + 1} tiles"),
        (n, winter, {GRID: "another region"}, None, "of another region, the campaign has"),
        (n, datetime(2022, 7, 1), of_this, None, "on 01 March .*122 days away"),
        (n, winter, of_this, other, "is not a spin-up file: it holds control"),
    ):
        path = write(tmp_path, tiles, date, records, states)
        (problem,) = initial_problems(config(tmp_path), domain)
        assert problem.startswith("model.initial = spun_up: ")
        with pytest.raises(ConfigError, match=message):
            spun_up_state(path, domain, domain.tiles, datetime(2022, 3, 1), slice(0, len(domain.tiles)))
    # Of an earlier version, that did not say which grid; and a count on a coarser grid knows no number of tiles.
    write(tmp_path, n, winter, {})
    assert initial_problems(config(tmp_path), domain) == []
    write(tmp_path, n + 1, winter, of_this)
    assert initial_problems(config(tmp_path), domain, is_whole=False) == []


def test_a_year_s_file_cannot_have_the_name_of_a_spin_up_of_certain_tiles(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"suffix \.nc"):
        spin_up(config(tmp_path), SerialCommunicator(), tmp_path, StopRule(), year_file=tmp_path / "year.h5")


@pytest.mark.verify
def test_a_resume_needs_the_initial_file_no_more(tmp_path: Path) -> None:
    shutil.copyfile(spun_up_path(), tmp_path / "year.nc")
    times = {"start": "2022-03-01T00:00", "assimilation_end": "2022-03-01T06:00", "end": "2022-03-01T12:00"}
    changes = {
        "time": times, "model": SPUN_UP | {"initial_file": "year.nc"}, "checkpoint": {"every_hours": 6},
        "output": {"every_hours": 12, "figures": False},
    }  # fmt: skip
    assert run_campaign(config(tmp_path, **changes), tmp_path / "out").finished
    *_, last = sorted((tmp_path / "out" / "checkpoints").glob("*.h5"))
    wanted = digest(last)
    last.unlink()
    (tmp_path / "year.nc").unlink()
    campaign = resume_campaign(tmp_path / "out", SerialCommunicator())
    assert campaign.run().finished and digest(last) == wanted
    campaign.folder.unlock()
    # One that has to begin again does need it.
    for path in (*(tmp_path / "out" / "checkpoints").glob("*.h5"), *(tmp_path / "out").glob("*.jsonl")):
        path.unlink()
    with pytest.raises(ConfigError, match=r"year\.nc' does not exist"):
        resume_campaign(tmp_path / "out", SerialCommunicator())


def test_two_ends_beside_each_other(tmp_path: Path, domain: Domain) -> None:
    """Soil tiles in turn: the same table with other water, a table underway to ours, one underway elsewhere, frozen."""
    tiles = domain.tiles
    n, soil = len(tiles), np.flatnonzero(tiles.patchtype == PatchType.SOIL)
    mine, theirs, before = (TileState.filled(n, LAND_STATE) for _ in range(3))
    theirs.soil("wliq_soisno")[soil[0::4]] += 0.01 * RHO_WATER * SOIL_DZ
    theirs.soil("t_soisno")[soil[0::4], -1] += 0.25
    for part, last, end in ((soil[1::4], 7.0, 6.5), (soil[2::4], 6.0, 6.5), (soil[3::4], 6.0, 6.5)):
        before["zwt"][part], theirs["zwt"][part] = last, end
    mine.soil("wice_soisno")[soil[3::4], -1] = 2.0 * FROZEN_ICE
    records, date = {GRID: domain.grid.describe()}, datetime(2022, 3, 1)
    ours = write(tmp_path / "a", n, date, records, dict.fromkeys(INSTANCES, mine), 9)
    other = write(tmp_path / "b", n, date, records, dict(zip(INSTANCES, (theirs, before, before), strict=True)), 20)
    ends = compare_ends(domain, ours, other)
    assert (ends.years, ends.other_years) == (9, 20)
    assert ends.same_table == soil[0::4].size and ends.frozen == soil[3::4].size
    assert ends.towards == soil[1::4].size and ends.moving == soil[1::4].size + soil[2::4].size
    np.testing.assert_allclose(ends.water + ends.surface, 0.01, rtol=1e-9)
    np.testing.assert_allclose(ends.temperature, 0.25, rtol=1e-9)
    elsewhere = write(tmp_path / "c", n, date, {GRID: "another region"})
    with pytest.raises(ConfigError, match="of another region, the configuration has"):
        compare_ends(domain, ours, elsewhere)
    with pytest.raises(ConfigError, match="continue it with --max-years"):
        compare_ends(domain, ours, write(tmp_path / "c", n, date, records, years=1))
