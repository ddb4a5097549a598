"""Hourly rain of stations and satellites over China, merged by the CMA: GrADS binary files.

Product SURF_CLI_CHN_MERGE_CMP_PRE_HOUR_GRID_0.10 (Shen et al. 2014, J. Geophys. Res. Atmos., 119, 3063), of gauges and
CMORPH, which [B26] uses; files SEVP_CLI_CHN_MERGE_... have the same layout. The provider's control file (.ctl) gives
it: 700 x 440 cells of 0.1 degrees from 70.05 E and 15.05 N, two fields of little-endian numbers, ``crain`` (mm in the
hour) and ``gsamp`` (number of gauges), missing -999. It does not give the size of a number, which follows from that of
the file (4 bytes), nor the hour of an amount; as gauges report, it is taken to end at the time in the name, UTC.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import numpy as np

from landda_hpc.constants import FloatArray
from landda_hpc.errors import ConfigError, DataError, MissingFileError
from landda_hpc.formats.products.product import Product, ProductFile, ProductVariable
from landda_hpc.formats.products.region import Region, locate
from landda_hpc.grid import Grid, regular_grid

KEY: Final = "cma_merged_rain"
LABEL: Final = "CMA gauges and CMORPH"
RAIN_OF_HOUR: Final = ProductVariable(
    name="crain",
    long_name="precipitation of the hour, gauges and CMORPH merged",
    standard_name="lwe_thickness_of_precipitation_amount",
    units=("mm",),
    valid_range=(0.0, 500.0),
)
_SHAPE: Final = (440, 700)
_MISSING: Final = -999.0
_N_BYTES: Final = 2 * _SHAPE[0] * _SHAPE[1] * 4
_HOUR: Final = re.compile(r"(?<!\d)(\d{10})(?=\.[A-Za-z0-9]+$)")


@dataclass(frozen=True, eq=False)
class MergedRainFile:
    """One file, of one hour.

    Attributes
    ----------
    path : the file.
    """

    path: Path

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    @cached_property
    def times(self) -> tuple[datetime, ...]:
        """End of the hour, UTC, from the name; DataError if it has none."""
        found = _HOUR.search(self.path.name)
        try:
            return (datetime.strptime(found.group(1) if found else "", "%Y%m%d%H"),)
        except ValueError as error:
            raise DataError(
                f"the name of '{self.path}' does not end in an hour; expected ..._HOUR_GRID_0.10-YYYYMMDDHH.grd."
            ) from error

    def image(self, variable: ProductVariable, time: datetime, region: Region | None = None) -> tuple[FloatArray, Grid]:
        """Read the rain of the hour, mm, (n_lat, n_lon), rows south to north, NaN where missing, and its grid.

        Raises
        ------
        MissingFileError : the file does not exist.
        DataError : its size is not that of the product, or a value is out of range, as with another byte order.
        """
        assert (variable, time) == (RAIN_OF_HOUR, self.times[0]), "the only one"
        try:
            size = self.path.stat().st_size
            content = np.fromfile(self.path, dtype="<f4", count=_SHAPE[0] * _SHAPE[1])
        except FileNotFoundError as error:
            raise MissingFileError(f"data file '{self.path}' does not exist; check its entry's pattern.") from error
        if size != _N_BYTES:
            raise DataError(
                f"'{self.path}' has {size} bytes; expected {_N_BYTES}: two fields of 700 x 440 numbers of 4 bytes. Is "
                "it complete, and not compressed?"
            )
        grid = regular_grid(*_SHAPE, south=15.0, north=59.0, west=70.0, east=140.0)
        slab = locate(grid, False, region)
        whole = content.reshape(_SHAPE).astype(np.float64)
        whole[np.abs(whole - _MISSING) < 0.5] = np.nan
        low, high = variable.valid_range
        wrong = np.isinf(whole) | (whole < low - 1e-3) | (whole > high)
        if wrong.any():
            raise DataError(
                f"'{self.path}' has rain of {float(whole[wrong][0]):.3g} mm in an hour; expected {low:g} to {high:g}, "
                f"or {_MISSING:g} where it is missing, as little-endian numbers."
            )
        return np.maximum(slab.read(lambda rows, columns: whole[rows, columns]), 0.0), slab.grid


def _opens(path: Path) -> ProductFile:
    raise ConfigError(f"'{path}' is of product {KEY}, which has rain and no soil moisture.")


MERGED_RAIN: Final = Product(
    key=KEY,
    label=LABEL,
    variables=(),
    time_convention="amount of the hour that ends at the time in the file's name",
    stamp="mean",
    step=timedelta(hours=1),
    opens=_opens,
    many_times=False,
    may_be_empty=True,
    tried=False,
    reference="Shen et al. (2014), doi:10.1002/2013JD020686; data.cma.cn, SURF_CLI_CHN_MERGE_CMP_PRE_HOUR_GRID_0.10",
)
"""Properties of the product in the catalogue; its soil moisture cannot be opened."""
