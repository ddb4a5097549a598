"""What a campaign may begin from: a spin-up of its own tiles and of the time of the year, in words that say why not."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from landda_hpc.campaign.domain import Domain, make_domain
from landda_hpc.campaign.spinup import StopRule, spin_up
from landda_hpc.campaign.spun_up import GRID_RECORD, initial_problems, spun_up_state
from landda_hpc.config import CampaignConfig, parse_config
from landda_hpc.errors import ConfigError
from landda_hpc.parallel.communicator import SerialCommunicator
from landda_hpc.state import TileState
from landda_hpc.storage.checkpoint import CheckpointHeader, LocalPart, write_checkpoint
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


def write(folder: Path, n: int, date: datetime, records: dict[str, str], instance: str = "state") -> Path:
    header = CheckpointHeader(
        campaign="spin", cycle=2, valid_time=date.isoformat(), config_hash="0", n_tiles=n, instances=(instance,),
        software_version="0", variables=LAND_STATE, records=records,
    )  # fmt: skip
    part = {instance: LocalPart(TileState.filled(n, LAND_STATE), slice(0, n))}
    write_checkpoint(folder / "spinup.h5", SerialCommunicator(), header, part, "serial")
    return folder / "spinup.h5"


@pytest.mark.parametrize("start", ["2022-03-01", "2023-02-10", "2024-02-29"])
def test_a_spin_up_from_a_29_february_serves_any_year(tmp_path: Path, domain: Domain, start: str) -> None:
    records = {GRID_RECORD: domain.grid.describe()}
    path = write(tmp_path, len(domain.tiles), datetime(2024, 2, 29), records)
    assert initial_problems(config(tmp_path, start), domain) == []
    state = spun_up_state(path, domain, domain.tiles, datetime.fromisoformat(start))
    np.testing.assert_array_equal(state["t_grnd"], 283.0)


def test_what_does_not_fit_is_said_with_what_to_do(tmp_path: Path, domain: Domain) -> None:
    n, winter = len(domain.tiles), datetime(2022, 2, 20)
    of_this = {GRID_RECORD: domain.grid.describe()}
    for tiles, date, records, instance, message in (
        (n + 1, winter, of_this, "state", f"holds {n + 1} tiles"),
        (n, winter, {GRID_RECORD: "another region"}, "state", "of another region, the campaign has"),
        (n, datetime(2022, 7, 1), of_this, "state", "on 01 March .*122 days away"),
        (n, winter, of_this, "control", "is no spin-up: it holds control"),
    ):
        path = write(tmp_path, tiles, date, records, instance)
        (problem,) = initial_problems(config(tmp_path), domain)
        assert problem.startswith("model.initial = spun_up: ")
        with pytest.raises(ConfigError, match=message):
            spun_up_state(path, domain, domain.tiles, datetime(2022, 3, 1))
    # Of an earlier version, that did not say which grid; and a count on a coarser grid knows no number of tiles.
    write(tmp_path, n, winter, {})
    assert initial_problems(config(tmp_path), domain) == []
    write(tmp_path, n + 1, winter, of_this)
    assert initial_problems(config(tmp_path), domain, is_whole=False) == []


def test_a_year_s_file_cannot_have_the_name_of_a_spin_up_of_certain_tiles(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"name it \.nc"):
        spin_up(config(tmp_path), SerialCommunicator(), tmp_path, StopRule(), year_file=tmp_path / "year.h5")
