"""Windows of CoLM2014: its stand-in, or the real program; tiles, the analysis in a restart, and what can go wrong."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from landda_hpc.config import CaseConfig
from landda_hpc.constants import N_SNOW
from landda_hpc.errors import ConfigError, DataError, MissingFileError, ModelError
from landda_hpc.formats.colm.files2014 import Files2014
from landda_hpc.formats.colm.layout2014 import TIME_VARYING
from landda_hpc.formats.colm.names import time_label
from landda_hpc.formats.colm.restart2014 import check_state_2014, count_patches_2014, find_case_2014, read_state_2014
from landda_hpc.image.distribute import distribute
from landda_hpc.instances.colm_case import CaseDomain, open_case
from landda_hpc.model.colm.colm2014 import Colm2014, frequencies, program_problem, window_values_2014
from landda_hpc.model.colm.fingerprint import fingerprint
from landda_hpc.model.colm.model import ColmModel
from landda_hpc.model.colm.soil_water import SoilWaterScheme
from landda_hpc.model.colm.tiles2014 import read_case_tiles_2014
from landda_hpc.model.colm.window import Program, RunFolder, Window, run_windows
from tests.unit.model.colm_cases import ModelCase, model_case_2014, stand_in_case_2014

SIX_HOURS = timedelta(hours=6)
FAULTS = {
    "code": "ended with code 3",
    "crash": "ended by SIGSEGV",
    "nan": "is not a number everywhere",
    "torn": "bytes, the restart at the window's start",
    "short": "bytes, the restart at the window's start",
    "wrong_date": "its record is of 2010-152-00000",
    "stop": "its output lacks 'CLM Execution Completed'",
    "silent": "its output lacks 'CLM Execution Completed'",
}


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory, colm_case: ModuleType) -> ModelCase:
    return model_case_2014(tmp_path_factory.mktemp("case"), colm_case)


@pytest.fixture(scope="module")
def fake(tmp_path_factory: pytest.TempPathFactory, colm_case: ModuleType) -> ModelCase:
    return stand_in_case_2014(tmp_path_factory.mktemp("case"), colm_case)


def domain_of(case: ModelCase) -> CaseDomain:
    return open_case(CaseConfig(namelist=case.namelist), Path())


def run_folder(case: ModelCase, path: Path) -> RunFolder:
    domain = domain_of(case)
    run = RunFolder(path, domain.files, domain.namelist, domain.tiles.n_patch)
    run.begin(case.start)
    return run


def program(case: ModelCase, timeout_s: float = 120.0, tries: int = 2, **environment: str) -> Program:
    return Program(case.executable, case.launch, timeout_s=timeout_s, tries=tries, environment=environment)


def compute(run: RunFolder, start: datetime, how: Program, length: timedelta = SIX_HOURS) -> Window:
    window = Window(run, start, start + length)
    window.prepare([])
    run_windows([window], how)
    return window


def hashes(folder: Path) -> dict[str, str]:
    return {path.name: fingerprint(path) for path in sorted(folder.iterdir())}


def test_windows_make_a_chain_of_their_ends(case: ModelCase, tmp_path: Path) -> None:
    run = run_folder(case, tmp_path / "run")
    for k in range(4):
        compute(run, case.start + k * SIX_HOURS, program(case))
    times = [case.start + k * SIX_HOURS for k in range(5)]
    assert run.times() == times
    for when in times:
        # The restarts of the steps within a window are not kept.
        assert [p.name for p in run.folder_of(when).iterdir()] == [run.case.file_name(when, "")]
    assert not any(run.work.iterdir())
    assert "CLM Execution Completed" in (run.path / "logs" / f"{time_label(times[1])}.try1.log").read_text()
    original = run.case.own_folder(case.start) / run.case.file_name(case.start, "")
    assert (run.folder_of(case.start) / original.name).read_bytes() == original.read_bytes()
    # Four windows give the bits of one: the model continues exactly from its restarts.
    again = run_folder(case, tmp_path / "again")
    compute(again, case.start, program(case), 4 * SIX_HOURS)
    assert hashes(again.folder_of(times[4])) == hashes(run.folder_of(times[4]))


def test_an_analysis_in_the_restart_reaches_the_model(case: ModelCase, tmp_path: Path) -> None:
    plain, wet = (run_folder(case, tmp_path / name) for name in ("plain", "wet"))
    compute(plain, case.start, program(case))
    domain = domain_of(case)
    files, n_patch = wet.case, domain.tiles.n_patch["all"]
    name = files.file_name(case.start, "all")
    window = Window(wet, case.start, case.start + SIX_HOURS)
    window.prepare([name])
    assert not (window.start_folder / name).exists()
    chain = wet.folder_of(case.start)
    values = files.read(chain, case.start, "all", files.written, n_patch)
    soil = domain.tiles.position[domain.tiles.tiles.is_updatable]
    water = values["wliq_soisno"]
    water[soil, N_SNOW : N_SNOW + 3] *= 1.1
    added = 0.1 / 1.1 * water[soil, N_SNOW : N_SNOW + 3].sum()
    files.write_copy(chain / name, window.start_folder / name, values)
    run_windows([window], program(case))
    ends = [
        files.read(run.folder_of(window.end), window.end, "all", ("wliq_soisno",), n_patch)["wliq_soisno"]
        for run in (wet, plain)
    ]
    gained = (ends[0] - ends[1])[:, N_SNOW:].sum()
    assert 0.3 * added < gained < 1.2 * added
    # The chain keeps what the model wrote: the change was made in a copy.
    assert hashes(chain) == hashes(plain.folder_of(case.start))


@pytest.mark.parametrize("fault", FAULTS)
def test_a_failing_model_is_tried_twice_and_leaves_the_chain_whole(fake: ModelCase, tmp_path: Path, fault: str) -> None:
    run = run_folder(fake, tmp_path / "run")
    with pytest.raises(ModelError, match=FAULTS[fault]) as caught:
        compute(run, fake.start, program(fake, LANDDA_STAND_IN_FAULT=fault))
    assert "failed 2 times" in str(caught.value) and "the last valid restart is" in str(caught.value)
    assert run.times() == [fake.start]
    assert sorted(p.name for p in (run.work / time_label(fake.start)).iterdir()) == ["start", "try1", "try2"]


def test_a_second_try_may_succeed(fake: ModelCase, tmp_path: Path) -> None:
    run, good = (run_folder(fake, tmp_path / name) for name in ("run", "good"))
    window = compute(run, fake.start, program(fake, LANDDA_STAND_IN_FAULT="stop", LANDDA_STAND_IN_TRY="1"))
    compute(good, fake.start, program(fake))
    assert window.tried == 2
    assert hashes(run.folder_of(window.end)) == hashes(good.folder_of(window.end))


def test_a_program_with_another_frequency_is_refused_by_what_it_wrote(fake: ModelCase, tmp_path: Path) -> None:
    run = run_folder(fake, tmp_path / "run")
    with pytest.raises(ModelError, match=r"those of: none\. .* Compile it with WR_HOURLY \(every time step\) in"):
        compute(run, fake.start, program(fake, tries=1, LANDDA_STAND_IN_WR="DAILY"))
    # Windows that end at 00 UTC get a restart from it.
    compute(run, fake.start, program(fake, LANDDA_STAND_IN_WR="DAILY"), timedelta(days=1))
    assert run.times() == [fake.start, fake.start + timedelta(days=1)]
    with pytest.raises(ModelError, match=r"WR_HOURLY \(every time step\) or WR_DAILY in"):
        compute(run, run.times()[1], program(fake, tries=1, LANDDA_STAND_IN_WR="MONTHLY"), timedelta(days=1))


def test_frequencies_that_serve_an_end() -> None:
    assert len(frequencies(datetime(2010, 6, 1, 6))) == 1
    assert frequencies(datetime(2010, 6, 2))[1:] == ["WR_DAILY"]
    assert frequencies(datetime(2010, 6, 1))[1:] == ["WR_DAILY", "WR_MONTHLY"]
    assert frequencies(datetime(2011, 1, 1))[1:] == ["WR_DAILY", "WR_MONTHLY", "WR_YEARLY"]


def test_restarts_within_a_window_are_removed_while_the_model_runs(fake: ModelCase, tmp_path: Path) -> None:
    run = run_folder(fake, tmp_path / "run")
    window = Window(run, fake.start, fake.start + SIX_HOURS)
    window.prepare([])
    process = window.launch(program(fake, LANDDA_STAND_IN_FAULT="silent"), 0)
    deadline = time.monotonic() + 120.0
    while process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    restarts = run.work / time_label(fake.start) / "try1" / "restart"
    assert len(list(restarts.iterdir())) == 2 + 12  # constants, start, twelve steps
    window.tidy()
    left = sorted(p.name for p in restarts.iterdir())
    assert left == ["made-rstTimeConst", "made-rstTimeVar-2010-152-00000", "made-rstTimeVar-2010-152-21600"]
    assert (restarts / left[1]).resolve() == window.start_folder.resolve() / left[1]
    assert len(list((restarts.parent / "history").iterdir())) == 12


def test_the_history_of_a_window_can_be_kept(fake: ModelCase, tmp_path: Path) -> None:
    run = run_folder(fake, tmp_path / "run")
    compute(run, fake.start, replace(program(fake), keep_history=True))
    assert len(list((run.path / "history" / time_label(fake.start)).iterdir())) == 12


def test_a_start_that_the_case_lacks_is_reported(fake: ModelCase, tmp_path: Path) -> None:
    domain = domain_of(fake)
    run = RunFolder(tmp_path / "run", domain.files, domain.namelist, domain.tiles.n_patch)
    with pytest.raises(DataError, match=r"has no restart of 2010-06-01T06:00:00 in .*; it has 2010-152-00000"):
        run.begin(fake.start + SIX_HOURS)


def test_times_of_a_window() -> None:
    values = window_values_2014(datetime(2012, 12, 31, 18), datetime(2013, 1, 1))
    assert [values[f"s_{part}"] for part in ("year", "julian", "seconds")] == [2012, 366, 64800]
    assert [values[f"e_{part}"] for part in ("year", "julian", "seconds")] == [2013, 1, 0]
    # A spin-up that ends later would suppress restarts.
    assert [values[f"p_{part}"] for part in ("year", "julian", "seconds")] == [2012, 366, 64800]


def test_tiles_know_their_places(tmp_path: Path, colm_case: ModuleType) -> None:
    written = colm_case.write_case_2014(tmp_path)
    n = written["dlat"].size
    tiles = read_case_tiles_2014(Files2014(find_case_2014(tmp_path)), n, (3, 2))
    assert tiles.grid.shape == (3, 2) and tiles.grid.lat.tolist() == [44.0, 44.5, 45.0]
    assert (np.diff(tiles.tiles.cell) >= 0).all() and tiles.n_patch == {"all": n}
    where = tiles.position
    assert np.allclose(np.deg2rad(tiles.tiles.lat), written["dlat"][where])
    assert np.allclose(np.deg2rad(tiles.tiles.lon), written["dlon"][where])
    assert np.array_equal(tiles.tiles.area_fraction, written["wtxy_patch"][where])
    assert np.array_equal(tiles.tiles.patchtype, written["itypwat"][where])
    assert np.array_equal(tiles.soil.porsl, written["porsl"][where])
    bigger = read_case_tiles_2014(Files2014(find_case_2014(tmp_path)), n, (3, 2), 17)
    assert bigger.grid.shape == (17, 17) and np.array_equal(bigger.tiles.lat, tiles.tiles.lat)
    with pytest.raises(DataError, match=r"3 x 2 cells; the namelist has lat_points = 2, lon_points = 3"):
        read_case_tiles_2014(Files2014(find_case_2014(tmp_path)), n, (2, 3))
    with pytest.raises(DataError, match="are not those of"):
        read_case_tiles_2014(Files2014(find_case_2014(tmp_path)), n + 1, (3, 2))


@pytest.mark.parametrize("byte_order", ["<", ">"])
def test_an_analysis_changes_liquid_water_of_soil_alone(tmp_path: Path, colm_case: ModuleType, byte_order: str) -> None:
    """Of made restarts in both byte orders; the chain of a campaign writes in the same way."""
    written = colm_case.write_case_2014(tmp_path, byte_order=byte_order)
    check_analysis(Files2014(find_case_2014(tmp_path)), written["dlat"].size, colm_case.START, tmp_path / "analysis")


def test_an_analysis_of_the_real_restarts(tmp_path: Path) -> None:
    folder = os.environ.get("LANDDA_COLM2014_RESTARTS")
    if folder is None:
        pytest.skip("needs LANDDA_COLM2014_RESTARTS: folder of the restarts of a real CoLM2014 case")
    case = find_case_2014(Path(folder))
    n_patch = count_patches_2014(case, case.times()[0])
    for when in case.times():
        check_state_2014(case, when, n_patch)
        check_analysis(Files2014(case), n_patch, when, tmp_path / "analysis")


def check_analysis(files: Files2014, n_patch: int, when: datetime, folder: Path) -> None:
    """Zero increments give a copy with the same bytes; others change wliq_soisno of unfrozen soil alone."""
    lat, lon = (np.unique(values).size for values in _centres(files, n_patch))
    tiles = read_case_tiles_2014(files, n_patch, (lat, lon))
    model = ColmModel(tiles, SoilWaterScheme.COLM2014, files)
    own, name = files.own_folder(when), files.file_name(when, "all")
    state = model.read(own, when)
    values = files.read(own, when, "all", files.written, n_patch)

    def write() -> None:
        model.diagnose(state)
        values["wliq_soisno"][tiles.position] = state["wliq_soisno"]
        files.write_copy(own / name, folder / name, values)

    before = state.copy()
    write()
    assert (folder / name).read_bytes() == (own / name).read_bytes()
    cells = np.unique(tiles.tiles.cell).size
    increment = np.random.default_rng(0).uniform(-0.1, 0.1, (cells, 10))
    ledger = distribute(model.tiles, state, increment, np.ones(10, dtype=np.bool_))
    write()
    every = [array.name for array in TIME_VARYING if array.name != "id"]
    old = read_state_2014(files.case, when, every, n_patch)
    new = read_state_2014(replace(files.case, folder=folder), when, every, n_patch)
    assert {key for key in every if old[key].tobytes() != new[key].tobytes()} == {"wliq_soisno"}
    changed = (new["wliq_soisno"] != old["wliq_soisno"])[tiles.position]
    frozen = old["wice_soisno"][tiles.position][:, N_SNOW:] > 0.01
    assert changed.any() and not changed[:, :N_SNOW].any() and not changed[:, N_SNOW:][frozen].any()
    assert not changed[~tiles.tiles.is_updatable].any()
    assert ledger.largest_residual() < 1e-10
    assert np.array_equal(state["smp"], before["smp"])  # not in these restarts: they keep their initial values


def _centres(files: Files2014, n_patch: int) -> tuple[np.ndarray, np.ndarray]:
    from landda_hpc.formats.colm.restart2014 import read_constants_2014

    values = read_constants_2014(files.case, n_patch).values
    return values["lats"], values["lons"]


def test_a_case_that_does_not_fit_its_namelist_is_refused(tmp_path: Path, colm_case: ModuleType) -> None:
    case = stand_in_case_2014(tmp_path, colm_case)
    domain = domain_of(case)
    assert isinstance(domain.files, Colm2014) and domain.scheme is SoilWaterScheme.COLM2014
    text = case.namelist.read_text(encoding="utf-8")
    for old, new, error, words in (
        ("lat_points         = 4", "lat_points         = 5", DataError, "4 x 5 cells; the namelist has lat_points = 5"),
        (" numpatch  = ", " numpatch  = 1", DataError, "are not those of"),
        (" numpatch  = ", " ! ", DataError, "has no numpatch"),
        ("'./restart/'", "'./restart'", ConfigError, "with / at its end"),
        (
            "site = 'made'",
            "site = 'other'",
            MissingFileError,
            "no constant restart other-rstTimeConst; there are: made",
        ),
        ("\n /\n", "\n", DataError, "does not end; put a line with /"),
        ("&clmexp", "&clmini", DataError, "no namelist group &nl_colm or &clmexp"),
    ):
        assert old in text
        case.namelist.write_text(text.replace(old, new), encoding="utf-8")
        with pytest.raises(error, match=words):
            domain_of(case)


def test_programs_are_recognised(tmp_path: Path) -> None:
    path = tmp_path / "clm.x"
    for content, words in (
        (b"#!/bin/sh\n", None),
        (b"\x7fELF ... CLM Execution Completed ...", None),
        (b"\x7fELF ... CoLM Execution Completed.", "is not CoLM2014's program"),
        (b"\x7fELF ... CLM Execution Completed ... camaini_", "is built with CaMa-Flood"),
    ):
        path.write_bytes(content)
        found = program_problem(path)
        assert found is None if words is None else words in (found or "")
    assert program_problem(tmp_path / "nothing") is None
