"""Small cases that run every compiled kernel; as a program it runs them as Python and writes what they give.

Run with NUMBA_DISABLE_JIT=1: ``python -m tests.unit.kernel_cases FILE.npz``. Next to the arrays of each case the file
holds the kernels that ran, by module and name.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import fields
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any
from unittest.mock import patch

import numpy as np

from landda_hpc import fourier
from landda_hpc.config import ForcingConfig, parse_config
from landda_hpc.constants import N_SOIL, FloatArray
from landda_hpc.curvelet import Curvelet2D
from landda_hpc.image.aggregate import aggregate, volumetric_water
from landda_hpc.image.distribute import distribute
from landda_hpc.instances.domain import Domain, make_domain
from landda_hpc.land_experiments.column_bench import bare_kernel
from landda_hpc.land_experiments.column_split import split
from landda_hpc.model.colm.soil_water import SoilWaterScheme
from landda_hpc.model.colm.write_back import SoilWater, apply_increment
from landda_hpc.model.column import column, hydraulics, richards, tile_model
from landda_hpc.model.column.column import ColumnModel
from landda_hpc.model.column.hydraulics import Hydrology
from landda_hpc.model.column.initial import initial_state, soil_water_by_climate
from landda_hpc.model.column.land import model, parameters
from landda_hpc.model.column.land.acceleration import decay, table_of
from landda_hpc.model.column.land.model import LandSurfaceModel
from landda_hpc.model.column.land.parameters import land_cover, land_parameters
from landda_hpc.model.column.records import WATER, new_records
from landda_hpc.model.column.temperature import AnnualWave
from landda_hpc.model.column.tile_climate import tile_climate
from landda_hpc.model.forcing.stochastic import StochasticWeather
from landda_hpc.model.forcing.sun import mean_sun_height
from landda_hpc.random_fields.harmonics import ring_analysis, ring_synthesis
from landda_hpc.state import PatchType, Tiles, TileState
from tests.unit.model.conftest import PlainWeather
from tests.unit.model.test_colm_write_back import soil as soil_constants
from tests.unit.model.test_land_closure import parameters_of, random_state

START = datetime(2022, 6, 2, 9)
PACKAGE = Path(__file__).resolve().parents[2] / "landda_hpc"

Arrays = dict[str, FloatArray]


@cache
def domain() -> Domain:
    grid = {"n_lat": 17, "n_lon": 20, "south": 30.0, "north": 80.0, "west": -60.0, "east": 120.0}
    time = {"start": "2022-06-02T00:00", "assimilation_end": "2022-06-03T00:00", "end": "2022-06-04T00:00"}
    observations = {"kind": "twin"}
    return make_domain(
        parse_config({"name": "k", "time": time, "grid": grid, "twin": {}, "observations": observations}), 1
    )


def some_tiles(of_soil: int = 4, of_others: int = 1) -> Tiles:
    """A handful of tiles of every kind that the domain has."""
    tiles = domain().tiles
    index = []
    for kind in PatchType:
        found = np.flatnonzero(tiles.patchtype == kind)
        n = of_soil if kind == PatchType.SOIL else of_others
        index += list(found[:: max(1, len(found) // n)][:n])
    return tiles.take(np.sort(np.array(index)))


def arrays_of(state: TileState, report: Any) -> Arrays:
    found = {f"state {name}": state[name].copy() for name in state}
    for part in (report, report.energy):
        for field in () if part is None else fields(part):
            value = getattr(part, field.name)
            if isinstance(value, np.ndarray):
                found[f"report {field.name}"] = value.copy()
    return found


def soil_water() -> Arrays:
    """Twice nine hours of the soil-water model: 36 steps, half of them with each conductivity of interfaces."""
    tiles = some_tiles()
    climate = tile_climate(tiles, domain().climatology)
    wave = AnnualWave(climate.temperature)
    state = initial_state(tiles, wave, START, soil_water_by_climate(tiles, climate, np.zeros(len(tiles))))
    state["wetwat"][tiles.patchtype == PatchType.WETLAND] = 10.0
    found: Arrays = {}
    for conductivity in ("mean", "upstream"):
        scheme = Hydrology("colm", conductivity)
        soil = ColumnModel(tiles, PlainWeather(tiles, rain_scale=0.02), wave, scheme=scheme)
        report = soil.forecast(state, START, START + timedelta(hours=9))
        found |= {f"{conductivity} {name}": array for name, array in arrays_of(state, report).items()}
    return found


def land_surface() -> Arrays:
    """Three hours of the whole land model in summer and winter: 12 steps of snow, ice, canopy and ground water."""
    found: Arrays = {}
    tiles = some_tiles(6, 2)
    for seed, month in ((1, 1), (2, 7)):
        state, start = random_state(tiles, seed), START.replace(month=month)
        land = LandSurfaceModel(tiles, PlainWeather(tiles, rain_scale=5e-3), parameters_of(tiles, seed))
        if seed == 2:
            split(*land.records(state, start), 1)
        report = land.forecast(state, start, start + timedelta(hours=3))
        found |= {f"{month} {name}": array for name, array in arrays_of(state, report).items()}
    return found


def weather() -> Arrays:
    """The generator's weather with and without covariation, over a day and a night."""
    found: Arrays = {}
    tiles = some_tiles(6, 1)
    for consistent in (True, False):
        source = StochasticWeather(
            domain().grid, tiles, ForcingConfig(), 4, "base", 1.0, domain().climatology, consistent
        )
        for hour in (0, 9):
            one = source.during(START.replace(hour=hour))
            found |= {f"{consistent} {hour} {f.name}": getattr(one, f.name) for f in fields(one)}
    return found


def images() -> Arrays:
    """Cell means, and an increment beyond the bounds on wet, dry and frozen layers."""
    tiles = domain().tiles.take(np.arange(40))
    state = random_state(tiles, 3)
    generator = np.random.default_rng(2)
    n = int(np.unique(tiles.cell).size)
    increment = generator.uniform(-0.3, 0.3, (n, N_SOIL))
    increment[0], increment[1, 2] = 0.0, np.nan
    means = aggregate(tiles, volumetric_water(state))
    ledger = distribute(tiles, state, increment, np.arange(N_SOIL) < 6)
    return {"means": means, "ledger": ledger.rows, "water": state["wliq_soisno"].copy()}


def curvelets() -> Arrays:
    """Transform, energies, gains and variances of small frames, real and complex, with every boundary."""
    found: Arrays = {}
    for shape, boundary, real in (
        ((17, 20), "none", True),
        ((17, 20), "none", False),
        ((18, 20), "reflect", True),
        ((17, 20), "double_fourier_sphere", True),
    ):
        frame = Curvelet2D(shape, boundary=boundary, real=real)
        generator = np.random.default_rng(5)
        image = generator.normal(size=shape)
        coefficients = frame.forward(image)
        gain = generator.uniform(0.0, 1.0, frame.n_var)
        energy = np.zeros(frame.n_var)
        frame.accumulate_energy(image, energy)
        case = f"{shape} {boundary} {real}"
        found |= {
            f"{case} coefficients": coefficients,
            f"{case} image": frame.inverse(frame.scale_by(coefficients, gain)),
            f"{case} gain": frame.apply_gain(image, gain),
            f"{case} energy": np.stack([energy, frame.energy(coefficients)]),
            f"{case} variance": frame.variance(generator.uniform(0.5, 1.5, shape)),
        }
    return found


def colm() -> Arrays:
    """Increments in restarts of CoLM, in both soil-water schemes and with both retention curves."""
    found: Arrays = {}
    n = 6
    for scheme, is_campbell in ((SoilWaterScheme.VSF, True), (SoilWaterScheme.VSF, False),
                                (SoilWaterScheme.COLM2014, True)):  # fmt: skip
        generator = np.random.default_rng(11)
        soil = soil_constants(is_campbell)
        share = generator.uniform(0.2, 1.0, (n, N_SOIL))
        thickness = np.geomspace(0.0175, 1.1, N_SOIL)
        water = SoilWater(
            wliq=1000.0 * thickness * soil.porsl * share,
            wice=np.where(generator.random((n, N_SOIL)) < 0.1, 1.0, 0.0),
            temperature=generator.uniform(265.0, 300.0, (n, N_SOIL)),
            smp=-generator.uniform(10.0, 1e4, (n, N_SOIL)),
            hk=generator.uniform(1e-8, 1e-3, (n, N_SOIL)),
            zwt=np.array([0.1, 0.3, 0.8, 1.5, 3.0, 5.0]),
            wa=np.zeros(n),
        )
        increment = generator.uniform(-0.2, 0.1, (n, N_SOIL))
        analysed, ledger = apply_increment(soil, np.arange(n) < 5, water, increment, scheme)
        of_case = {f.name: getattr(analysed, f.name) for f in fields(analysed)} | {"ledger": ledger.rows}
        found |= {f"{scheme} {is_campbell} {name}": array for name, array in of_case.items()}
    return found


def harmonics() -> Arrays:
    """Spherical harmonics without ducc0: synthesis on circles, at the poles too, and its adjoint."""
    degree, colatitude = 8, np.array([0.0, 1e-3, 0.7, 1.6, 3.0])
    generator = np.random.default_rng(3)
    coefficients = generator.normal(size=45) + 1j * generator.normal(size=45)
    with fourier.chosen_for("scipy"):
        ring = ring_synthesis(coefficients, degree, colatitude, 0.1, 20)
        back = ring_analysis(ring, degree, colatitude, 0.1)
    return {"ring": ring, "back": back}


def others() -> Arrays:
    """Sinks that ask for more than there is, parameters of land, extrapolated years, the sun, the speed's yardstick."""
    wetness = np.linspace(0.1, 0.9, 5 * N_SOIL).reshape(5, N_SOIL)
    layers, nodes = np.geomspace(20.0, 1000.0, N_SOIL), np.geomspace(30.0, 900.0, N_SOIL - 1)
    bare_kernel(wetness, np.full((5, N_SOIL), 6.0), layers, nodes, 1800.0, 3)
    water = new_records(WATER, 1)[0]
    water.liquid, water.least, water.most = 2.0, 1.5, 9.0
    water.sink = np.linspace(0.0, 2.0, N_SOIL)
    water.flux = np.linspace(-1.0, 1.0, N_SOIL + 1)
    taken = richards.apply_fluxes(1.0, water)
    tiles = some_tiles()
    of_land = land_parameters(tiles, land_cover(tiles, domain().cell_cover, tile_climate(tiles, domain().climatology)))
    found = {f"land {field.name}": getattr(of_land, field.name) for field in fields(of_land)}
    years = [decay(np.array([1.0, -0.5]), np.array(second)) for second in ([0.5, -0.2], [0.0, 0.0], [-1.0, 2.0])]
    tables = [table_of(recharge) for recharge in (-1.0, 1e-12, 1e-8, 1e-4, 1.0)]
    lat, lon = np.array([-80.0, -30.0, 0.0, 45.0, 85.0]), np.linspace(0.0, 300.0, 5)
    sun = [mean_sun_height(lat, lon, np.sin(0.4), np.cos(0.4), turn, turn + 0.8) for turn in np.linspace(-4.0, 4.0, 9)]
    found |= {
        "wetness": wetness,
        "sun": np.stack(sun),
        "sinks": np.concatenate([water.liquid, water.sink, water.flux]),
        "taken": np.array(taken),
    }
    return found | {"decay": np.array(years), "table": np.array(tables)}


CASES: dict[str, Callable[[], Arrays]] = {
    case.__name__: case for case in (soil_water, land_surface, weather, images, curvelets, harmonics, colm, others)
}


def widened(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The fields of a record in reverse order behind an additional one, in nested records too."""
    fields_of = [(name, dtype[name]) for name in reversed(dtype.names or ())]
    wide = [(name, widened(kind) if kind.names else kind) for name, kind in fields_of]
    return np.dtype([("added", np.float64), *wide], align=True)


def with_other_records(case: Callable[[], Arrays]) -> Arrays:
    """A case with ``widened`` records."""
    with ExitStack() as stack:
        for module, name in (
            (hydraulics, "SOIL"), (column, "WATER"), (column, "DEMAND"), (tile_model, "TOTALS"), (parameters, "COLUMN"),
            (model, "FORCING"), (model, "TILE"),
        ):  # fmt: skip
            stack.enter_context(patch.object(module, name, widened(getattr(module, name))))
        return case()


class Ran:
    """Notes the functions of the package that run, as ``module.name``."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def __call__(self, frame: FrameType, event: str, _argument: Any) -> None:
        path = frame.f_code.co_filename
        if event == "call" and path.startswith(str(PACKAGE)):
            module = Path(path).relative_to(PACKAGE).with_suffix("").as_posix().replace("/", ".")
            self.names.add(f"{module}.{frame.f_code.co_name}")


def main(path: str) -> None:
    assert os.environ.get("NUMBA_DISABLE_JIT") == "1"
    ran, found = Ran(), {}
    for name, case in CASES.items():
        domain()
        sys.setprofile(ran)
        arrays = case()
        sys.setprofile(None)
        found |= {f"{name}: {key}": array for key, array in arrays.items()}
    for case in (soil_water, land_surface):
        found |= {f"other records {case.__name__}: {key}": array for key, array in with_other_records(case).items()}
    np.savez(path, ran=np.array(sorted(ran.names)), **found)


if __name__ == "__main__":
    main(sys.argv[1])
