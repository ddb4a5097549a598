"""Pages without what could not be had: every optional part that fails leaves a sentence, and everything else stands."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from landda_hpc.campaign import run_campaign
from landda_hpc.commands.application import app
from landda_hpc.config import CampaignConfig, apply_overrides, parse_config
from landda_hpc.storage.campaign_folder import CampaignFolder
from landda_hpc.storage.series_files import list_series, series_folder
from landda_hpc.studies.reproduction import bai2026
from landda_hpc.studies.reproduction.campaign_data import CampaignData
from landda_hpc.studies.reproduction.experiment import BAI2026
from landda_hpc.studies.reproduction.page import WrittenPage
from landda_hpc.verification.omissions import EXIT_CODE, exit_code
from tests.campaign.conftest import Landda
from tests.campaign.test_real_inputs import with_real_data, write, write_day
from tests.provider_files import hours

START = datetime(2022, 6, 2)
OF_STATIONS = [f"Fig. {n}" for n in (9, 10, 11, 12)]
FIGURES = [f"Fig. {n}" for n in (1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)]


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A day with made files in the layouts of real products: the folder of data and campaign, the configuration."""
    root = tmp_path_factory.mktemp("real")
    write_day(root, START)
    raw = with_real_data("bai2026", root, START, 1.0)
    raw |= {"grid": {"n_lat": 32, "n_lon": 64}, "model": {"spinup_days": 0}}
    raw["runs"] = [{"method": "control"}, {"method": "enkf_like", "members": 4}]
    raw["time"] = {**raw["time"], "assimilation_end": "2022-06-02T18:00", "cycle_hours": 3}
    raw["output"] |= {"figures": False, "every_hours": 6}
    raw["verification"] |= {"min_pairs": 4, "replicates": 50}
    config = BAI2026.prepared(parse_config(raw))
    assert run_campaign(config, root / "campaign").finished
    return root, config.model_dump(mode="json")


@pytest.fixture
def copied(real: tuple[Path, dict[str, Any]], tmp_path: Path) -> tuple[Path, dict[str, Any]]:
    """The same, to be damaged."""
    shutil.copytree(real[0], tmp_path / "data")
    return tmp_path / "data", {**real[1], "data_root": str(tmp_path / "data")}


@pytest.fixture(scope="module")
def whole_page(real: tuple[Path, dict[str, Any]]) -> Path:
    m = CampaignData(real[0] / "campaign", BAI2026, parse_config(real[1]))
    return bai2026.write_page(m, real[0] / "whole").path


def page_of(folder: Path, raw: dict[str, Any], **overrides: Any) -> tuple[WrittenPage, str]:
    asked: CampaignConfig = parse_config(apply_overrides(raw, overrides))
    written = bai2026.write_page(CampaignData(folder / "campaign", BAI2026, asked), folder / "page")
    assert all(path.stat().st_size > 3000 for path in written.figures)
    return written, written.path.read_text(encoding="utf-8")


@pytest.mark.verify
def test_the_page_of_real_inputs(real: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    written, text = page_of(*real)
    assert exit_code(written.gaps) == 0, written.gaps
    assert "**Real observations.** GLDAS Noah is read from files here" in text
    assert "the paper assimilates GLDAS" not in text
    assert "the embedded land model with soil water alone (`soil_water`) runs under generated weather" in text
    assert "R is near zero by construction" in text and "**Fig. 10.**" in text
    assert "Grey bars: daily precipitation of ERA5-Land" in text
    for words in ("A twin", "truth of the twin", "not real ones", "nan", "None"):
        assert words not in text.replace("Shenandoah", ""), words
    # There are two times in the forecast, which are too few: said, and no fault.
    assert "stations, forecast window: not shown, because it has 2 times, of which fewer than 4" in text


def break_rain(root: Path, _: dict[str, Any]) -> None:
    (root / "era5_land/tp_202206.nc").write_bytes(b"CDF\x01nothing")


def lose_rain(root: Path, _: dict[str, Any]) -> None:
    (root / "era5_land/tp_202206.nc").unlink()


def rain_of_another_place(root: Path, _: dict[str, Any]) -> None:
    (root / "era5_land/tp_202206.nc").unlink()
    write(
        root / "era5_land/tp_202206.nc",
        {"tp": ("m", 0.001)},
        hours(START, START + timedelta(days=1)),
        (-80.0, -75.0, 10.0, 15.0),
    )


def break_stations(root: Path, _: dict[str, Any]) -> None:
    (root / "stations/ismn_us.zip").write_bytes(b"PK nothing")
    shutil.rmtree(root / "stations/cma")


def break_profiles(root: Path, _: dict[str, Any]) -> None:
    """Of a campaign without series, whose Fig. 7 has the places of the profiles."""
    shutil.rmtree(series_folder(root / "campaign"))
    path = root / "campaign/profiles.jsonl"
    path.write_text("{]\n" + path.read_text())


def break_images(root: Path, _: dict[str, Any]) -> None:
    for path in (root / "campaign/images").rglob("*.nc"):
        path.write_bytes(path.read_bytes()[:700])


def break_series(root: Path, _: dict[str, Any]) -> None:
    for days in list_series(series_folder(root / "campaign")).values():
        for path in days.values():
            path.write_bytes(path.read_bytes()[:2000])


def name_a_reference(_: Path, raw: dict[str, Any]) -> None:
    raw["catalogue"] = {**raw["catalogue"], "cldas": {"product": "cldas", "path": "%Y-{layer}.nc"}}
    raw["verification"] = {**raw["verification"], "references": [{"entry": "cldas", "name": "CLDAS"}]}


def test_several_faults_at_once(copied: tuple[Path, dict[str, Any]]) -> None:
    """Rain, stations and a reference: the page has the rest."""
    root, raw = copied
    for damage in (break_rain, break_stations, name_a_reference):
        damage(root, raw)
    written, text = page_of(root, raw)
    lines = text[text.index("## Not shown") :].splitlines()
    for what in ("rain", "stations 'cma'", "stations 'ismn'", "reference 'CLDAS'"):
        assert sum(line.startswith(f"- {what}") and ": not shown, because " in line for line in lines) == 1, what
    assert exit_code(written.gaps) == EXIT_CODE
    assert [n for n in FIGURES if f"**{n}.**" in text] == [f"Fig. {n}" for n in (1, 3, 4, 5, 6, 7, 8)]
    assert "## Reasons for differences from the paper" in text and "Frozen soil" in text


@pytest.mark.verify
@pytest.mark.parametrize(
    ("damage", "what", "lost"),
    [
        (break_rain, "rain", []),
        (lose_rain, "rain", []),
        (rain_of_another_place, "rain", []),
        (break_stations, "stations 'ismn'", OF_STATIONS),
        (break_stations, "stations 'cma'", OF_STATIONS),
        (break_profiles, "Fig. 7", ["Fig. 7", *OF_STATIONS]),
        (break_images, "Fig. 4", ["Fig. 1", "Fig. 3", "Fig. 4", "Fig. 5", "Fig. 6"]),
        (break_series, "series of the campaign", OF_STATIONS),
        (name_a_reference, "reference 'CLDAS'", []),
    ],
)
def test_what_fails_takes_nothing_else_with_it(
    copied: tuple[Path, dict[str, Any]],
    whole_page: Path,
    damage: Callable[[Path, dict[str, Any]], None],
    what: str,
    lost: list[str],
) -> None:
    root, raw = copied
    complete = whole_page.read_text(encoding="utf-8")
    damage(root, raw)
    written, text = page_of(root, raw)
    found = [gap for gap in written.gaps if gap.is_fault]
    assert any(gap.what.startswith(what) for gap in found), written.gaps
    assert exit_code(written.gaps) == EXIT_CODE
    line = next(line for line in text.splitlines() if line.startswith(f"- {what}"))
    assert ": not shown, because " in line and len(line) < 900
    shown = {number for number in FIGURES if f"**{number}.**" in text}
    assert {number for number in FIGURES if f"**{number}.**" in complete} - shown <= set(lost), "everything else"
    assert "## Reasons for differences from the paper" in text and "Frozen soil" in text
    assert (
        not (what == "rain" or damage is break_series)
        or "Rain is not shown: see the end of the page for the reason." in text
    )


@pytest.mark.verify
def test_verification_may_change_after_the_campaign(real: tuple[Path, dict[str, Any]]) -> None:
    """Also what the campaign's own scores were taken of: they stay, the verification is at other layers."""
    changes: dict[str, Any] = {
        "verification.precipitation": None,
        "verification.stations": [{"entry": "cma", "accept": ["G", "U"]}],
        "verification.depths_m": [[0.0, 0.2]],
        "verification.min_pairs": 30,
        "verification.discard_days": 0,
        "output.figures": True,
    }
    written, text = page_of(*real, **changes)
    assert exit_code(written.gaps) == 0, written.gaps
    assert "Grey bars: daily precipitation of the model" in text
    assert "| Fig. 8a | 10-40 cm SCC, control | 0.35 | " in text
    assert "30 usable values" in text and "of 1 sensors can be compared" in text
    own = CampaignFolder.open(real[0] / "campaign").config_file.read_text()
    assert "discard_days: 0" in own and "min_pairs: 4" in own, "the folder says what the campaign began with"


@pytest.mark.verify
@pytest.mark.parametrize("ranks", [1, 2])
def test_the_command_ends_with_a_code_of_its_own(real: tuple[Path, dict[str, Any]], landda: Landda, ranks: int) -> None:
    campaign = real[0] / "campaign"
    rain = "catalogue.rain={product: era5_land, path: nothing_%Y%m.nc}"
    done = landda(ranks, "reproduce", "bai2026", "--from", campaign, "-o", "out", "--set", rain)
    assert done.returncode == EXIT_CODE, done.stdout + done.stderr
    assert "Written: out/reproduction.md, with" in done.stdout
    assert "rain: not shown, because " in done.stderr
    assert "rain: not shown, because " in (landda.folder / "out/reproduction.md").read_text()


def score(*arguments: object) -> Any:
    return CliRunner().invoke(app, ["score", *(str(a) for a in arguments)])


@pytest.mark.parametrize(
    ("options", "lines", "code"),
    [
        (["verification.min_pairs=50"], ["stations: not shown, because none of 2 sensors can be compared"], 0),
        (
            ["catalogue.rain={product: era5_land, path: none.nc}"],
            ["rain: not shown, because entry 'rain' has no precipitation"],
            EXIT_CODE,
        ),
        (
            ["catalogue.ismn={product: ismn, path: none}", "verification.min_pairs=3000"],
            ["stations 'ismn': not shown, because ", "stations: not shown, because none of 1 sensors"],
            EXIT_CODE,
        ),
        (
            ["catalogue.ref={product: cldas, path: '%Y-{layer}.nc'}", "verification.references=[{entry: ref}]"],
            ["reference 'ref': not shown, because "],
            EXIT_CODE,
        ),
        pytest.param(
            ["verification.drawn_stations=[NET/NONE]", "verification.days=[2022-07-01]"],
            ["anomalies of 2022-07-01 at stations, "],
            0,
            marks=pytest.mark.verify,
        ),
    ],
)
def test_scores_without_what_cannot_be_had(
    real: tuple[Path, dict[str, Any]], tmp_path: Path, options: list[str], lines: list[str], code: int
) -> None:
    sets = [part for option in [*options, "time.end=2022-06-03T00:00"] for part in ("--set", option)]
    done = score(real[0] / "campaign", "-o", tmp_path / "v", *sets)
    assert done.exit_code == code, (done.output, done.exception)
    text = (tmp_path / "v/verification.md").read_text(encoding="utf-8")
    printed = " ".join(done.output.split())
    for words in lines:
        assert words in text and " ".join(words.split()) in printed, (words, text)
    assert (tmp_path / "v/verify.yaml").is_file()


def test_pictures_that_cannot_be_written_leave_the_tables(real: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    (tmp_path / "v").mkdir()
    (tmp_path / "v/figures").write_text("a file where the folder should be")
    done = score(real[0] / "campaign", "-o", tmp_path / "v", "--set", "verification.min_pairs=4")
    assert done.exit_code == EXIT_CODE, done.output
    text = (tmp_path / "v/verification.md").read_text(encoding="utf-8")
    assert "series at stations: not shown, because " in text and "## Stations" in text
    assert (tmp_path / "v/stations.csv").is_file()


def test_scoring_may_not_change_what_ran(real: tuple[Path, dict[str, Any]]) -> None:
    done = score(real[0] / "campaign", "--set", "seed=5", "--set", "runs.1.members=9")
    assert "seed, runs.1.members would change the trajectory" in str(done.exception)
