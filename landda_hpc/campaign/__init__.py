"""The campaign: the order of the steps of a cycle, the parts that it needs, and what it records.

    >>> from landda_hpc.campaign import run_campaign
    >>> run_campaign("experiments/smoke.yaml", "runs/smoke").finished  # doctest: +SKIP
    True

Read ``cycle.py`` first.
"""

from landda_hpc.campaign.start import run_campaign

__all__ = ["run_campaign"]
