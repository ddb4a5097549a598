"""Assimilation of soil-moisture images into the Common Land Model, parallel with MPI."""

import time
from typing import Final

__version__ = "0.1.0"

IMPORTED_AT: Final = time.time()
"""When this process began to load the package, s since 1970: of a source that changed later an older state may run."""
