"""CPU time of the images of the stochastic weather, measured without the cycles of a run.

The ranks of a member group compute these images together, for many days at a time. A cycle in which they do not is a
steady one; the runs of a study count these alone, and the share of the weather in a cycle is added.
"""

from __future__ import annotations

import time
from typing import Final

from landda_hpc.instances.embedded_models import NATURE_STREAM, EmbeddedSetup
from landda_hpc.model.forcing.stochastic import StochasticWeather

_STEPS: Final = 8
"""Successive weather steps that are measured, as many as a rank computes at a time."""


def weather_cost(setup: EmbeddedSetup) -> float:
    """CPU seconds of one process for all weather images of a cycle; 0 without stochastic weather. Local."""
    domain = setup.domain
    few = domain.tiles.take(slice(0, 1))
    found = [setup.weather(few)]
    if setup.twin is not None:
        found.append(setup.weather(few, NATURE_STREAM, setup.twin.weather_correlation))
    seconds = 0.0
    for weather in found:
        if isinstance(weather, StochasticWeather):
            began, start = time.process_time(), setup.start
            for n in range(_STEPS):
                weather.during(start + n * weather.step)
            cycles = _STEPS * weather.step / setup.time.cycle
            seconds += (time.process_time() - began) / cycles
    return seconds
