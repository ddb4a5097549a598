"""Differences of states and scores against numpy on checkpoints and records that are made here."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from landda_hpc.errors import ShapeError
from landda_hpc.parallel.communicator import SerialCommunicator
from landda_hpc.state import TileState
from landda_hpc.storage.checkpoint import CheckpointHeader, LocalPart, write_checkpoint
from landda_hpc.studies.campaign_difference import mapping_differences, score_differences, state_differences
from landda_hpc.variables import SOIL_WATER_STATE
from landda_hpc.verification.tables.score_records import ScoreRecord

N_TILES = 2500
HEADER = CheckpointHeader("x", 3, "2022-06-02T18:00:00", "0", N_TILES, ("nature", "control"), "0", {}, SOIL_WATER_STATE)


def checkpoint(path: Path, states: dict[str, TileState], header: CheckpointHeader = HEADER) -> Path:
    header = replace(header, instances=tuple(states))
    parts = {name: LocalPart(state, slice(0, state.n_tile)) for name, state in states.items()}
    write_checkpoint(path, SerialCommunicator(), header, parts)
    return path


def states(names: tuple[str, ...]) -> dict[str, TileState]:
    return {name: TileState.filled(N_TILES, SOIL_WATER_STATE) for name in names}


def test_the_largest_difference_of_a_variable_is_found(tmp_path: Path) -> None:
    one, other = states(("nature", "control")), states(("nature", "control"))
    other["control"]["wliq_soisno"][1700, 6] += 2.5
    other["nature"]["wliq_soisno"][3, 7] -= 1.0
    other["nature"]["t_grnd"][5] = math.nan
    a, b = checkpoint(tmp_path / "a.h5", one), checkpoint(tmp_path / "b.h5", other)
    found, apart = state_differences(a, b)
    by_name = {entry.variable: entry for entry in found}
    water = by_name["wliq_soisno"]
    assert (water.instance, water.tile, water.layer, water.largest) == ("control", 1700, 6, 2.5)
    assert water.n_different == 2 and water.n_values == 2 * one["nature"]["wliq_soisno"].size and not apart
    assert water.rms == pytest.approx(math.sqrt((2.5**2 + 1.0) / water.n_values))
    assert by_name["t_grnd"].n_different == 1 and math.isnan(by_name["t_grnd"].largest)
    assert all(entry.n_different == 0 for name, entry in by_name.items() if name not in ("wliq_soisno", "t_grnd"))


def test_states_of_other_instances_and_tiles(tmp_path: Path) -> None:
    a = checkpoint(tmp_path / "a.h5", states(("nature", "control")))
    b = checkpoint(tmp_path / "b.h5", states(("nature", "pointwise")))
    found, apart = state_differences(a, b)
    assert apart == ["control", "pointwise"] and not any(entry.n_different for entry in found)
    small = {"nature": TileState.filled(7, SOIL_WATER_STATE)}
    c = checkpoint(tmp_path / "c.h5", small, replace(HEADER, n_tiles=7))
    with pytest.raises(ShapeError, match="has 2500 tiles"):
        state_differences(a, c)


def test_scores_are_compared_at_common_times() -> None:
    def record(hour: int, run: str, ubrmse: float) -> ScoreRecord:
        time = datetime(2022, 6, 2, hour)
        return ScoreRecord(1, time, run, "truth", "0-10 cm", "analysis", "assimilation", 0.5, 0.1, 0.0, ubrmse, 9)

    a = [record(6, "control", 0.03), record(6, "x", 0.02), record(12, "x", 0.04), record(18, "x", math.nan)]
    b = [record(6, "control", 0.03), record(6, "x", 0.02), record(12, "x", 0.07), record(18, "x", math.nan)]
    control, x = score_differences(a, [*b, record(0, "x", 0.5)])
    assert control.label[0] == "control" and control.n_different == 0 and control.largest == 0.0
    assert (x.n_times, x.n_different) == (3, 1) and x.largest == pytest.approx(0.03)
    assert x.ubrmse == pytest.approx((0.03, 0.045))


def test_keys_of_trees() -> None:
    a, b = {"a": 1, "runs": {"x": {"gain": 0.3}, "y": {}}}, {"a": 1, "runs": {"x": {"gain": 0.7}}, "seed": 2}
    assert mapping_differences(a, b) == [("runs.x.gain", "0.3", "0.7"), ("runs.y", "{}", "-"), ("seed", "-", "2")]
    assert np.array_equal(mapping_differences(a, a), [])
