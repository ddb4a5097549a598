"""Verification: statistics of errors, tables of scores, figures."""

from __future__ import annotations

from typing import Final

from landda_hpc.moved_modules import install

_WINGS: Final = {
    "statistics": "anomalies autocorrelation block_bootstrap bounds daily dependence grid_scores groups intervals "
    "matching sample_size scores station_scores station_set temporal",
    "tables": "grid_table side_by_side station_table",
    "figures": "appearance comparison_figures image_set map_layout maps minimisation paper_series rain_series "
    "report_figures station_maps",
}
_RENAMED: Final = {
    "comparison": "tables.comparison_table",
    "records": "tables.score_records",
    "regions": "statistics.region_windows",
    "report": "tables.summary",
    "series": "figures.score_series",
    "table": "tables.score_table",
}
MOVED: Final = _RENAMED | {name: f"{wing}.{name}" for wing, names in _WINGS.items() for name in names.split()}
"""Former names of modules of this package, and their present ones. Kept until version 0.3."""

install(__name__, MOVED)
