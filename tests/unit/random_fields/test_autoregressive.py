"""AR(1) fields: their statistics, and independence of the start."""

from __future__ import annotations

import numpy as np
import pytest

from landda_hpc.errors import ConfigError
from landda_hpc.grid import gaussian_grid
from landda_hpc.random_fields.angular_spectra import gaussian_spectrum
from landda_hpc.random_fields.autoregressive import AutoregressiveField

GRID = gaussian_grid(16, 32)
SPECTRUM = gaussian_spectrum(2000.0)


def field(steps: float = 8.0, key: str = "a") -> AutoregressiveField:
    return AutoregressiveField(GRID, SPECTRUM, steps, 5, key)


def test_a_field_depends_on_its_step_alone() -> None:
    run = field()
    series = [run.at(n).tobytes() for n in range(100, 140)]  # across an anchor at 120
    assert field().at(125).tobytes() == series[25]
    backwards = field()
    backwards.at(139)
    assert backwards.at(110).tobytes() == series[10]
    assert field(key="b").at(125).tobytes() != series[25]


def test_variance_and_autocorrelation() -> None:
    run = field(4.0)
    images = np.array([run.at(n) for n in range(2000)])
    weights = np.cos(np.deg2rad(GRID.lat))[:, None] * np.ones(GRID.shape)
    weights /= weights.sum()
    assert (images**2 * weights).sum(axis=(1, 2)).mean() == pytest.approx(1.0, abs=0.05)
    for lag in (1, 4, 8):
        product = (images[lag:] * images[:-lag] * weights).sum(axis=(1, 2)).mean()
        assert product == pytest.approx(np.exp(-lag / 4.0), abs=0.05)


def test_no_jump_where_the_recursion_begins_again() -> None:
    run = field(8.0)
    steps = np.array([np.abs(run.at(n + 1) - run.at(n)).mean() for n in range(100, 139)])
    assert steps[19] < 1.5 * np.median(steps)  # from step 119 to the anchor at 120


def test_a_correlation_time_that_is_not_positive_is_an_error() -> None:
    with pytest.raises(ConfigError, match="correlation time"):
        field(0.0)
