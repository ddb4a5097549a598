"""The user's own CoLM202X."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from landda_hpc.config.model import ColmModelConfig
from landda_hpc.instances.colm_section import ColmSection

if TYPE_CHECKING:
    from landda_hpc.config import TimeConfig
    from landda_hpc.instances.colm_case import CaseDomain


class ColmModelSection(ColmModelConfig, ColmSection):
    """The user's CoLM202X, run as separate processes; tiles and initial restart come from the section 'case'."""

    def start_problems(self, clock: TimeConfig, data_root: Path, case: CaseDomain | None, *, begins: bool) -> list[str]:
        """See ``ModelSection.start_problems``."""
        from landda_hpc.instances.case_checks import model_problems

        return [] if case is None else model_problems(clock, data_root, self, case, begins=begins)

    def estimate(self, clock: TimeConfig, case: CaseDomain | None, n_runs: int, n_kept: int) -> dict[str, str]:
        """See ``ModelSection.estimate``."""
        from landda_hpc.instances.case_checks import remarks
        from landda_hpc.instances.program_checks import runs_on_disk

        if case is None:
            return {}
        words = {"model": runs_on_disk(self, case.files, n_runs, clock.start, n_kept)}
        notes = remarks(clock.cycle_hours, self, case)
        return words | ({"note": "; ".join(notes)} if notes else {})
