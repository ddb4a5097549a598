"""The user's own CoLM2014."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from landda_hpc.config.model import Colm2014ModelConfig
from landda_hpc.instances.colm_section import ColmSection

if TYPE_CHECKING:
    from landda_hpc.config import TimeConfig
    from landda_hpc.instances.colm_case import CaseDomain


class Colm2014ModelSection(Colm2014ModelConfig, ColmSection):
    """The user's CoLM2014, run as separate processes; tiles and initial restart come from the section 'case'."""

    def start_problems(self, clock: TimeConfig, data_root: Path, case: CaseDomain | None, *, begins: bool) -> list[str]:
        """See ``ModelSection.start_problems``."""
        from landda_hpc.instances.case_checks_2014 import problems_of_2014

        return [] if case is None else problems_of_2014(clock, data_root, self, case, begins=begins)

    def estimate(self, clock: TimeConfig, case: CaseDomain | None, n_runs: int, n_kept: int) -> dict[str, str]:
        """See ``ModelSection.estimate``."""
        from landda_hpc.instances.case_checks_2014 import remarks_2014
        from landda_hpc.instances.program_checks import runs_on_disk

        if case is None:
            return {}
        # The end's restart, the newest one and those of one second.
        words = runs_on_disk(self, case.files, n_runs, clock.start, n_kept, in_window=3)
        return {"model": words, "note": remarks_2014()}
