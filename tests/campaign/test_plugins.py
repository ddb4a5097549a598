"""A package of another author adds a part of each kind: installed, configured, run, listed, refused."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from landda_hpc.formats.cf.netcdf_file import NetcdfFile
from tests.campaign.conftest import ENVIRONMENT, TIMEOUT_S, Landda

PACKAGE = Path(__file__).resolve().parents[1] / "plugins"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Environment in which the package is installed, as pip does it."""
    pytest.importorskip("setuptools", reason="needs setuptools, which builds the package (system mode has it)")
    folder = tmp_path_factory.mktemp("plugins")
    source = shutil.copytree(PACKAGE, folder / "source", ignore=shutil.ignore_patterns("__pycache__"))
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--no-index",
         "--no-build-isolation", "--target", str(folder / "site"), str(source)],
        check=True, capture_output=True, text=True, timeout=TIMEOUT_S,
    )  # fmt: skip
    path = os.pathsep.join(filter(None, (str(folder / "site"), ENVIRONMENT.get("PYTHONPATH"))))
    return {**ENVIRONMENT, "PYTHONPATH": path}


def call(
    landda: Landda, environment: dict[str, str], *arguments: object, ranks: int = 1
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        landda.command(ranks, *arguments), capture_output=True, text=True, timeout=TIMEOUT_S, cwd=landda.folder,
        stdin=subprocess.DEVNULL, check=False, env=environment,
    )  # fmt: skip


GRID = {"n_lat": 18, "n_lon": 36}


def records(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "cycles.jsonl").read_text(encoding="utf-8").splitlines()]


def newest(folder: Path) -> str:
    from landda_hpc.storage.checkpoint import digest  # here: h5py starts MPI, see ENVIRONMENT

    return digest(sorted((folder / "checkpoints").glob("*.h5"))[-1])


BUCKET: dict[str, Any] = {
    "grid": GRID,
    "model": {"kind": "bucket", "drainage_days": 5.0, "spinup_days": 2},
    "runs": [{"method": "control"}, {"method": "pointwise"}],
    "time": {"start": "2022-06-02T00:00", "assimilation_end": "2022-06-02T12:00", "end": "2022-06-02T18:00"},
    "checkpoint": {"every_hours": 6, "keep_last": 9, "restarts": True},
}


@pytest.mark.verify
def test_a_model_runs_on_any_number_of_ranks_and_is_resumed(landda: Landda, installed: dict[str, str]) -> None:
    file = landda.write(**BUCKET)
    for ranks in (1, 2):
        done = call(landda, installed, "run", file, "-o", f"out{ranks}", ranks=ranks)
        assert done.returncode == 0, done.stdout + done.stderr
    assert newest(landda.folder / "out1") == newest(landda.folder / "out2")
    analysed = [c for c in records(landda.folder / "out1") if c["run"] == "pointwise" and c["residual_std"] is not None]
    assert len(analysed) == 2 and all(c["residual_std"] < 0.5 * c["innovation_std"] for c in analysed)
    # Back at the first cycle, resumed on another number of ranks.
    for path in sorted((landda.folder / "out2" / "checkpoints").glob("*.h5"))[1:]:
        path.unlink()
    done = call(landda, installed, "resume", "out2")
    assert done.returncode == 0, done.stdout + done.stderr
    assert newest(landda.folder / "out1") == newest(landda.folder / "out2")


@pytest.mark.verify
def test_check_measures_a_model_of_another_package(landda: Landda, installed: dict[str, str]) -> None:
    checked = call(landda, installed, "check", landda.write(**BUCKET))
    assert checked.returncode == 0 and "measured in three cycles" in checked.stdout, checked.stdout + checked.stderr


@pytest.mark.verify
def test_images_are_assimilated_and_checked_and_stations_verify(landda: Landda, installed: dict[str, str]) -> None:
    lat, lon = np.arange(-85.0, 90.0, 10.0), np.arange(-175.0, 180.0, 10.0)
    (landda.folder / "images").mkdir()
    for number in range(1, 5):
        time = datetime(2022, 6, 2) + timedelta(hours=6 * number)
        image = 0.25 + 0.05 * np.sin(np.radians(lat))[:, None] * np.cos(np.radians(lon))
        image[10, 19] = 0.4  # Chad: differs from both neighbours by more than 3 sqrt(2) 0.02
        np.savez(landda.folder / "images" / f"{time:%Y%m%d%H}.npz", time=time.isoformat(), lat=lat, lon=lon, sm=image)
    lines = ["station,lat,lon,depth_m,time,sm"]
    stamps = ("2022-06-02T06:00", "2022-06-02T12:00", "2022-06-02T18:00", "2022-06-03T00:00")
    lines += [f"one,15.0,15.0,0.05,{stamp},0.2{number}" for number, stamp in enumerate(stamps)]
    (landda.folder / "probes.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    file = landda.write(
        twin=None, grid=GRID, runs=[{"method": "control"}, {"method": "pointwise"}], data_root=str(landda.folder),
        time={"start": "2022-06-02T00:00", "assimilation_end": "2022-06-03T00:00", "end": "2022-06-03T00:00"},
        catalogue={
            "images": {"product": "npz_images", "path": "images/%Y%m%d%H.npz"},
            "probes": {"product": "probe_table", "path": "probes.csv", "network": "mine"},
        },
        observations={
            "kind": "catalogue", "entry": "images", "error_std": 0.02, "feedback": True,
            "quality": {"checks": [{"kind": "neighbours"}]},
        },
        verification={"stations": [{"entry": "probes"}], "min_pairs": 4},
        output={"every_hours": 6, "figures": False, "series": {}},
    )  # fmt: skip
    checked = call(landda, installed, "check", "--no-trial", file)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    done = call(landda, installed, "run", file, "-o", "out")
    assert done.returncode == 0, done.stdout + done.stderr
    cycles = [c for c in records(landda.folder / "out") if c["run"] == "pointwise"]
    counts = [c["observations"] for c in cycles]
    assert len(cycles) == 4 and all(c["used"] > 100 for c in counts)
    assert all(c["differs from its neighbours"] == 1 for c in counts)
    with NetcdfFile(landda.folder / "out" / "feedback" / "20220602T0600.nc") as feedback:
        assert 64 in feedback.values("flag")
    done = call(landda, installed, "score", "out", "--no-figures")
    assert done.returncode == 0, done.stdout + done.stderr
    with (landda.folder / "out" / "verification" / "stations.csv").open(encoding="utf-8") as table:
        rows = list(csv.DictReader(table))
    assert {(r["network"], r["station"]) for r in rows} == {("mine", "one")} and {r["n"] for r in rows} == {"4"}
    # A damaged file is an error of the product, in words.
    (landda.folder / "images" / "2022060206.npz").write_bytes(b"PK damaged")
    done = call(landda, installed, "check", "--no-trial", file)
    assert done.returncode == 2 and "is not an image with time, lat, lon and sm" in done.stderr, done.stderr


@pytest.mark.verify
def test_names_are_known_only_where_the_package_is(landda: Landda, installed: dict[str, str]) -> None:
    """Unknown names come with those that are known: with the package also its own."""
    parts = {
        "model": {"kind": "bukcet"},
        "catalogue": {"a": {"product": "npz_image", "path": "x"}, "b": {"product": "probe_tabel", "path": "x"}},
        "observations": {"kind": "twin", "quality": {"checks": [{"kind": "neighbour"}]}},
        "runs": [{"method": "nudgin"}],
    }
    file = landda.write(**parts)
    done = call(landda, installed, "check", file)
    assert done.returncode == 2
    for key, name in (
        ("model.kind", "bucket"), ("catalogue.a.product", "npz_images"), ("catalogue.b.product", "probe_table"),
        ("observations.quality.checks.0.kind", "neighbours"), ("runs.0.method", "nudging"),
    ):  # fmt: skip
        assert any(line.strip(" -").startswith(f"{key}: ") and line.endswith(f"Did you mean '{name}'?")
                   for line in done.stderr.splitlines()), (key, done.stderr)  # fmt: skip
    parts = call(landda, installed, "schema", "--parts").stdout
    assert (
        "  bucket: package landda-nudging 1.0 (landda_nudging.bucket:BucketSection)\n" in parts and "  colm\n" in parts
    )
    assert "nudging" in call(landda, installed, "analyse", "--help").stdout
    alone = landda.here("check", file).stderr
    assert "model.kind: 'bukcet' is not known; there are column, colm." in alone and "npz_images" not in alone
    listed = call(landda, installed, "schema").stdout
    for key in ("drainage_days", "npz_images", "probe_table", "network", "neighbours"):
        assert f'"{key}"' in listed, key


def test_the_page_on_plug_ins_shows_this_package() -> None:
    """Every file of the package is on the page, letter by letter, and the page shows nothing else."""
    page = (Path(__file__).resolve().parents[2] / "docs" / "plugins.md").read_text(encoding="utf-8")
    shown = dict(re.findall(r"`([a-z_/]+\.(?:py|toml))`:\n\n```[a-z]+\n(.*?)```\n", page, re.S))
    suffixes = (".py", ".toml")
    files = {path.relative_to(PACKAGE).as_posix(): path for path in PACKAGE.rglob("*") if path.suffix in suffixes}
    files.pop("landda_nudging/__init__.py")
    assert set(shown) == set(files)
    for name, path in files.items():
        assert shown[name] == path.read_text(encoding="utf-8"), f"docs/plugins.md differs from {path}"


def test_a_campaign_runs_with_the_parts_of_another_package(landda: Landda, installed: dict[str, str]) -> None:
    runs: list[dict[str, Any]] = [
        {"method": "control"},
        {"method": "nudging", "tau_hours": 6.0},
        {"method": "enkf_like", "members": 4, "observation_errors": {"kind": "tapered", "equator_std": 0.1}},
    ]
    file = landda.write(runs=runs)
    done = call(landda, installed, "run", file, "-o", "out")
    assert done.returncode == 0, done.stdout + done.stderr
    cycles = [json.loads(line) for line in (landda.folder / "out" / "cycles.jsonl").read_text().splitlines()]
    nudged = [c for c in cycles if c["run"] == "nudging" and c["residual_std"] is not None]
    assert nudged and all(c["residual_std"] < 0.5 * c["innovation_std"] for c in nudged)
    listed = call(landda, installed, "schema")
    assert '"tau_hours"' in listed.stdout and '"equator_std"' in listed.stdout
    # Without the package the same file is refused, before any work.
    refused = landda.here("check", file)
    assert refused.returncode == 2 and "nudging" in refused.stderr, refused.stderr


def test_mistakes_in_the_section_of_a_plug_in_name_the_key(landda: Landda, installed: dict[str, str]) -> None:
    file = landda.write(runs=[{"method": "nudging", "tau_hour": 3}])
    done = call(landda, installed, "check", file)
    assert done.returncode == 2 and "Did you mean 'tau_hours'?" in done.stderr, done.stderr
