"""Assimilation of soil-moisture images into the Common Land Model, parallel with MPI."""

import importlib
import time
from typing import Any, Final

__version__ = "0.1.0"

IMPORTED_AT: Final = time.time()
"""When this process began to load the package, s since 1970: of a source that changed later an older state may run."""

_HOMES: Final = {
    "CampaignResults": "landda_hpc.api.results",
    "analyse": "landda_hpc.api.arrays",
    "open_campaign": "landda_hpc.api.results",
    "run_campaign": "landda_hpc.campaign.start",
    "score": "landda_hpc.api.arrays",
}


__all__ = ["__version__", *_HOMES]


def __getattr__(name: str) -> Any:
    """Import a part of the interface when it is first used: each module of the package is light to import."""
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'landda_hpc' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
