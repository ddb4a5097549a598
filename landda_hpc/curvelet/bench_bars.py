"""The values of a benchmark and their bars."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from landda_hpc.curvelet.bench import FINEST


@dataclass(frozen=True)
class Bar:
    """One measured value and its bar.

    Attributes
    ----------
    name, unit : of the measured quantity.
    measured : None if it could not be measured; `why` gives the reason.
    limit : the bar; `at_least` states whether it is a lower or an upper limit. None: reported only.
    aim : target beyond the bar; None if there is none.
    """

    name: str
    measured: float | None
    limit: float | None = None
    aim: float | None = None
    at_least: bool = True
    unit: str = ""
    why: str = ""

    @property
    def is_met(self) -> bool | None:
        """Whether the bar is met; None without a bar or a measured value."""
        if self.measured is None or self.limit is None:
            return None
        return self.measured >= self.limit if self.at_least else self.measured <= self.limit


def bars(result: dict[str, Any]) -> list[Bar]:
    """Compare the values of `measure` with the bars."""
    found = []
    for finest, limit, aim in (("curvelets", 3.0, 4.0), ("wavelets", 6.0, 8.0)):
        faster = result[finest]["times_faster_than"]
        for other, package in (("udct", "curvelets"), ("curvelops", "curvelops")):
            name = f"times faster than {package}, {finest} finest"
            measured = faster.get(f"{other}_batch")
            if other == "udct":
                found.append(Bar(name, measured, limit, aim, why="not installed"))
            else:
                found.append(Bar(name, measured, why="not installed"))
    batch = result["batch"]
    for finest in FINEST:
        name = f"{batch}-member analysis / {2 * batch} forward transforms, {finest} finest"
        found.append(Bar(name, result[finest]["analysis_over_forwards"], 1.3, at_least=False))
    for finest in FINEST:
        for direction, gain in result[finest]["second_thread"].items():
            found.append(Bar(f"times faster with a second thread, {direction}, {finest} finest", gain, 1.0))
    if "growth" in result:
        n1, n2 = result["growth"]["large"]
        name = f"growth to {n1} x {n2} / growth of the bare FFTs"
        found.append(Bar(name, result["growth"]["over_ffts"], 1.3, at_least=False))
    if "memory" in result:
        n1, n2 = result["memory"]["shape"]
        name = f"peak memory at {n1} x {n2} without coefficients"
        found.append(Bar(name, result["memory"]["fields_beside_coefficients"], 12.0, at_least=False, unit="fields"))
    for finest in FINEST:
        n1, n2 = result["shape"]
        found.append(
            Bar(f"plan build at {n1} x {n2}, {finest} finest", result[finest]["plan_s"], 1.0, at_least=False, unit="s")
        )
    for finest in FINEST:
        for way in ("forward_inverse", "stream"):
            ratio = result["fourier"][finest].get(f"{way}, scipy over ducc0")
            name = f"time with scipy / with ducc0, {way}, {finest} finest"
            found.append(Bar(name, None if ratio is None else ratio["median"], why="ducc0 is not installed"))
    for kind, seconds in result["variance_s"].items():
        found.append(Bar(f"exact variance of a new map, {kind}", seconds["first"], unit="s"))
        found.append(Bar(f"exact variance of a multiple of it, {kind}", seconds["again"], unit="s"))
    if "start" in result:
        for key, text in (
            ("import_s", "start-up: import"),
            ("first_use_s", "start-up: first use, loops compiled before"),
            ("first_use_ever_s", "start-up: first use ever, compiling"),
        ):
            found.append(Bar(text, result["start"][key], unit="s"))
    return found
