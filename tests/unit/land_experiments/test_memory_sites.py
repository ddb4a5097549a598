"""Vegetation and places of ``landda land memory``."""

from __future__ import annotations

import numpy as np
import pytest

from landda_hpc.constants import SOIL_ZI
from landda_hpc.land_experiments.land_memory import SITES
from landda_hpc.model.column.land import plants
from landda_hpc.model.column.vegetation import layer_shares

DEPTHS_CM = 100.0 * SOIL_ZI[1:-1]
"""Lower ends of the layers except the lowest, whose share holds all deeper roots."""


def test_the_vegetation_of_the_papers_figures_is_there() -> None:
    """[B26] Fig. 7 has shrub, grass, corn and temperate needleleaf trees, [S24] Fig. 12 boreal needleleaf trees."""
    of = {site.name: site.plant for site in SITES}
    assert of == {
        "shrub": plants.SHRUBS,
        "grass": plants.GRASS,
        "corn": plants.CORN,
        "temperate needleleaf forest": plants.TEMPERATE_NEEDLE_TREES,
        "boreal needleleaf forest": plants.NEEDLE_TREES,
    }
    assert len(set(of.values())) == len(SITES)


@pytest.mark.parametrize(
    ("name", "expected", "tolerance"),
    [
        # CoLM's croplands: d50 of 22 cm and exponent -1.796.
        ("corn", 1.0 / (1.0 + (DEPTHS_CM / 22.0) ** -1.796), 0.005),
        # Jackson et al. (1996): another curve with the same depths of 50 and 95 %.
        ("temperate needleleaf forest", 1.0 - 0.976**DEPTHS_CM, 0.12),
    ],
)
def test_roots_follow_their_sources(name: str, expected: np.ndarray, tolerance: float) -> None:
    (site,) = (site for site in SITES if site.name == name)
    np.testing.assert_allclose(np.cumsum(layer_shares(*site.roots))[:-1], expected, atol=tolerance)


def test_leaf_areas_stay_between_their_limits() -> None:
    for plant in (plants.CORN, plants.TEMPERATE_NEEDLE_TREES):
        green, dead = plants.season(plant, np.linspace(240.0, 310.0, 12))
        area = green + dead
        assert area.min() == plant.lai_min and area.max() == plant.lai_max
        assert (dead[0] == area[0]) if plant.is_herb else not dead.any()
