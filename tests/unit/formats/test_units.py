"""Units of soil moisture: spellings, what they are in m3 m-3, and those that could be of another quantity."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from landda_hpc.config import PRODUCT_ENTRIES
from landda_hpc.errors import DataError
from landda_hpc.formats.cf.image import read_image
from landda_hpc.formats.cf.units import canonical_unit, is_one_of, is_volumetric, soil_moisture_unit
from landda_hpc.formats.products.cf_layers import open_cf_layers
from landda_hpc.formats.products.dataset import make_dataset
from landda_hpc.formats.products.esa_cci import open_esa_cci
from tests.unit.formats.images_of_time import DAY, write_image

SPELLINGS = (
    "m3 m-3", "m3/m3", "m^3/m^3", "m^3 m^-3", "m**3 m**-3", "m3.m-3", "m^3 m-3", "m³/m³", "m³ m⁻³", "m³·m⁻³", "[m3/m3]",
    "m^{3} m^{-3}", "m3m-3", "(m3 m-3)", " m3  m-3", "m3 m−3",
)  # fmt: skip


@pytest.mark.parametrize("unit", SPELLINGS)
def test_spellings_of_one_unit(tmp_path: Path, unit: str) -> None:
    assert canonical_unit(unit) == "m3 m-3"
    path = write_image(tmp_path / "sm.nc", 0.25, [DAY], units=unit)
    for opens in (open_esa_cci, lambda p: open_cf_layers(p, {"sm": (0.0, 0.05)})):
        with opens(path) as file:
            np.testing.assert_allclose(np.nanmean(file.read(DAY).values), 0.25, rtol=1e-6)
    np.testing.assert_allclose(read_image(path).values, 0.25, rtol=1e-6)


@pytest.mark.parametrize(
    ("unit", "stored"),
    [
        ("cm3 cm-3", 0.25), ("cm^3/cm^3", 0.25), ("mm3 mm-3", 0.25), ("m m-1", 0.25), ("1", 0.25), ("Fraction", 0.25),
        ("vol.%", 25.0), ("% vol", 25.0), ("kg m-2", 50.0), ("kg/m^2", 50.0), ("mm", 50.0), ("kg m-3", 250.0),
        ("vol/vol", 0.25), ("m3 m-3 (volumetric)", 0.25),
    ],
)  # fmt: skip
def test_units_and_what_they_are(tmp_path: Path, unit: str, stored: float) -> None:
    path = write_image(tmp_path / "sm.nc", stored, [DAY], units=unit)
    with open_cf_layers(path, {"sm": (0.1, 0.3)}) as file:
        np.testing.assert_allclose(file.read(DAY).values, 0.25, rtol=1e-6)


@pytest.mark.parametrize(
    ("unit", "names", "message"),
    [
        ("%", {}, "percent of volume or of saturation"),
        ("percent", {"long_name": "Surface soil moisture"}, "percent of volume or of saturation"),
        ("%", {"long_name": "volumetric saturation"}, "degree of saturation"),
        ("1", {"long_name": "surface_soil_wetness"}, "degree of saturation"),
        ("kg kg-1", {}, "expected m3 m-3, percent by volume, or kg m-2"),
        ("g/g", {}, "expected m3 m-3"),
        ("", {}, "units ''; expected m3 m-3"),
        ("K", {}, "expected m3 m-3"),
        ("m", {}, "expected m3 m-3"),
    ],
)
def test_units_that_may_be_of_something_else_are_refused(
    tmp_path: Path, unit: str, names: dict[str, str], message: str
) -> None:
    path = write_image(tmp_path / "sm.nc", 0.25, [DAY], units=unit, **names)
    with pytest.raises(DataError, match=message) as caught:
        open_cf_layers(path, {"sm": (0.0, 0.1)})
    assert "set units: in the entry of the catalogue" in str(caught.value)


def test_percent_is_clear_where_the_names_say_volume(tmp_path: Path) -> None:
    for k, names in enumerate(
        ({"long_name": "Volumetric Soil Moisture"}, {"standard_name": "volume_fraction_of_condensed_water_in_soil"})
    ):
        path = write_image(tmp_path / f"{k}.nc", 25.0, [DAY], units="%", **names)
        with open_cf_layers(path, {"sm": (0.0, 0.1)}) as file:
            np.testing.assert_allclose(file.read(DAY).values, 0.25, rtol=1e-6)


@pytest.mark.parametrize("given", ["%", {"sm": "percent"}, "vol.%"])
def test_units_of_the_configuration(tmp_path: Path, given: str | dict[str, str]) -> None:
    write_image(tmp_path / "20100601.nc", 25.0, [DAY], units="")
    entry = PRODUCT_ENTRIES.make("cf", path="%Y%m%d.nc", variables={"sm": (0.0, 0.1)}, units=given)
    profile = make_dataset("x", entry, tmp_path).read(DAY)
    assert profile is not None
    np.testing.assert_allclose(profile.values, 0.25, rtol=1e-6)
    # A wrong unit shows in the values.
    wrong = PRODUCT_ENTRIES.make("cf", path="%Y%m%d.nc", variables={"sm": (0.0, 0.1)}, units="m3 m-3")
    with pytest.raises(DataError, match=r"outside \[0, 1\] m3 m-3"):
        make_dataset("x", wrong, tmp_path).read(DAY)


def test_units_of_the_configuration_that_make_no_sense() -> None:
    with pytest.raises(ValueError, match=r"units\n *Extra inputs are not permitted"):
        PRODUCT_ENTRIES.make("era5", path="x", units="%")
    with pytest.raises(ValueError, match="units name b, not in variables: a"):
        PRODUCT_ENTRIES.make("cf", path="x", variables={"a": (0.0, 0.1)}, units={"b": "%"})


def test_other_units_keep_their_meaning() -> None:
    assert is_one_of("kg/m2/s", ["kg m-2 s-1"])
    assert is_one_of("W/m^2", ["W m**-2"])
    assert is_one_of("", ["", "1"])
    assert not is_one_of("kg m-2", ["kg m-3"])
    assert not is_one_of("mm", ["m"])
    assert not is_one_of("1", [""])
    assert is_volumetric("cm^3 cm^-3")
    assert not is_volumetric("%")
    assert soil_moisture_unit("kg m-2", (0.0, 0.1), "").factor == pytest.approx(0.01)
