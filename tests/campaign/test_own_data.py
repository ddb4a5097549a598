"""From files in the layouts of their providers to the page of a paper: init, check, the runs, the page."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from tests.campaign.conftest import Landda
from tests.campaign.test_reproduce import figures_of
from tests.provider_files import ACCUM, INSTANT, hours, write_era5, write_gldas, write_stations

START = datetime(2022, 6, 2)
GRID = ("--set", "grid.n_lat=32", "--set", "grid.n_lon=64")
GLOBE = np.arange(90.0, -90.1, -10.0), np.arange(0.0, 360.0, 10.0)


def write_data(root: Path, days: int, weather_from: datetime) -> None:
    """GLDAS, ERA5 by months as the store packs it, stations in China and in the United States."""
    end = START + timedelta(days=days)
    for time in hours(START + timedelta(hours=3), end, 3):
        write_gldas(root, time, seed=5)
    first, june = weather_from, datetime(2022, 6, 1)
    for times in (hours(first, june - timedelta(hours=1)), hours(max(first, june), end + timedelta(days=1))):
        for kind, names in (("instant", INSTANT), ("accum", ACCUM)):
            if times:
                path = root / f"era5/{times[0]:%Y/%m}/data_stream-oper_stepType-{kind}.nc"
                write_era5(path, tuple(names), times, GLOBE)
    rng = np.random.default_rng(3)
    china, states = (
        list(zip(rng.uniform(*lat, 12).tolist(), rng.uniform(*lon, 12).tolist(), strict=True))
        for lat, lon in (((25, 45), (100, 118)), ((32, 47), (-115, -82)))
    )
    write_stations(root, hours(START - timedelta(days=1), end + timedelta(hours=6)), china, states)


def initialised(landda: Landda, paper: str, *, ends: str) -> tuple[str, ...]:
    """Write own.yaml for the folder 'data'; return the options for the complete period that the command names."""
    done = landda.here("init", "--paper", paper, "--data", "data", "-o", "own.yaml")
    assert done.returncode == 0, done.stderr
    assert f"the data are complete until {ends} UTC" in done.stdout
    assert f"then 'landda study reproduce {paper} --config own.yaml'" in done.stdout
    options = re.search(r"the options (--set .*)", done.stdout)
    assert options is not None
    return tuple(options[1].split())


@pytest.mark.verify
def test_init_names_the_complete_period_and_check_opens_its_files(landda: Landda) -> None:
    write_data(landda.folder / "data", 1, datetime(2022, 6, 1))
    period = (*initialised(landda, "bai2026", ends="2022-06-03 00"), *GRID)
    assert "model.spinup_days=1" in period
    done = landda.here("check", "own.yaml", *period)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "GLDAS Noah: 4 of 4 analysis times have observations" in " ".join(done.stdout.split())


@pytest.mark.verify
def test_three_days_of_bai2026(landda: Landda) -> None:
    """The trial of a scientist: 32 x 64 cells, three days after a spin-up of thirty, all figures but that of a day."""
    write_data(landda.folder / "data", 3, datetime(2022, 5, 1))
    period = (*initialised(landda, "bai2026", ends="2022-06-05 00"), *GRID)
    assert landda(1, "check", "own.yaml", *period).returncode == 0
    done = landda(2, "reproduce", "bai2026", "--config", "own.yaml", *period, "-o", "out", timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    page = landda.folder / "out" / "reproduction.md"
    text = page.read_text()
    assert len(figures_of(page)) == 9 + 2 + 2
    assert "Figures of the paper on this page: Fig. 1, Fig. 3, Fig. 4, Fig. 5, Fig. 6, Fig. 7, Fig. 8, Fig. 9, " in text
    for sentence in (
        (
            "GLDAS Noah is read from files here; the embedded land model with complete physics (`land_surface`) runs "
            "under weather from files (`forcing.dataset: era5_cds_split`)"
        ),
        "12 of 12 made; 32 x 64 cells",
        "(GLDAS Noah was read without 40-100 cm)",
        "GLDAS Noah minus control and minus assimilation, 0-10 cm and 10-40 cm.",
        "against the assimilated reference, every 3 h (the paper: 3 h)",
        "against GLDAS Noah, not assimilated, every 3 h",
        "Grey bars: daily precipitation of ERA5.",
        "at the 10th, 50th and 90th percentile of the change of R by enkf_like",
        "Compared: 24 sensors of 24 stations in 2 networks",
        "intervals rest on fewer than 15 effective values",
        (
            "**Fig. 12** (anomalies of a day at stations): not here. No station has a value of that day within the "
            "assimilation window."
        ),
        "this campaign's window ends on 5 June 2022, 00:00 UTC, and there is no free forecast.",
    ):
        assert sentence in text, sentence
    records = [json.loads(line) for line in (page.parent / "campaign/scores.jsonl").read_text().splitlines()]
    kept = [r for r in records if (r["run"], r["layer"]) == ("control", "10-40 cm")]
    assert len(kept) == 12
    scc = sum(r["scc"] for r in kept) / len(kept)
    assert f"| Fig. 8a | 10-40 cm SCC, control | 0.35 | - | {scc:.3f} |" in text
    assert_words_follow(text)


@pytest.mark.verify
def test_two_days_of_shen2024(landda: Landda) -> None:
    box = np.arange(68.0, 21.95, -0.1), np.arange(72.0, 118.05, 0.1)
    end = datetime(2016, 5, 3)
    path = landda.folder / "data/land/2016_05/data_0.nc"
    write_era5(path, ("swvl1", "swvl2", "tp"), hours(datetime(2016, 5, 1), end, 6), box)
    # The names of the files state the month only.
    assert "--set" in initialised(landda, "shen2024", ends="2016-05-31 18")
    changes = [f"time.assimilation_end={end.isoformat()}", f"time.end={end.isoformat()}", "verification.discard_days=0"]
    options = [word for change in (*changes, "model.spinup_days=10") for word in ("--set", change)]
    done = landda(2, "reproduce", "shen2024", "--config", "own.yaml", *options, "-o", "out", timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    text = (landda.folder / "out" / "reproduction.md").read_text()
    for number in (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 15, 16):
        assert f"**Fig. {number}.**" in text, number
    assert "**Fig. 14** (SCC against CLDAS): not here. It needs CLDAS" in text
    assert "ERA5-Land is read from files here; the embedded land model with soil water alone" in text
    assert "**Fig. 11.** 7-28 cm: product, analysis, control, and their differences." in text
    assert "Bars: 6-hourly precipitation of ERA5-Land, mean over the domain (the paper: hourly totals)" in text
    assert_words_follow(text)


def assert_words_follow(text: str) -> None:
    """No sentence is about a twin that did not run, no reason refers to itself, no value is undefined."""
    assert "truth" not in re.sub(r"\*\*Fig. 7\.\*\* Observations.*|!\[Fig. 7: Observations.*", "", text)
    assert "see the end of the page for the reason" not in text
    assert not re.search(r"\bnan\b|\?\.|\.\.(?!\.)|against the (GLDAS|ERA5)", text)
