"""Order of the arrays in restart records of CoLM2014 (MOD_TimeVariables, MOD_TimeInvariants).

Shapes are in numpy's order: Fortran's ``wliq_soisno(maxsnl+1:nl_soil, numpatch)`` is (patch, soilsnow).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

SIZES: Final[dict[str, int]] = {"soilsnow": 15, "snow": 5, "soil": 10, "lake": 10, "two": 2, "date": 3}
"""Dimensions that are constants of the model; patch, lat and lon depend on the case."""


@dataclass(frozen=True)
class Array:
    """One array of a record: name, numpy type without byte order (i4, f8), dimensions."""

    name: str
    kind: str
    dims: tuple[str, ...]


def record_type(record: Sequence[Array], sizes: Mapping[str, int], byte_order: str = "=") -> np.dtype[np.void]:
    """Structured numpy type of a record, with its arrays as fields, for the sizes of a case."""
    return np.dtype([(a.name, byte_order + a.kind, tuple(sizes[dim] for dim in a.dims)) for a in record])


def _reals(names: str, *dims: str) -> tuple[Array, ...]:
    return tuple(Array(name, "f8", dims) for name in names.split())


def _integers(names: str, *dims: str) -> tuple[Array, ...]:
    return tuple(Array(name, "i4", dims) for name in names.split())


TIME_VARYING: Final[tuple[Array, ...]] = (
    *_integers("id", "date"),
    *_reals("z_sno dz_sno", "patch", "snow"),
    *_reals("t_soisno wliq_soisno wice_soisno", "patch", "soilsnow"),
    *_reals("t_grnd tlsun tlsha ldew sag scv snowdp fveg fsno sigf green lai sai coszen", "patch"),
    *_reals("albg albv alb ssun ssha", "patch", "two", "two"),
    *_reals("thermk extkb extkd zwt wa", "patch"),
    *_reals("t_lake lake_icefrac", "patch", "lake"),
    *_reals("trad tref qref rst emis z0ma zol rib ustar qstar tstar fm fh fq", "patch"),
)
"""Only record of <site>-rstTimeVar-YYYY-DDD-SSSSS; id is year, day of the year, second of the day."""

CONSTANT_MAP: Final[tuple[Array, ...]] = (
    *_integers("ixy_patch jxy_patch mxy_patch", "patch"),
    *_integers("spatch_xy epatch_xy", "lat", "lon"),
    *_reals("wtxy_patch area_patch", "patch"),
)
"""First record of <site>-rstTimeConst: indices of the patches' cells, from 1, and area fractions of the patches."""

CONSTANT_SOIL: Final[tuple[Array, ...]] = (
    *_reals("dlat dlon", "patch"),
    *_reals("lats", "lat"),
    *_reals("lons", "lon"),
    *_integers("itypwat", "patch"),
    *_reals("z_soi dz_soi", "patch", "soil"),
    *_reals("lakedepth", "patch"),
    *_reals("dz_lake", "patch", "lake"),
    *_reals("soil_s_v_alb soil_d_v_alb soil_s_n_alb soil_d_n_alb", "patch"),
    *_reals("porsl psi0 bsw hksati csol dksatu dkdry rootfr", "patch", "soil"),
    *_reals("z0m displa sqrtdi effcon vmax25 slti hlti shti hhti trda trdm trop gradm binter extkn chil", "patch"),
    *_reals("ref tran", "patch", "two", "two"),
    *_reals("zlnd zsno csoilc dewmx wtfact capr cnfac ssi wimp pondmx smpmax smpmin trsmx0 tcrit"),
)
"""Second record of <site>-rstTimeConst."""
