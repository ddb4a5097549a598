"""``landda init --paper``: the experiment of a paper for the data in a folder."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from landda_hpc.commands.application import app
from landda_hpc.config import load_config
from landda_hpc.errors import ConfigError, DataError
from landda_hpc.studies.reproduction.data_folder import look_through, pattern_of
from tests.campaign.test_real_inputs import STEM
from tests.provider_files import ACCUM, INSTANT, hours, write_era5, write_gldas, write_stations

START = datetime(2022, 6, 2)


def write(path: Path, names: tuple[str, ...], first: datetime, spacing: float = 0.25) -> None:
    """Two hours of ERA5 in a box of 5 x 5."""
    box = 40.0 - spacing * np.arange(5), 80.0 + spacing * np.arange(5)
    write_era5(path, names, hours(first, first + timedelta(hours=1)), box)


def init(*arguments: str) -> str:
    done = CliRunner().invoke(app, ["init", *arguments])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0, done.output
    return " ".join(done.output.split())


def test_everything_in_the_layouts_of_the_providers(tmp_path: Path) -> None:
    data = tmp_path / "data"
    for n in range(1, 9):
        write_gldas(data, START + timedelta(hours=3 * n))
    write_stations(data, hours(START, START + timedelta(hours=23)))
    for month in (5, 6, 7, 8):
        first = datetime(2022, month, 1)
        folder = data / f"forcing/2022/{month:02d}"
        write(folder / "data_stream-oper_stepType-instant.nc", tuple(INSTANT), first)
        write(folder / "data_stream-oper_stepType-accum.nc", tuple(ACCUM), first)
    write(data / "land/tp_2022-06.nc", ("tp",), datetime(2022, 6, 1), 0.1)
    file = tmp_path / "own.yaml"
    printed = init("--paper", "bai2026", "--data", str(data), "-o", str(file))
    config = load_config(file)
    assert config.catalogue["assimilated"].path == "gldas/%Y/%j/GLDAS_NOAH025_3H.A%Y%m%d.%H00.*.nc4"
    assert "8 files, for 4 of 240 analyses" in printed
    assert "Missing: 236 of 240 analysis times: GLDAS_NOAH025_3H, version 2.1" in printed
    forcing = config.forcing
    assert forcing.kind == "netcdf" and forcing.dataset == "era5_cds_split"
    assert (forcing.folder, forcing.files) == (Path("forcing"), "%Y/%m/data_stream-oper_stepType-{type}.nc")
    assert config.catalogue["rain"].product == "era5_land" and config.catalogue["rain"].path == "land/tp_%Y-%m.nc"
    assert config.catalogue["cma"].path == "stations/cma" and config.catalogue["ismn"].path == "stations/ismn_us.zip"
    assert [stations.entry for stations in config.verification.stations] == ["cma", "ismn"]
    assert [run.method for run in config.runs] == ["control", "pointwise", "pointwise", "enkf_like", "learned"]
    assert "Missing: weather" not in printed and "Missing: stations" not in printed


def test_an_empty_folder_names_every_product(tmp_path: Path) -> None:
    printed = init("--paper", "bai2026", "--data", str(tmp_path), "-o", str(tmp_path / "own.yaml"))
    for name in ("GLDAS_NOAH025_3H", "reanalysis-era5-single-levels", "reanalysis-era5-land", "ismn.earth", "cma.cn"):
        assert name in printed
    assert load_config(tmp_path / "own.yaml").forcing.kind == "stochastic"


def test_the_regional_experiment(tmp_path: Path) -> None:
    data = tmp_path / "data"
    write(data / "era5_land_2016_05.nc", ("swvl1", "swvl2", "tp"), datetime(2016, 5, 1), 0.1)
    layer = data / f"cldas/20160501/{STEM}-SM000005-2016050106.nc"
    layer.parent.mkdir(parents=True)
    layer.touch()
    printed = init("--paper", "shen2024", "--data", str(data), "-o", str(tmp_path / "own.yaml"))
    config = load_config(tmp_path / "own.yaml")
    assert config.catalogue["assimilated"].path == "era5_land_%Y_%m.nc"
    assert config.catalogue["cldas"].path == STEM.join(("cldas/%Y%m%d/", "-{layer}-%Y%m%d%H.nc")).replace(
        "20160501012056", "*"
    )
    assert "era5_land_%Y_%m.nc, 1 files, for 123 of 492 analyses" in printed


def test_what_cannot_be_used_as_it_is(tmp_path: Path) -> None:
    write(tmp_path / "d41d8cd98f00b204.nc", ("t2m", "tp"), START)
    (tmp_path / "broken.nc").write_bytes(b"\x89HDF\r\n\x1a\nnothing")
    (tmp_path / "half.zip").write_bytes(b"PK\x03\x04nothing")
    for place in ("SCAN/a.stm", "net/b/c.stm", "net/b/d/e.stm", "f.stm"):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).touch()
    found = look_through(tmp_path)
    assert [one.path for one in found.of("ismn")] == ["SCAN", "net/b"]
    remarks = "\n".join(found.remarks)
    assert "Stations of the ISMN lie directly in the data folder" in remarks
    assert "d41d8cd98f00b204.nc has t2m, tp of ERA5 from 2022-06-02 00 UTC" in remarks
    assert "rename it, for example to era5_2022_06.nc" in remarks
    assert "broken.nc was not recognised" in remarks
    assert "half.zip is not a complete zip archive" in remarks


def test_options_belong_together(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--paper and --data belong together"):
        init("--paper", "bai2026", "-o", str(tmp_path / "own.yaml"))
    with pytest.raises(DataError, match="is not a folder"):
        init("--paper", "bai2026", "--data", str(tmp_path / "none"), "-o", str(tmp_path / "own.yaml"))


@pytest.mark.parametrize(
    ("path", "pattern"),
    [
        ("a/2022/153/X_2022153.nc", "a/%Y/%j/X_%Y%j.nc"),
        ("2022/06/02/x.nc", "%Y/%m/%d/x.nc"),
        ("era5_2022_06.nc", "era5_%Y_%m.nc"),
        ("2022-06/t2m.20220602T00.nc", "%Y-%m/t2m.%Y%m%dT00.nc"),
        ("v2022061/x.nc", None),
        ("x.nc", None),
    ],
)
def test_patterns(path: str, pattern: str | None) -> None:
    assert pattern_of(path, START) == pattern
