"""The campaign: the order of the steps of a cycle, the parts that they need, and the records.

    >>> from landda_hpc.campaign import run_campaign
    >>> run_campaign("experiments/smoke.yaml", "runs/smoke").finished  # doctest: +SKIP
    True

Read ``cycle.py`` first.
"""

from __future__ import annotations

from typing import Any

__all__ = ["run_campaign"]


def __getattr__(name: str) -> Any:
    """Import on first use: most commands need only a part of this package."""
    if name == "run_campaign":
        from landda_hpc.campaign.start import run_campaign

        return run_campaign
    raise AttributeError(name)
