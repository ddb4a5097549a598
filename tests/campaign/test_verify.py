"""`landda score` of small campaigns: recording, stations, references; the same on any ranks and after a stop."""

from __future__ import annotations

import csv
import shutil
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import netCDF4
import numpy as np
import pytest
import yaml
from typer.testing import CliRunner

from landda_hpc.campaign import run_campaign
from landda_hpc.campaign.start import resume_campaign
from landda_hpc.commands.application import app
from landda_hpc.config import GridConfig, apply_overrides, parse_config
from landda_hpc.constants import SOIL_ZI
from landda_hpc.errors import ConfigError
from landda_hpc.evaluation.rain import recorded_rain
from landda_hpc.evaluation.recorded_series import CampaignSeries, unfrozen
from landda_hpc.instances.domain import make_grid
from landda_hpc.parallel.communicator import SerialCommunicator
from landda_hpc.regions import Region
from landda_hpc.regridding.depth import depth_weights
from landda_hpc.storage.checkpoint import digest as checkpoint_digest
from landda_hpc.storage.folder_contents import look_through
from landda_hpc.storage.retention import list_checkpoints
from landda_hpc.storage.series_files import list_series, read_day, series_folder
from landda_hpc.studies.comparison import open_seed
from tests.campaign.conftest import CONFIG, Landda
from tests.configured import campaign_series, verification_problems

CHANGES: dict[str, Any] = {
    "grid": {"n_lat": 24, "n_lon": 32, "south": 15.0, "north": 55.0, "west": 70.0, "east": 140.0},
    "time": {"start": "2022-06-02T00:00", "assimilation_end": "2022-06-04T00:00", "end": "2022-06-05T12:00"},
    "runs": [{"method": "control"}, {"method": "pointwise"}],
    "output": {"every_hours": 720, "figures": False, "series": {"to_depth_m": 0.4}},
    "verification": {
        "depths_m": [[0.0, 0.1]],
        "regions": [{"name": "China", "boxes": [[15.0, 55.0, 70.0, 140.0]]}],
        "twin_stations": {"per_region": 10},
        "min_pairs": 5,
        "replicates": 60,
    },
}
N_CYCLES = 14
GRID = make_grid(GridConfig(**CHANGES["grid"]))


def series_of(output: Path) -> dict[tuple[str, datetime], Any]:
    files = list_series(series_folder(output))
    return {
        (run, time): values
        for run, days in files.items()
        for path in days.values()
        for time, values in read_day(path).slices.items()
    }


def series_bytes(output: Path) -> dict[tuple[str, datetime, str], bytes]:
    return {
        (*key, name): getattr(values, name).tobytes()
        for key, values in series_of(output).items()
        for name in ("soil_moisture", "sub_grid_std", "precipitation", "frozen")
    }


def run_here(folder: Path, **changes: Any) -> Path:
    """Run a campaign in this process: starting another takes longer than the campaign."""
    output = folder / "out"
    assert run_campaign(parse_config({**CONFIG, **CHANGES, **changes}), output).finished
    return output


def score(*arguments: object) -> Any:
    """`landda score` in this process."""
    return CliRunner().invoke(app, ["score", *(str(a) for a in arguments)])


@pytest.fixture(scope="module")
def verified(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished campaign, verified in its folder ``verification``."""
    output = run_here(tmp_path_factory.mktemp("verified"))
    done = score(output)
    assert done.exit_code == 0, done.output
    assert "Stations by region, assimilation window" in done.output
    assert "The stations are drawn from the nature run" in " ".join(done.output.split())
    assert look_through(output).unknown == ()
    return output


@pytest.mark.verify
def test_every_cycle_of_every_instance_is_recorded(verified: Path) -> None:
    found = series_of(verified)
    times = [datetime(2022, 6, 2) + timedelta(hours=6 * i) for i in range(1, N_CYCLES + 1)]
    assert set(found) == {(run, time) for run in ("nature", "control", "pointwise") for time in times}
    values = found["nature", times[-1]]
    water = values.soil_moisture[np.isfinite(values.soil_moisture)]
    assert values.soil_moisture.shape[0] == 6, "six layers reach 0.4 m"
    assert water.min() > 0.0 and water.max() < 0.9
    rain = sum(found["control", time].precipitation for time in times)
    assert np.nanmean(rain) < 100.0
    assert np.nanmean(rain) > 0.0
    several = values.sub_grid_std[0]
    assert 0.0 < np.nanmax(several) < 0.3 and np.nanmin(several) == 0.0


def test_recorded_means_are_those_of_the_scores(verified: Path) -> None:
    """SCC and bias from the series equal the campaign's own scores, if run and truth are frozen in the same cells."""
    with (verified / "verification/reference_patterns.csv").open() as file:
        mine = {
            (r["run"], r["time"]): r
            for r in csv.DictReader(file)
            if r["layer"] == "0-10 cm" and r["region"] == "all cells"
        }
    with (verified / "scores.csv").open() as file:
        theirs = [r for r in csv.DictReader(file) if r["reference"] == "truth" and r["layer"] == "0-10 cm"]
    last = {(r["run"], r["time"]): r for r in theirs}
    assert set(last) == set(mine)
    frozen = {(run, time.isoformat()): values.frozen > 0.0 for (run, time), values in series_of(verified).items()}
    compared = {key: row for key, row in last.items() if np.array_equal(frozen[key], frozen["nature", key[1]])}
    assert len(compared) >= N_CYCLES
    for key, row in compared.items():
        for name in ("scc", "bias", "ubrmse"):
            assert float(mine[key][name]) == pytest.approx(float(row[name]), abs=2e-6)


def test_without_regions_stations_are_drawn_in_the_whole_domain(verified: Path, tmp_path: Path) -> None:
    done = score(verified, "--set", "verification.regions=[]", "-o", tmp_path / "v", "--no-figures")
    assert done.exit_code == 0, done.output
    page = (tmp_path / "v" / "verification.md").read_text()
    assert "| all stations | 0-10 cm | control |" in page and "China" not in page
    with netCDF4.Dataset(tmp_path / "v" / "stations.nc") as file:
        lat, lon = np.asarray(file["lat"][:]), np.asarray(file["lon"][:])
    assert lat.size == 10 and Region("grid", 15.0, 55.0, 70.0, 140.0).holds(lat, lon).all()


def test_stations_are_the_truth_of_their_cell_with_errors(verified: Path) -> None:
    with netCDF4.Dataset(verified / "verification/stations.nc") as file:
        china = Region("China", 15.0, 55.0, 70.0, 140.0)
        assert china.holds(np.asarray(file["lat"][:]), np.asarray(file["lon"][:])).all(), "as their network says"
        observed = np.ma.filled(file["observed"][:], np.nan)
        model = np.ma.filled(file["model"][:], np.nan)
        runs, windows = list(file["run"][:]), list(file["window"][:])
        r = np.ma.filled(file["r"][:], np.nan)
        n_eff, n = np.ma.filled(file["r_n_eff"][:], np.nan), np.ma.filled(file["n"][:], np.nan)
    assert runs == ["control", "pointwise"] and windows == ["assimilation", "forecast"]
    assert observed.shape == (N_CYCLES, 10) and model.shape == (2, N_CYCLES, 10)
    inside = np.arange(N_CYCLES) < 8
    for place in range(10):
        both = np.isfinite(observed[:, place]) & np.isfinite(model).all(axis=0)[:, place] & inside
        if both.sum() >= 5:
            expected = np.corrcoef(model[1, both, place], observed[both, place])[0, 1]
            assert r[0, 1, 0, place] == pytest.approx(expected, abs=1e-6)
            assert n[0, place] == both.sum() and 1.0 <= n_eff[0, 1, place] <= both.sum() + 1e-9
            low, high = r[0, 1, 1, place], r[0, 1, 2, place]
            assert np.isnan(low) or low <= expected <= high
    text = (verified / "verification/verification.md").read_text()
    for words in (
        "## Stations",
        "Gridded reference: truth",
        "| change |",
        "due to these errors and not to the model",
        "account for auto",
    ):
        assert words in text
    pictures = sorted(p.name for p in (verified / "verification/figures").iterdir())
    assert any(name.startswith("stations_r_assimilation") for name in pictures)
    assert any(name.startswith("station_anomalies_china") for name in pictures)
    assert {"scc_truth.png", "station_series_china.png"} <= set(pictures)
    for name in pictures:
        assert f"(figures/{name})" in text


@pytest.mark.verify
@pytest.mark.parametrize("ranks", [2, 3])
def test_series_do_not_depend_on_the_number_of_ranks(verified: Path, landda: Landda, ranks: int) -> None:
    done = landda(ranks, "run", landda.write(**CHANGES, parallel={"member_groups": 2}), "-o", "out")
    assert done.returncode == 0, done.stdout + done.stderr
    assert series_bytes(landda.folder / "out") == series_bytes(verified)


def digest_of(output: Path) -> str:
    return checkpoint_digest(list_checkpoints(output / "checkpoints")[-1][1])


@pytest.mark.verify
def test_a_resume_leaves_neither_gaps_nor_duplicates(verified: Path, tmp_path: Path) -> None:
    output = run_here(tmp_path)
    digest = digest_of(output)
    for _, path in list_checkpoints(output / "checkpoints")[1:]:
        path.unlink()
    campaign = resume_campaign(output, SerialCommunicator())
    assert 0 < campaign.cycle < N_CYCLES
    assert len(series_of(output)) == 3 * campaign.cycle, "cut back to the checkpoint"
    campaign.run()
    campaign.folder.unlock()
    assert series_bytes(output) == series_bytes(verified)
    assert digest_of(output) == digest


def test_what_is_verified_may_change_after_a_campaign_has_begun(verified: Path, tmp_path: Path) -> None:
    """The same command finds the campaign finished, a resume takes it, but no other scores of every cycle."""
    world = SerialCommunicator()
    raw = {**CONFIG, **CHANGES, "name": "renamed"}
    more = {**CHANGES["verification"], "min_pairs": 7, "place": "bilinear", "discard_days": 1, "days": ["2022-06-03"]}
    asked = parse_config({**raw, "verification": more, "output": {**CHANGES["output"], "figures": True}})
    assert open_seed(asked, world, verified) is None, "finished"
    other = parse_config({**raw, "verification": {**more, "depths_m": [[0.0, 0.2]]}})
    assert open_seed(other, world, verified, same_records=False) is None
    with pytest.raises(ConfigError, match=r"\(control, pointwise\): verification.depths_m differ"):
        open_seed(other, world, verified)
    with pytest.raises(ConfigError, match=r"seed, runs.1.gain differ"):
        open_seed(parse_config(apply_overrides(raw, {"seed": 8, "runs.1.gain": 0.1})), world, verified)

    output = tmp_path / "begun"
    shutil.copytree(verified, output)
    for _, path in list_checkpoints(output / "checkpoints")[1:]:
        path.unlink()
    with pytest.raises(ConfigError, match=r"verification.depths_m would change the definition of the scores"):
        resume_campaign(output, world, {"verification.depths_m": [[0.0, 0.2]]})
    gone = {"verification.precipitation": "rain", "catalogue": {"rain": {"product": "era5_land", "path": "%Y.nc"}}}
    campaign = resume_campaign(output, world, {"verification.min_pairs": 7, **gone})
    assert campaign.config.verification.min_pairs == 7, "and rain that is missing stops no resume"
    campaign.run()
    campaign.folder.unlock()
    assert digest_of(output) == digest_of(verified)
    assert (output / "scores.jsonl").read_bytes() == (verified / "scores.jsonl").read_bytes()


@pytest.mark.verify
def test_recording_changes_no_bit_of_the_state(verified: Path, tmp_path: Path) -> None:
    depths = {"depths_m": CHANGES["verification"]["depths_m"]}
    output = run_here(tmp_path, output={"figures": False}, verification=depths)
    assert digest_of(output) == digest_of(verified)
    again = score(output, "--set", "verification.twin_stations={}")
    assert isinstance(again.exception, ConfigError) and "output.series" in str(again.exception)


def nature_of_depth(output: Path, depth: tuple[float, float]) -> dict[datetime, np.ndarray]:
    weights = depth_weights(*depth, SOIL_ZI[:7])
    return {
        time: np.tensordot(weights, values.soil_moisture.astype(np.float64), axes=1)
        for (run, time), values in series_of(output).items()
        if run == "nature"
    }


def write_files(folder: Path, output: Path) -> Mapping[str, Any]:
    """A product of 0-7 cm on the model's grid, and a station in ISMN's manner, both of the nature run."""
    frame = read_day(next(iter(list_series(series_folder(output))["nature"].values()))).frame
    n_lat, n_lon = frame.shape
    truth = nature_of_depth(output, (0.0, 0.07))
    for time, values in truth.items():
        path = folder / f"product_{time:%Y%m%d%H}.nc"
        with netCDF4.Dataset(path, "w") as file:
            for name, size, units in (("lat", n_lat, "degrees_north"), ("lon", n_lon, "degrees_east")):
                file.createDimension(name, size)
                file.createVariable(name, "f8", (name,)).units = units
            file["lat"][:] = GRID.lat
            file["lon"][:] = GRID.lon
            file.createDimension("time", 1)
            clock = file.createVariable("time", "f8", ("time",))
            clock.units = "hours since 2022-01-01 00:00:00"
            clock[:] = (time - datetime(2022, 1, 1)).total_seconds() / 3600.0
            water = file.createVariable("sm", "f8", ("time", "lat", "lon"), fill_value=np.nan)
            water.units = "m3 m-3"
            image = np.full(n_lat * n_lon, np.nan)
            image[frame.cell] = values
            water[0] = image.reshape(frame.shape)
    known = np.all([np.isfinite(v) for v in nature_of_depth(output, (0.0, 0.1)).values()], axis=0)
    cell = int(np.flatnonzero(known & (frame.lat > 20.0) & (frame.lat < 40.0))[40])
    stations = folder / "stations" / "NET" / "ONE"
    stations.mkdir(parents=True)
    lines = [f"NET NET ONE {frame.lat[cell]:.5f} {frame.lon[cell]:.5f} 100.00 0.00 0.10 probe"]
    for time, values in nature_of_depth(output, (0.0, 0.1)).items():
        flag = "D06" if time.day == 5 and time.hour == 12 else "G"
        lines.append(f"{time:%Y/%m/%d %H:%M} {values[cell]:.6f} {flag} M")
    name = "NET_NET_ONE_sm_0.000000_0.100000_probe_20220602_20220605.stm"
    (stations / name).write_text("\n".join(lines) + "\n")
    return {
        "data_root": ".",
        "catalogue": {
            "product": {"product": "cf", "path": "product_%Y%m%d%H.nc", "variables": {"sm": [0.0, 0.07]},
                        "step_hours": 6.0},
            "net": {"product": "ismn", "path": "stations"},
        },
        "verification": {
            "references": [{"entry": "product", "name": "made product"}],
            "stations": [{"entry": "net"}],
            "twin_stations": None,
        },
    }  # fmt: skip


def test_files_of_others_are_verified_against_at_their_own_depths(verified: Path, tmp_path: Path) -> None:
    out = verified
    (tmp_path / "with.yaml").write_text(yaml.safe_dump(dict(write_files(tmp_path, out))))
    done = score(out, "--with", tmp_path / "with.yaml", "-o", tmp_path / "v", "--no-figures")
    assert done.exit_code == 0, done.output
    assert not (tmp_path / "v" / "figures").exists()
    with (tmp_path / "v" / "reference_patterns.csv").open() as file:
        rows = [r for r in csv.DictReader(file) if r["reference"] == "made product" and r["region"] == "all cells"]
    assert len(rows) == 2 * N_CYCLES and {r["layer"] for r in rows} == {"0-7 cm"}
    # Independently: the model over 0-7 cm against the truth over 0-7 cm, where nothing is frozen.
    truth = nature_of_depth(out, (0.0, 0.07))
    time = datetime(2022, 6, 4, 12)
    values = series_of(out)["control", time]
    model = np.tensordot(depth_weights(0.0, 0.07, SOIL_ZI[:7]), values.soil_moisture.astype(np.float64), axes=1)
    row = next(r for r in rows if r["run"] == "control" and r["time"] == time.isoformat())
    known = np.isfinite(model) & (values.frozen == 0.0)
    assert float(row["scc"]) == pytest.approx(np.corrcoef(model[known], truth[time][known])[0, 1], abs=0.05)
    with (tmp_path / "v" / "stations.csv").open() as file:
        stations = list(csv.DictReader(file))
    assert {(r["network"], r["station"], r["layer"]) for r in stations} == {("NET", "ONE", "0-10 cm")}
    forecast = next(r for r in stations if r["window"] == "forecast" and r["run"] == "control")
    assert int(forecast["n"]) == 5, "six times, one refused by its flag"
    assert float(forecast["distance_km"]) < 1.0


def test_of_stations_only_the_lines_of_the_campaign_are_read(verified: Path, tmp_path: Path) -> None:
    """With the lines of other years, one of them damaged, the scores are the same bytes."""
    (tmp_path / "with.yaml").write_text(yaml.safe_dump(dict(write_files(tmp_path, verified))))
    tables = []
    for name in ("alone", "among others"):
        done = score(verified, "--with", tmp_path / "with.yaml", "-o", tmp_path / name, "--no-figures")
        assert done.exit_code == 0, done.output
        tables.append((tmp_path / name / "stations.csv").read_bytes())
        (path,) = (tmp_path / "stations").rglob("*.stm")
        header, *lines = path.read_text(encoding="ascii").splitlines()
        others = [f"{day}/02 06:00 0.9 G M" for day in ("2021/06", "2022/07")]
        path.write_text("\n".join([header, others[0], "2021/07/02 06:00 damaged G M", *lines, others[1]]) + "\n")
    assert tables[0] == tables[1]


def add_sensors(folder: Path, *depths: str) -> None:
    """Sensors of the same station with the same values at other depths."""
    (path,) = (folder / "stations").rglob("*.stm")
    header, rest = path.read_text(encoding="ascii").split("\n", 1)
    for depth in depths:
        name = path.name.replace("0.000000_0.100000", f"{depth}0000_{depth}0000")
        path.with_name(name).write_text(f"{header.replace('0.00 0.10', f'{depth} {depth}')}\n{rest}")


@pytest.mark.verify
def test_the_depth_of_sensors_is_chosen_for_each_set(verified: Path, tmp_path: Path) -> None:
    """Of sensors at 5 cm, 10 cm and 0-10 cm those of the range count, and tables and captions say so."""
    request = dict(write_files(tmp_path, verified))
    add_sensors(tmp_path, "0.05", "0.10")
    request["verification"] |= {"references": [], "days": ["2022-06-03"]}
    for range_m, expected, words in (
        (None, {("0", "0.1"), ("0.05", "0.05"), ("0.1", "0.1")}, "at 0-10 cm (1), 5 cm (1), 10 cm (1)"),
        ([0.08, 0.12], {("0.1", "0.1")}, "at 10 cm (1)"),
        ([0.0, 0.1], {("0", "0.1"), ("0.05", "0.05"), ("0.1", "0.1")}, "at 0-10 cm (1), 5 cm (1), 10 cm (1)"),
        ([0.05, 0.1], {("0.05", "0.05"), ("0.1", "0.1")}, "at 5 cm (1), 10 cm (1)"),
    ):
        request["verification"]["stations"] = [{"entry": "net", "sensor_depths_m": range_m}]
        (tmp_path / "with.yaml").write_text(yaml.safe_dump(request))
        drawing = () if range_m == [0.08, 0.12] else ("--no-figures",)
        done = score(verified, "--with", tmp_path / "with.yaml", "-o", tmp_path / "v", *drawing)
        assert done.exit_code == 0, (done.output, done.exception)
        with (tmp_path / "v" / "stations.csv").open() as file:
            rows = list(csv.DictReader(file))
        assert {(r["depth_top_m"], r["depth_bottom_m"]) for r in rows} == expected
        page = (tmp_path / "v" / "verification.md").read_text()
        assert words in page and words in " ".join(done.output.split())
        if range_m == [0.08, 0.12]:
            assert "2 of net not within 8 to 12 cm (sensor_depths_m)" in page
            assert "at stations, 0-10 cm (sensors at 10 cm (1)), assimilation window" in page
    # Two sets of one entry, each with its own depths.
    request["verification"]["stations"] = [
        {"entry": "net", "sensor_depths_m": [0.05, 0.05]}, {"entry": "net", "sensor_depths_m": [0.1, 0.1]},
    ]  # fmt: skip
    (tmp_path / "with.yaml").write_text(yaml.safe_dump(request))
    assert score(verified, "--with", tmp_path / "with.yaml", "-o", tmp_path / "v", "--no-figures").exit_code == 0
    assert "at 5 cm (1), 10 cm (1)" in (tmp_path / "v" / "verification.md").read_text()


def test_sensors_of_another_depth_alone_are_a_problem_that_names_depths(verified: Path, tmp_path: Path) -> None:
    request = dict(write_files(tmp_path, verified))
    add_sensors(tmp_path, "0.05", "0.20")
    given = parse_config({**CONFIG, **CHANGES}).model_dump(mode="json")
    changed = {**given, **request, "data_root": str(tmp_path)}
    outside = "within sensor_depths_m, 0.3 to 0.5 m; sensors are at 0-10 cm (1), 5 cm (1), 20 cm (1)."
    unscored = "no sensor with usable values lies within the scored layers (verification.depths_m: 0-10 cm)"
    for stations, words in (
        ({"sensor_depths_m": [0.3, 0.5]}, outside),
        ({"sensor_depths_m": [0.2, 0.2]}, unscored),
        ({"sensor_depths_m": [0.05, 0.05]}, ""),
        ({}, ""),
    ):
        asked = {**CHANGES["verification"], "twin_stations": None, "stations": [{"entry": "net", **stations}]}
        problems = verification_problems(parse_config({**changed, "verification": asked}), GRID)
        assert len(problems) == bool(words) and words in "".join(problems)
    for value in ([0.2, 0.1], [-1.0, 0.1], [0.0, 51.0], [0.0, float("nan")]):
        asked = {"stations": [{"entry": "net", "sensor_depths_m": value}]}
        with pytest.raises(ConfigError, match="sensor_depths_m"):
            parse_config({**changed, "verification": asked})


def test_entries_of_successive_periods_are_one_series(verified: Path, tmp_path: Path) -> None:
    """Two downloads of one sensor in two entries: nothing is lost, and of both values of a time the good one counts."""
    request = dict(write_files(tmp_path, verified))
    (path,) = (tmp_path / "stations").rglob("*.stm")
    header, *lines = path.read_text(encoding="ascii").splitlines()
    (tmp_path / "late").mkdir()
    path.write_text("\n".join([header, *lines[:8], lines[8].replace(" G M", " D01 M")]))
    (tmp_path / "late" / path.name).write_text("\n".join([header, *lines[8:]]))
    request["catalogue"]["late"] = {"product": "ismn", "path": "late"}
    tables = []
    for entries in (["net", "late"], ["late", "net"], ["whole"]):
        if entries == ["whole"]:
            path.write_text("\n".join([header, *lines]))
            entries = ["net"]
        request["verification"] |= {"references": [], "stations": [{"entry": entry} for entry in entries]}
        (tmp_path / "with.yaml").write_text(yaml.safe_dump(request))
        done = score(verified, "--with", tmp_path / "with.yaml", "-o", tmp_path / "v", "--no-figures")
        assert done.exit_code == 0, (done.output, done.exception)
        tables.append((tmp_path / "v" / "stations.csv").read_bytes())
    assert tables[0] == tables[1] == tables[2]


@pytest.mark.verify
def test_plot_draws_the_verification_anew_as_it_was_asked_for(verified: Path) -> None:
    folder = verified / "verification"
    settings = yaml.safe_load((folder / "verify.yaml").read_text())
    assert set(settings) == {"verification", "catalogue", "data_root"}
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix == ".csv"}
    pictures = sorted(path.name for path in (folder / "figures").iterdir())
    for path in (folder / "figures").iterdir():
        path.unlink()
    settings["verification"]["drawn_stations"] = ["twin China/0003"]
    (folder / "verify.yaml").write_text(yaml.safe_dump(settings))
    done = CliRunner().invoke(app, ["plot", str(verified)])
    assert done.exit_code == 0, done.output
    assert sorted(path.name for path in (folder / "figures").iterdir()) == pictures
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix == ".csv"} == before
    assert "China, as configured" in (folder / "verification.md").read_text()
    assert str(folder / "figures" / pictures[0]) in done.output and "summary.md" in done.output


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("seed: 3", "expected sections verification, catalogue"),
        ("verification: {stations: [{entry: nothing}]}", "needs an entry of stations in the catalogue"),
        ("verification: {station: 1}", "Did you mean"),
        ("[1, 2]", "expected sections"),
    ],
)
def test_bad_requests_are_told(verified: Path, tmp_path: Path, content: str, words: str) -> None:
    (tmp_path / "with.yaml").write_text(content)
    done = score(verified, "--with", tmp_path / "with.yaml")
    assert isinstance(done.exception, ConfigError) and words in str(done.exception)


def test_days_of_esa_cci_are_from_noon_to_noon(verified: Path, tmp_path: Path) -> None:
    """A product that is the control itself around each 00 UTC differs from it on no day."""
    found = {time: values for (run, time), values in series_of(verified).items() if run == "control"}
    weights = depth_weights(0.0, 0.05)[:6]
    with netCDF4.Dataset(next(iter(list_series(series_folder(verified))["control"].values()))) as series:
        cells = series["cell"][:]
    for day in (datetime(2022, 6, d) for d in range(2, 7)):
        near = [v for t, v in found.items() if day - timedelta(hours=12) <= t < day + timedelta(hours=12)]
        image = np.full(GRID.n_cells, np.nan)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # frozen soil does not count; some is frozen at all times
            image[cells] = np.nanmean([np.tensordot(weights, unfrozen(v), (0, 0)) for v in near], axis=0)
        with netCDF4.Dataset(tmp_path / f"ESACCI-{day:%Y%m%d}000000-fv09.1.nc", "w") as data:
            for name, values, units in (
                ("time", np.array([(day - datetime(1970, 1, 1)).days]), "days since 1970-01-01 00:00:00 UTC"),
                ("lat", GRID.lat, "degrees_north"),
                ("lon", GRID.lon, "degrees_east"),
            ):
                data.createDimension(name, values.size)
                axis = data.createVariable(name, "f8", (name,))
                axis.units, axis[:] = units, values
            sm = data.createVariable("sm", "f8", ("time", "lat", "lon"), fill_value=np.nan)
            sm.units, sm[0] = "m3 m-3", image.reshape(GRID.shape)
    settings = {
        "data_root": str(tmp_path),
        "catalogue": {"cci": {"product": "esa_cci", "path": "ESACCI-%Y%m%d000000-*.nc"}},
        "verification": {"references": [{"entry": "cci", "averaging": "day"}], "depths_m": [[0.0, 0.1]]},
    }
    (tmp_path / "with.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    done = score(verified, "--with", tmp_path / "with.yaml", "-o", tmp_path / "scores", "--no-figures")
    assert done.exit_code == 0, done.output
    with (tmp_path / "scores" / "reference_patterns.csv").open() as file:
        rows = [
            r for r in csv.DictReader(file)
            if r["reference"] == "cci" and r["run"] == "control" and r["region"] == "all cells"
        ]  # fmt: skip
    biases = {r["time"][:10]: float(r["bias"] or "nan") for r in rows}
    # Around 2 June there is one cycle, around 6 June none but 12 UTC of the day before.
    assert [day for day, bias in biases.items() if np.isfinite(bias)] == [f"2022-06-0{d}" for d in (3, 4, 5)]
    assert all(abs(bias) < 1e-8 for bias in biases.values() if np.isfinite(bias)), biases


@dataclass
class Rained:
    """Series of which only the rain is asked for: two cells."""

    amounts: dict[str, list[float] | list[list[float]]]
    times: tuple[datetime, ...] = (datetime(2022, 6, 2, 6),)
    step: timedelta = timedelta(hours=6)

    @property
    def instances(self) -> tuple[str, ...]:
        return tuple(self.amounts)

    @property
    def runs(self) -> tuple[str, ...]:
        return tuple(name for name in self.amounts if name != "nature")

    def collect(self, instance: str, _wanted: object) -> dict[str, np.ndarray]:
        return {"rain": np.array(self.amounts[instance]).reshape(len(self.times), 2)}


def test_rain_of_days_and_of_hours_is_that_of_the_records() -> None:
    """Records of 30 minutes around midnight: hours and days have the sums of what fell within them."""
    half = timedelta(minutes=30)
    times = tuple(datetime(2022, 6, 2, 22) + half * n for n in range(1, 7))
    fallen = [[1.0, 0.0], [2.0, 1.0], [4.0, 0.0], [8.0, 0.0], [16.0, 2.0], [32.0, np.nan]]
    series = cast("CampaignSeries", Rained({"control": fallen}, times, half))
    hourly, daily = (recorded_rain(series, "control", timedelta(hours=n)) for n in (1, 24))
    weights = np.array([1.0, 0.0])
    assert hourly.bars(weights) == [
        (datetime(2022, 6, 2, 22), 3.0), (datetime(2022, 6, 2, 23), 12.0), (datetime(2022, 6, 3, 0), 48.0),
    ]  # fmt: skip
    assert daily.bars(weights) == [(datetime(2022, 6, 2), 15.0), (datetime(2022, 6, 3), 48.0)]
    assert (hourly.words, daily.words) == ("hourly", "daily")
    np.testing.assert_array_equal(hourly.of(date(2022, 6, 2)), daily.of(date(2022, 6, 2)))
    assert daily.bars(np.ones(2))[0][1] == 8.0 and np.isnan(daily.of(date(2022, 6, 3))[1])
    coarse = recorded_rain(cast("CampaignSeries", Rained({"control": [1.0, 2.0]})), "control", timedelta(hours=1))
    assert (coarse.words, coarse.begins) == ("6-hourly", (datetime(2022, 6, 2),)), "not finer than the records"


def test_the_legend_tells_whose_rain_it_is(verified: Path) -> None:
    """Where truth and runs had other weather both labels say so, with the same rain or without a truth neither."""
    other = {"nature": [1.0, np.nan], "control": [2.0, np.nan]}
    alike = {"nature": [1.0, np.nan], "control": [1.0, np.nan]}
    taken, natural = "precipitation of the model", "precipitation of the nature run"
    for amounts, instance, label in (
        (other, "control", f"{taken} (different from the truth's)"),
        (other, "nature", f"{natural} (different from the model's)"),
        (alike, "control", taken),
        (alike, "nature", natural),
        ({"control": [1.0, 2.0]}, "control", taken),
    ):
        rain = recorded_rain(cast("CampaignSeries", Rained(amounts)), instance)
        assert (rain.label, rain.name) == (label, label.partition(" (")[0])
    # Of a real twin, whose weather is half correlated.
    config = parse_config({**CONFIG, **CHANGES})
    series = campaign_series(verified, config)
    assert recorded_rain(series, "control").label.endswith("(different from the truth's)")
    page = (verified / "verification" / "verification.md").read_text(encoding="utf-8")
    assert f"{natural} (different from the model's)" in page


def test_configuration_wants_what_verification_needs() -> None:
    asked = {"twin_stations": {}}
    with pytest.raises(ConfigError, match=r"output\.series"):
        parse_config({**CONFIG, "verification": asked})
    real = {"twin": None, "observations": {"kind": "gldas", "path": "x.nc4"}}
    with pytest.raises(ConfigError, match="the nature run"):
        parse_config({**CONFIG, **real, "output": {"series": {}}, "verification": asked})


def test_means_of_days_are_of_all_times_of_the_product(verified: Path, tmp_path: Path) -> None:
    """A product that is the control itself, four times a day, differs from it on no day."""
    found = {time: values for (run, time), values in series_of(verified).items() if run == "control"}
    weights = depth_weights(0.0, 0.1)[:6]
    with netCDF4.Dataset(tmp_path / "same_2022.nc", "w") as data:
        data.createDimension("time", len(found))
        time = data.createVariable("time", "f8", ("time",))
        time.units = "hours since 1970-01-01"
        time[:] = [(t - datetime(1970, 1, 1)) / timedelta(hours=1) for t in found]
        for name, values, units in (("lat", GRID.lat, "degrees_north"), ("lon", GRID.lon, "degrees_east")):
            data.createDimension(name, values.size)
            axis = data.createVariable(name, "f8", (name,))
            axis.units, axis[:] = units, values
        sm = data.createVariable("sm", "f8", ("time", "lat", "lon"), fill_value=np.nan)
        sm.units = "m3 m-3"
        path = next(iter(list_series(series_folder(verified))["control"].values()))
        with netCDF4.Dataset(path) as series:
            cells = series["cell"][:]
        for k, values in enumerate(found.values()):
            image = np.full(GRID.n_cells, np.nan)
            image[cells] = np.tensordot(weights, values.soil_moisture.astype(np.float64), (0, 0))
            image[cells[values.frozen > 0.0]] = np.nan  # as the control's values do not count there
            sm[k] = image.reshape(GRID.shape)
    settings = {
        "data_root": str(tmp_path),
        "catalogue": {
            "same": {"product": "cf", "path": "same_%Y.nc", "variables": {"sm": [0.0, 0.1]}, "step_hours": 6}
        },
        "verification": {"references": [{"entry": "same", "averaging": "day"}], "depths_m": [[0.0, 0.1]]},
    }
    (tmp_path / "with.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    done = score(verified, "--with", tmp_path / "with.yaml", "-o", tmp_path / "scores", "--no-figures")
    assert done.exit_code == 0, done.output
    with (tmp_path / "scores" / "reference_patterns.csv").open() as file:
        rows = [
            r for r in csv.DictReader(file)
            if r["reference"] == "same" and r["run"] == "control" and r["region"] == "all cells"
        ]  # fmt: skip
    biases = {r["time"][:10]: float(r["bias"] or "nan") for r in rows}
    # 2 June has three cycles, 5 June (to 12 UTC) three with the one at 00 UTC.
    assert [day for day, bias in biases.items() if np.isfinite(bias)] == [f"2022-06-0{d}" for d in (2, 3, 4, 5)]
    assert all(abs(bias) < 1e-8 for bias in biases.values() if np.isfinite(bias)), biases
