"""Small cases in the layouts of CoLM202X and CoLM2014, written without the code under test.

Sixteen cells of one degree about the corner of four blocks, two to five patches each: soil, urban, wetland, glacier,
lake, and one patch that is masked. Values are random but physical; some layers are frozen.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
from scipy.io import FortranFile

LC_YEAR = 2005
START = datetime(2010, 6, 1)
LABEL = "2010-152-00000"
BLOCKS = ("e110_n35", "e110_n40", "e115_n35", "e115_n40")
Z = 0.025 * (np.exp(0.5 * (np.arange(1, 11) - 0.5)) - 1.0)
ZI = np.concatenate(([0.0], 0.5 * (Z[1:] + Z[:-1]), [Z[-1] + 0.5 * (Z[-1] - Z[-2])]))
DZ = np.diff(ZI)
MISSING = -1.0e36

RECORDS_2014 = (
    """id z_sno dz_sno t_soisno wliq_soisno wice_soisno t_grnd tlsun tlsha ldew sag scv snowdp fveg fsno sigf green lai
    sai coszen albg albv alb ssun ssha thermk extkb extkd zwt wa t_lake lake_icefrac trad tref qref rst emis z0ma zol
    rib ustar qstar tstar fm fh fq""",
    "ixy_patch jxy_patch mxy_patch spatch_xy epatch_xy wtxy_patch area_patch",
    """dlat dlon lats lons itypwat z_soi dz_soi lakedepth dz_lake soil_s_v_alb soil_d_v_alb soil_s_n_alb soil_d_n_alb
    porsl psi0 bsw hksati csol dksatu dkdry rootfr z0m displa sqrtdi effcon vmax25 slti hlti shti hhti trda trdm trop
    gradm binter extkn chil ref tran zlnd zsno csoilc dewmx wtfact capr cnfac ssi wimp pondmx smpmax smpmin trsmx0
    tcrit""",
)
"""Arrays of the records of CoLM2014: the time-varying one, the two constant ones."""

Values = dict[str, np.ndarray[Any, Any]]


@dataclass
class SmallCase:
    """What was written: folder and, per block, constants, states at START and mapping."""

    folder: Path
    name: str
    const: dict[str, Values]
    state: dict[str, Values]
    mapping: dict[str, Values]


def write_case(
    folder: Path,
    *,
    name: str = "small",
    is_campbell: bool = False,
    is_vsf: bool = True,
    with_history: bool = False,
    seed: int = 1,
) -> SmallCase:
    """Write ``folder`` as <DEF_dir_output>/<DEF_CASE_NAME>: landdata, constant restart, restart at START."""
    rng = np.random.default_rng(seed)
    case = SmallCase(folder, name, {}, {}, {})
    _write_mesh(folder)
    for block in BLOCKS:
        mapping = _mapping(rng, block)
        kind = mapping.pop("patchtype")
        constants = _constants(rng, kind, mapping, is_campbell)
        state = _state(rng, constants, is_vsf)
        case.mapping[block], case.const[block], case.state[block] = mapping, constants, state
        land = folder / "landdata" / "landpatch" / str(LC_YEAR)
        _write(
            land / f"landpatch_{block}.nc",
            {"eindex": mapping["eindex"], "settyp": constants["patchclass"]},
            "landpatch",
        )
        _write(land / f"patchfrac_elm_{block}.nc", {"patchfrac_elm": mapping["fraction"]})
        _write(folder / "restart" / "const" / f"{name}_restart_const_lc{LC_YEAR}_{block}.nc", constants)
        _write(folder / "restart" / LABEL / f"{name}_restart_{LABEL}_lc{LC_YEAR}_{block}.nc", state)
    scalars = folder / "restart" / "const" / f"{name}_restart_const_lc{LC_YEAR}.nc"
    with netCDF4.Dataset(scalars, "w") as file:
        for key, value in (("wimp", 0.05), ("pondmx", 10.0), ("smpmin", -1.0e8), ("ssi", 0.033)):
            file.createVariable(key, "f8", ())[...] = value
    if with_history:
        _write_history(case)
    return case


def _write_mesh(folder: Path) -> None:
    path = folder / "landdata" / "mesh" / str(LC_YEAR) / "mesh.nc"
    path.parent.mkdir(parents=True)
    with netCDF4.Dataset(path, "w") as file:
        file.createDimension("longitude", 360)
        file.createDimension("latitude", 180)
        file.createVariable("longitude", "f8", ("longitude",))[:] = np.arange(360) - 179.5
        file.createVariable("latitude", "f8", ("latitude",))[:] = 89.5 - np.arange(180)


def _mapping(rng: np.random.Generator, block: str) -> Values:
    west = 113 if block.startswith("e110") else 115
    south = 38 if block.endswith("n35") else 40
    rows: list[tuple[int, int, int, float]] = []
    for lat in (south + 1, south):
        for lon in (west, west + 1):
            element = (89 - lat) * 360 + (lon + 180) + 1
            kinds = [0, 0, *rng.choice([0, 1, 2, 3, 4], size=rng.integers(0, 4))]
            shares = rng.dirichlet(np.ones(len(kinds)))
            rows += [(element, lat, int(k), float(s)) for k, s in zip(kinds, shares, strict=True)]
    element_, lat_, kind, fraction = (np.array(column) for column in zip(*rows, strict=True))
    return {
        "eindex": element_.astype(np.int64),
        "row": (lat_ - 38).astype(np.int64),
        "column": ((element_ - 1) % 360 - 293).astype(np.int64),
        "fraction": fraction,
        "patchtype": kind.astype(np.int32),
    }


def _constants(rng: np.random.Generator, kind: np.ndarray[Any, Any], mapping: Values, is_campbell: bool) -> Values:
    n = kind.size
    layers = (n, 10)
    mask = np.ones(n, dtype=np.int8)
    if n > 6:
        mask[1] = 0
    values: Values = {
        "patchclass": np.choose(kind, [10, 13, 11, 15, 17]).astype(np.int32),
        "patchtype": kind,
        "patchmask": mask,
        "patchlonr": np.deg2rad(mapping["column"] + 113.5),
        "patchlatr": np.deg2rad(mapping["row"] + 38.5),
        "porsl": rng.uniform(0.35, 0.55, layers),
        "theta_r": np.zeros(layers) if is_campbell else rng.uniform(0.02, 0.12, layers),
        "psi0": rng.uniform(-500.0, -50.0, layers) if is_campbell else np.full(layers, -10.0),
        "bsw": rng.uniform(4.0, 10.0, layers),
        "hksati": rng.uniform(1e-3, 1e-2, layers),
        "BVIC": np.full(n, np.nan),  # memory that CoLM never set
    }
    # Rock at the bottom of the first patch, and the lakes' columns without soil.
    values["porsl"][0, 9] = 0.03
    if not is_campbell:
        alpha, n_vgm = rng.uniform(5e-3, 5e-2, layers), rng.uniform(1.1, 1.6, layers)
        m = 1.0 - 1.0 / n_vgm
        sc = (1.0 + (10.0 * alpha) ** n_vgm) ** (-m)
        values |= {
            "alpha_vgm": alpha,
            "n_vgm": n_vgm,
            "L_vgm": np.full(layers, 0.5),
            "sc_vgm": sc,
            "fc_vgm": 1.0 - (1.0 - sc ** (1.0 / m)) ** m,
        }
    return values


def _state(rng: np.random.Generator, constants: Values, is_vsf: bool) -> Values:
    n = constants["patchtype"].size
    soil = slice(5, 15)
    wliq, wice, temperature = np.zeros((n, 15)), np.zeros((n, 15)), np.zeros((n, 15))
    wetness = rng.uniform(0.3, 0.95, (n, 10))
    zwt = rng.uniform(0.1, 3.4, n) if is_vsf else rng.uniform(1.0, 5.0, n)
    if is_vsf:
        wetness[ZI[:-1] >= zwt[:, None]] = 1.0
        # The layer that holds the table: saturated below it.
        for p in range(n):
            k = int(np.searchsorted(ZI, zwt[p], side="right")) - 1
            below = (ZI[k + 1] - zwt[p]) / DZ[k]
            wetness[p, k] = below + (1.0 - below) * wetness[p, k]
    wliq[:, soil] = wetness * constants["porsl"] * DZ * 1000.0
    temperature[:, soil] = rng.uniform(274.0, 295.0, (n, 10))
    frozen = rng.uniform(size=(n, 10)) < 0.15
    wice[:, soil][frozen] = 0.3 * wliq[:, soil][frozen]
    wliq[:, soil][frozen] *= 0.5
    temperature[:, soil][frozen] = 272.0
    wice[:, 7] += 0.005  # dust: less ice than counts as frozen
    layers = (n, 10)
    state: Values = {
        "z_sno": np.zeros((n, 5)),
        "dz_sno": np.zeros((n, 5)),
        "t_soisno": temperature,
        "wliq_soisno": wliq,
        "wice_soisno": wice,
        "smp": -rng.uniform(10.0, 1e5, layers),
        "hk": rng.uniform(1e-8, 1e-3, layers),
        "vegwp": -rng.uniform(1e3, 1e5, (n, 4)),
        "alb": rng.uniform(0.1, 0.4, (n, 2, 2)),
        "t_lake": np.where(constants["patchtype"][:, None] == 4, rng.uniform(278, 290, layers), MISSING),
        "zwt": zwt,
        "wa": np.zeros(n) if is_vsf else rng.uniform(4800.0, 5200.0, n),
    }
    for key, low, high in (
        ("t_grnd", 275.0, 295.0), ("tleaf", 275.0, 295.0), ("ldew", 0.0, 0.2), ("scv", 0.0, 1.0), ("snowdp", 0.0, 0.1),
        ("wdsrf", 0.0, 5.0), ("wetwat", 0.0, 100.0), ("sag", 0.0, 1.0), ("lai", 0.0, 4.0),
    ):  # fmt: skip
        state[key] = rng.uniform(low, high, n)
    return state


_DIMENSIONS = {15: "soilsnow", 10: "soil", 5: "snow", 4: "vegnodes", 2: "band"}


def _write(path: Path, values: Values, first: str = "patch") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with netCDF4.Dataset(path, "w") as file:
        file.create_time = "20261120-20:19:02 UTC+00:00"
        n = next(iter(values.values())).shape[0]
        file.createDimension(first, n)
        for name, array in values.items():
            for length in array.shape[1:]:
                if _DIMENSIONS[length] not in file.dimensions:
                    file.createDimension(_DIMENSIONS[length], length)
            dims = (first, *(_DIMENSIONS[length] for length in array.shape[1:]))
            variable = file.createVariable(name, array.dtype, dims, zlib=True, complevel=1, shuffle=False)
            variable[...] = array
            if name == "hk":
                variable.setncattr("remark", "an attribute that must survive")


def _write_history(case: SmallCase) -> None:
    """The history of the time step that ends at START, and one of the step after, which has no restart."""
    path = case.folder / "history" / f"{case.name}_hist_2010-06-01.nc"
    path.parent.mkdir(parents=True)
    minutes = int((START - datetime(1900, 1, 1)).total_seconds()) // 60
    with netCDF4.Dataset(path, "w") as file:
        file.createDimension("time", None)
        # One column and two rows more than the case has: a history of a larger domain.
        file.createDimension("lat", 6)
        file.createDimension("lon", 5)
        file.createDimension("soilsnow", 15)
        file.createDimension("soil", 10)
        time = file.createVariable("time", "i4", ("time",))
        time.units = "minutes since 1900-1-1 0:0:0"
        time[:] = [minutes, minutes + 30]
        file.createVariable("lat", "f4", ("lat",))[:] = 42.5 - np.arange(6)
        file.createVariable("lon", "f4", ("lon",))[:] = 113.5 + np.arange(5)
        for name, source, last in (
            ("f_wliq_soisno", "wliq_soisno", 3), ("f_zwt", "zwt", 2), ("f_t_grnd", "t_grnd", 98), ("f_h2osoi", "", 2),
        ):  # fmt: skip
            means = history_means(case, source, last)
            dims = {1: (), 15: ("soilsnow",), 10: ("soil",)}[means.shape[0]]
            variable = file.createVariable(name, "f8", ("time", *dims, "lat", "lon"))
            full = np.full((2, means.shape[0], 6, 5), MISSING)
            full[:, :, 1:5, 0:4] = np.where(np.isnan(means), MISSING, means)[:, ::-1]
            variable[:] = full if dims else full[:, 0]


def history_means(case: SmallCase, source: str, last: int) -> np.ndarray[Any, Any]:
    """Means over patches up to a type, (levels, 4 rows from the south, 4 columns); "" is volumetric water."""
    total: np.ndarray[Any, Any] | None = None
    area = np.zeros((4, 4))
    for block in BLOCKS:
        constants, state, mapping = case.const[block], case.state[block], case.mapping[block]
        if source:
            values = state[source].reshape(state[source].shape[0], -1)
        else:
            values = state["wliq_soisno"][:, 5:] / (1000.0 * DZ) + state["wice_soisno"][:, 5:] / (917.0 * DZ)
        if total is None:
            total = np.zeros((values.shape[1], 4, 4))
        for p in range(values.shape[0]):
            if constants["patchtype"][p] <= last and constants["patchmask"][p]:
                where = mapping["row"][p], mapping["column"][p]
                total[:, where[0], where[1]] += values[p] * mapping["fraction"][p]
                area[where] += mapping["fraction"][p]
    assert total is not None
    means: np.ndarray[Any, Any] = total / area
    return means


def write_case_2014(
    folder: Path, *, site: str = "small", byte_order: str = "<", seed: int = 2, n_lat: int = 3, n_lon: int = 2
) -> Values:
    """Write a constant and a time-varying restart of CoLM2014; returns all arrays by the model's names."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    counts = rng.integers(1, 5, (n_lat, n_lon))
    n = int(counts.sum())
    row = np.repeat(np.arange(n_lat), counts.sum(axis=1))
    column = np.concatenate([np.repeat(np.arange(n_lon), counts[j]) for j in range(n_lat)])
    last = counts.cumsum().reshape(n_lat, n_lon)
    lats, lons = 45.0 - 0.5 * np.arange(n_lat), 110.0 + 0.5 * np.arange(n_lon)
    kind = rng.choice([0, 0, 0, 1, 2, 3, 4], size=n)
    kind[0] = 0
    constants = _constants(rng, np.minimum(kind, 4), {"row": row, "column": column}, True)
    constants["porsl"][0, 9] = 0.4
    state = _state(rng, constants, False)
    share = rng.uniform(0.1, 1.0, n)
    share /= np.bincount(row * n_lon + column, weights=share)[row * n_lon + column]
    v: Values = {
        "id": np.array([START.year, 152, 0]),
        "ixy_patch": column + 1, "jxy_patch": row + 1, "mxy_patch": constants["patchclass"],
        "spatch_xy": last - counts + 1, "epatch_xy": last,
        "wtxy_patch": share, "area_patch": rng.uniform(1e3, 2e3, n),
        "dlat": np.deg2rad(lats[row]), "dlon": np.deg2rad(lons[column]), "lats": lats, "lons": lons, "itypwat": kind,
        "z_soi": np.tile(Z, (n, 1)), "dz_soi": np.tile(DZ, (n, 1)),
    }  # fmt: skip
    v |= {key: constants[key] for key in ("porsl", "psi0", "bsw", "hksati")}
    v |= {
        k: state[k]
        for k in ("z_sno", "dz_sno", "t_soisno", "wliq_soisno", "wice_soisno", "t_lake", "zwt", "wa", "t_grnd")
    }
    v |= {"wimp": np.array(0.05), "smpmin": np.array(-1.0e8)}
    time_varying, constant_map, constant_soil = (names.split() for names in RECORDS_2014)
    shapes = {"albg": (n, 2, 2), "albv": (n, 2, 2), "alb": (n, 2, 2), "ssun": (n, 2, 2), "ssha": (n, 2, 2)}
    shapes |= {"ref": (n, 2, 2), "tran": (n, 2, 2), "lake_icefrac": (n, 10), "dz_lake": (n, 10)}
    shapes |= dict.fromkeys(("csol", "dksatu", "dkdry", "rootfr"), (n, 10))
    shapes |= dict.fromkeys(constant_soil[constant_soil.index("zlnd") :], ())
    for name in time_varying + constant_map + constant_soil:
        v.setdefault(name, rng.uniform(0.0, 1.0, shapes.get(name, (n,))))
    files = {f"{site}-rstTimeVar-{LABEL}": [time_varying], f"{site}-rstTimeConst": [constant_map, constant_soil]}
    for file_name, records in files.items():
        with FortranFile(folder / file_name, "w", header_dtype=f"{byte_order}u4") as file:
            for names in records:
                parts = [v[k].astype(f"{byte_order}{'i4' if v[k].dtype.kind == 'i' else 'f8'}") for k in names]
                file.write_record(np.frombuffer(b"".join(part.tobytes() for part in parts), dtype=np.uint8))
    return v
