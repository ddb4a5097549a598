"""Regions of the papers."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from landda_hpc.config import RegionConfig

CHINA: Final = RegionConfig(name="China", boxes=((15.0, 55.0, 70.0, 140.0),))
UNITED_STATES: Final = RegionConfig(name="United States", boxes=((25.0, 50.0, -125.0, -65.0),))
BAI2026_REGIONS: Final = (CHINA, UNITED_STATES)
"""[B26] section 4.2.2."""

INSIDE_CHINA: Final = RegionConfig(name="China", file=Path("package:papers/china.geojson"))
"""The country rather than a box around it, for the observation errors of [S24] Figs 6 and 7."""
