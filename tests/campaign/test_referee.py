"""A referee in a campaign: bits on any number of ranks and after a resume, stations, messages."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from landda_hpc.config import parse_config
from landda_hpc.errors import ConfigError
from landda_hpc.instances.domain import make_domain
from tests.campaign.conftest import CONFIG, Landda
from tests.configured import referee_of

TWIN_REFEREE = {"kind": "twin", "error_std": 0.06, "gaps": "network", "missing_fraction": 0.5}
RUNS = [{"method": "control"}, {"method": "learned", "referee": False}, {"method": "learned", "name": "refereed"}]


def records(output: Path, run: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in (output / "cycles.jsonl").read_text().splitlines()]
    return [line for line in lines if line["run"] == run]


@pytest.mark.verify
def test_the_same_bits_on_more_ranks_and_after_a_resume(landda: Landda) -> None:
    file = landda.write(referee=TWIN_REFEREE, runs=RUNS)
    done = landda.here("run", file, "-o", "one")
    assert done.returncode == 0, done.stdout + done.stderr
    with_referee = [line for line in records(landda.folder / "one", "refereed") if "referee_decides" in line]
    decides = [line["referee_decides"] for line in with_referee]
    assert decides[0] == 0.0 and 1.0 in decides
    assert not any("referee_decides" in line for line in records(landda.folder / "one", "learned"))
    assert len(with_referee[-1]["triple_referee_variance_by_scale"]) > 1

    done = landda(3, "run", file, "-o", "three")
    assert done.returncode == 0, done.stdout + done.stderr
    assert landda.digest("three") == landda.digest("one")
    newest = sorted((landda.folder / "three" / "checkpoints").glob("checkpoint_*.h5"))[-1]
    newest.unlink()
    done = landda(2, "resume", "three")
    assert done.returncode == 0, done.stdout + done.stderr
    assert landda.digest("three") == landda.digest("one")
    for name in ("cycles.jsonl", "scores.jsonl"):
        assert (landda.folder / "three" / name).read_bytes() == (landda.folder / "one" / name).read_bytes()


def write_stations(path: Path) -> None:
    """Hourly soil moisture at 0-10 cm, percent, of three stations; two of them lie in one cell."""
    lines = ["Station_Id_C,Lat,Lon,Datetime(utc),VWC_010(%)"]
    for name, lat, lon, value in (("A", 41.0, 101.0, 20.0), ("B", 41.02, 101.02, 30.0), ("C", 9.0, 20.0, 15.0)):
        times = (datetime(2022, 6, 1) + timedelta(hours=hour) for hour in range(24 * 4))
        lines += [f"{name},{lat},{lon},{time:%Y-%m-%d %H:%M:%S},{value}" for time in times]
    path.write_text("\n".join(lines) + "\n")


STATIONS = {
    "catalogue": {"network": {"product": "cma_csv", "path": "stations.csv"}},
    "referee": {"kind": "stations", "entry": "network", "accept": ["G", "U"], "representativeness_std": 0.05},
}


def test_stations_are_images_on_the_model_grid(tmp_path: Path) -> None:
    write_stations(tmp_path / "stations.csv")
    config = parse_config(with_(**STATIONS, data_root=str(tmp_path)))
    source = referee_of(config, make_domain(config, 1))
    assert source is not None
    found = source.at(config.time.analyses[0])
    assert found is not None and found.error_std is not None
    values = np.sort(found.values[np.isfinite(found.values)])
    np.testing.assert_allclose(values, [0.15, 0.25])  # the mean of two sensors in one cell
    assert (found.error_std == 0.05).all()
    # A year of a fine grid must fit in memory: only cells with stations are kept.
    kept = sum(np.size(values) for values in source._found.means.values())
    assert kept == 2 * len(config.time.analyses)
    assert not source.survey(config.time.analyses).missing
    late = parse_config(with_(**STATIONS, data_root=str(tmp_path), time={
        "start": "2023-06-02T00:00", "assimilation_end": "2023-06-03T00:00", "end": "2023-06-03T00:00"}))  # fmt: skip
    with pytest.raises(ConfigError, match="referee: none of"):
        referee_of(late, make_domain(late, 1))


OF_FILE = {"kind": "learned", "file": "errors.nc"}


def with_(**changes: Any) -> Mapping[str, Any]:
    return {**CONFIG, "runs": RUNS, "referee": TWIN_REFEREE, **changes}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"runs": RUNS[:2]}, "referee: no run uses it to learn errors; add a run"),
        (
            {"runs": [{"method": "pointwise", "background_errors": OF_FILE, "observation_errors": OF_FILE}]},
            "referee: no run uses it to learn errors; add a run",
        ),
        ({"referee": {"kind": "stations", "entry": "here"}}, "referee.entry: needs an entry of stations .* is missing"),
        ({"referee": {"kind": "twin", "depth_m": [0.0, 0.05]}}, "referee.depth_m .* give both the same layer"),
        ({"referee": {"kind": "twin", "monitor_only": True}}, "referee.monitor_only: a referee is not assimilated"),
        (
            {
                "observations": {"kind": "catalogue", "entry": "soil"},
                "referee": {"kind": "catalogue", "entry": "soil"},
                "catalogue": {"soil": {"product": "gldas_noah", "path": "soil_%Y%m%d.nc4"}},
            },
            "referee: soil is also the assimilated product; a referee needs independent errors",
        ),
    ],
)
def test_what_a_referee_must_not_be(changes: Mapping[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config(with_(**changes))
    assert re.search(message, str(caught.value).replace("\n", " ")), caught.value


@pytest.mark.verify
def test_stations_of_the_referee_do_not_verify(landda: Landda) -> None:
    """The same file is read twice: as the referee's network it verifies nothing, as another entry it does."""
    write_stations(landda.folder / "stations.csv")
    stations = {"product": "cma_csv", "path": "stations.csv"}
    asked = [{"entry": name, "accept": ["G", "U"]} for name in ("network", "other")]
    file = landda.write(
        **STATIONS | {"catalogue": {"network": stations, "other": stations}},
        runs=[{"method": "control"}, {"method": "learned", "frame": {"angles_coarse": 8, "scales": 2}}],
        data_root=str(landda.folder),
        output={"series": {}, "figures": False},
        verification={"stations": asked, "min_pairs": 4},
    )
    done = landda.here("run", file, "-o", "out")
    assert done.returncode == 0, done.stdout + done.stderr
    scored = landda.here("score", "out", "--no-figures")
    assert scored.returncode == 0, scored.stdout + scored.stderr
    assert "stations 'network': not shown, because they were the referee" in " ".join(scored.stderr.split())
    assert "stations 'other'" not in scored.stderr
    assert "Compared with 3 sensors of 3 stations" in " ".join(scored.stdout.split())
