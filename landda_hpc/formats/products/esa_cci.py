"""ESA CCI soil moisture, and C3S in the same layout: daily images of 0.25 degrees, netCDF."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import numpy as np

from landda_hpc.constants import BoolArray, FloatArray
from landda_hpc.errors import AverageError
from landda_hpc.formats.products.layered import Field, LayeredFile, Layout
from landda_hpc.formats.products.product import Product, volumetric_layer

VARIABLES: Final = (volumetric_layer("sm", (0.0, 0.05), ("m3 m-3", "m3/m3", "m^3 m^-3", "m³ m⁻³"), slack=1e-6),)
"""The merged product represents the uppermost 2 to 5 cm."""

FROZEN_BIT: Final = 1
DENSE_VEGETATION_BIT: Final = 2
REJECTED_BITS: Final = 4 | 8 | 16 | 32
"""No convergence; out of physical bounds; too little weight; all sensors unreliable. 64, barren ground, is advisory."""

_EPOCH: Final = datetime(1970, 1, 1)
_LAYOUT: Final = Layout(
    label="ESA CCI SM",
    variables=VARIABLES,
    latitude=("lat",),
    longitude=("lon",),
    time=("time",),
    one_time=True,
    may_be_empty=True,
    step=timedelta(days=1),
)


class EsaCciFile(LayeredFile):
    """A file of one day, with errors, flags, and the time of each cell."""

    def _open(self) -> None:
        super()._open()
        if self._file.has("nobs") and not (self._file.has("t0") or self._file.has("flag")):
            raise AverageError(
                f"file '{self.path}' holds averages, not images of single times: it counts observations (nobs) and "
                "has neither their time (t0) nor flags, like the monthly and dekadal files of C3S. Use the daily files."
            )

    def extras(
        self,
        values: FloatArray,  # noqa: ARG002 - for other products
        field: Field,
        time: datetime,
    ) -> tuple[FloatArray | None, Mapping[str, BoolArray], FloatArray | None]:
        """See ``LayeredFile.extras``."""
        std = field("sm_uncertainty")
        if std is not None:
            std = np.where(std > 0.0, std, np.nan)[None]
        flag, seen = field("flag"), field("t0")
        conditions: dict[str, BoolArray] = {}
        if flag is not None:
            bits = np.where(np.isfinite(flag) & (flag >= 0.0) & (flag < 127.0), flag, 0.0).astype(np.int64)
            conditions = {
                "frozen": (bits & FROZEN_BIT) > 0,
                "dense_vegetation": (bits & DENSE_VEGETATION_BIT) > 0,
                "not_recommended": (bits & REJECTED_BITS) > 0,
            }
        if seen is not None:
            seen = (seen - (time - _EPOCH) / timedelta(days=1)) * 86400.0
            # An offset of days is damage, or an undeclared fill value.
            seen = np.where(np.abs(seen) <= 2 * 86400.0, seen, np.nan)
        return std, conditions, seen


def open_esa_cci(path: Path) -> EsaCciFile:
    """Open a daily file of ESA CCI SM COMBINED or PASSIVE, e.g. ``ESACCI-SOILMOISTURE-L3S-SSMV-COMBINED-...``.

    Raises
    ------
    MissingFileError : the file does not exist.
    AverageError : a monthly or dekadal file.
    DataError : damaged file; axes, times or units differ from the provider's (ACTIVE is in percent of saturation).

    Notes
    -----
    Local. ``sm_uncertainty`` is the error standard deviation; ``t0`` is the time of each cell, within half a day of the
    file's time.
    """
    return EsaCciFile(path, _LAYOUT)


ESA_CCI: Final = Product(
    key="esa_cci",
    label="ESA CCI SM",
    variables=VARIABLES,
    time_convention="overpasses within half a day of 00 UTC of the file's day; t0 is the time of each cell",
    stamp="overpasses",
    step=timedelta(days=1),
    opens=open_esa_cci,
    many_times=False,
    may_be_empty=True,
    tried=True,
    reference="Dorigo et al. (2017), doi:10.1016/j.rse.2017.07.001; product user guide",
)
