"""The user's own CoLM."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from landda_hpc.config.model import ColmModelConfig
from landda_hpc.instances.model_section import ModelSection

if TYPE_CHECKING:
    from datetime import datetime

    from landda_hpc.config import TimeConfig
    from landda_hpc.instances.colm_case import CaseDomain
    from landda_hpc.instances.colm_checkpoint import ColmCheckpoint
    from landda_hpc.instances.model_setup import ModelSetup
    from landda_hpc.instances.model_system import ModelSystem
    from landda_hpc.parallel.communicator import Communicator
    from landda_hpc.storage.campaign_folder import CampaignFolder


class ColmModelSection(ColmModelConfig, ModelSection):
    """The user's CoLM, run as separate processes; tiles and initial restart come from the section 'case'."""

    def make_system(self, setup: ModelSetup, world: Communicator, folder: CampaignFolder) -> ModelSystem:
        """See ``ModelSection.make_system``."""
        from landda_hpc.instances.colm_models import ColmModels

        return ColmModels(self, setup, world, folder)

    def stored_states(self, data_root: Path, start: datetime) -> ColmCheckpoint | None:
        """See ``ModelSection.stored_states``."""
        from landda_hpc.instances.colm_checkpoint import ColmCheckpoint

        if self.initial_file is None:
            return None
        return ColmCheckpoint(data_root / self.initial_file, start, self.tile_physics)

    def start_problems(self, clock: TimeConfig, data_root: Path, case: CaseDomain | None, *, begins: bool) -> list[str]:
        """See ``ModelSection.start_problems``."""
        from landda_hpc.instances.case_checks import model_problems

        return [] if case is None else model_problems(clock, data_root, self, case, begins=begins)

    def estimate(self, clock: TimeConfig, case: CaseDomain | None, n_runs: int, n_kept: int) -> dict[str, str]:
        """See ``ModelSection.estimate``."""
        from landda_hpc.instances.case_checks import remarks, runs_on_disk

        if case is None:
            return {}
        words = {"model": runs_on_disk(self, case, n_runs, clock.start, n_kept)}
        notes = remarks(clock.cycle_hours, self, case)
        return words | ({"note": "; ".join(notes)} if notes else {})
