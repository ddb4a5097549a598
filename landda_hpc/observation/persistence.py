"""Errors that last: images that an autoregressive process of first order links from step to step."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from landda_hpc.constants import FloatArray
from landda_hpc.errors import DataError


@dataclass(eq=False)
class Persistence:
    """e(n) = rho e(n - 1) + sqrt(1 - rho^2) w(n), e(0) = w(0), with rho = exp(-step / e-folding time).

    The variance is that of w at every step. The images depend on the draws only, whichever time is asked for first: the
    process is computed from its start again if it has to be.

    Attributes
    ----------
    start, step : of the process; it has images at whole steps after the start.
    hours : e-folding time of the autocorrelation, h.
    """

    start: datetime
    step: timedelta
    hours: float
    _last: tuple[int, FloatArray] | None = field(default=None, init=False)

    def __call__(self, time: datetime, draw: Callable[[datetime], FloatArray]) -> FloatArray:
        """Return the image of a time.

        Parameters
        ----------
        time : a whole number of steps after the start.
        draw : image w of a step's time, independent from step to step.

        Raises
        ------
        DataError : the time is between two steps, or before the start.
        """
        steps = (time - self.start) / self.step
        wanted = round(steps)
        if wanted < 0 or abs(steps - wanted) > 1e-9:
            raise DataError(
                f"persistent errors are defined every {self.step} from {self.start} on; {time} lies between two steps "
                "or before the first one."
            )
        rho = math.exp(-(self.step.total_seconds() / 3600.0) / self.hours)
        number, image = self._last if self._last is not None and self._last[0] <= wanted else (0, draw(self.start))
        while number < wanted:
            number += 1
            image = rho * image + math.sqrt(1.0 - rho**2) * draw(self.start + number * self.step)
        self._last = number, image
        return image


def persistent_series(white: FloatArray, step: timedelta, hours: float) -> FloatArray:
    """Return the process of ``Persistence`` for a series of draws at equal steps.

    Parameters
    ----------
    white : draws w(0), w(1) ..., (n_steps,). A longer series begins with the values of a shorter one.
    step : between them.
    hours : e-folding time of the autocorrelation, h.

    Notes
    -----
    Local. The variance is that of the draws at every step.
    """
    rho = math.exp(-(step.total_seconds() / 3600.0) / hours)
    found = white.copy()
    for number in range(1, white.size):
        found[number] = rho * found[number - 1] + math.sqrt(1.0 - rho**2) * white[number]
    return found
