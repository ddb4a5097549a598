"""Annual precipitation between dry climates: the definition at their borders, kept means, places without borders."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from landda_hpc.data.precipitation_climatology import KOPPEN_CLASSES, annual_precipitation, aridity_threshold
from landda_hpc.grid import regular_grid
from landda_hpc.model.forcing.dry_borders import precipitation_map

BWH, BSH, AW, CFA = (1 + KOPPEN_CLASSES.index(name) for name in ("BWh", "BSh", "Aw", "Cfa"))
DRY = [k for k, name in enumerate(KOPPEN_CLASSES, start=1) if name[0] == "B"]
GRID = regular_grid(20, 720, south=10.0, north=20.0)
LAT, LON = GRID.lat, GRID.lon
KELVIN = 298.15

Floats = npt.NDArray[np.float64]


def relative(classes: npt.NDArray[np.int64]) -> Floats:
    """Precipitation of a world, relative to the aridity threshold of each cell."""
    rain = precipitation_map(classes, np.full(classes.shape, KELVIN), GRID)
    return np.asarray(rain / aridity_threshold(classes, KELVIN))


def test_borders_meet_the_definition_and_rain_increases_towards_wet_climates() -> None:
    classes = np.zeros((LAT.size, LON.size), dtype=np.int64)
    classes[:, :80], classes[:, 80:100], classes[:, 100:240] = BWH, BSH, AW
    ratio = relative(classes)
    row = ratio[LAT.size // 2]
    assert np.all(np.diff(row[20:240]) > -1e-12)
    # The centres of the cells next to a border are 27 km from it: 2.5 % of the width of the steppe, 0.13 decays.
    np.testing.assert_allclose(row[[79, 80]], [0.03 + 0.47 * np.exp(-27.3 / 200.0), 0.5 + 0.5 / 40.0], atol=0.005)
    np.testing.assert_allclose(row[99], 1.0 - 0.5 / 40.0, atol=0.005)
    # Steppe on the great circle halfway between both borders.
    np.testing.assert_allclose(row[89:91].mean(), 0.75, atol=1e-6)
    assert row[20] < 0.032  # 3000 km from the border
    assert np.isnan(ratio[:, 240:]).all()


def test_without_dry_climates_the_amounts_are_those_of_the_classes() -> None:
    classes = np.full((LAT.size, LON.size), CFA)
    classes[:, 300:] = AW
    kelvin = KELVIN + 0.1 * np.abs(LAT)[:, None] + 0.0 * LON
    np.testing.assert_allclose(
        precipitation_map(classes, kelvin, GRID), annual_precipitation(classes, kelvin), rtol=1e-12
    )


@settings(max_examples=20, deadline=None)
@given(arrays(np.int64, (4, 6), elements=st.integers(0, 30)))
def test_means_of_classes_are_kept_and_dry_climates_stay_dry(blocks: npt.NDArray[np.int64]) -> None:
    classes = np.kron(blocks, np.ones((5, 120), dtype=np.int64))
    kelvin = np.full(classes.shape, 285.0)
    rain, table = precipitation_map(classes, kelvin, GRID), annual_precipitation(classes, kelvin)
    np.testing.assert_array_equal(np.isnan(rain), classes == 0)
    assert np.all(rain[classes > 0] > 0.0)
    area = np.broadcast_to(np.cos(np.deg2rad(LAT))[:, None], classes.shape)
    for k in set(classes.ravel()) - {0}:
        inside = classes == k
        if k in DRY:
            share = rain[inside] / aridity_threshold(k, 285.0)
            low, high = (0.0, 0.5) if KOPPEN_CLASSES[k - 1][1] == "W" else (0.5, 1.0)
            assert np.all((low < share) & (share <= high))
        else:
            means = [np.average(values[inside], weights=area[inside]) for values in (rain, table)]
            np.testing.assert_allclose(*means, rtol=1e-12)
