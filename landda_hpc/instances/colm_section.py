"""Base section of the user's own CoLM, for both versions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from landda_hpc.config.model import ColmProgramConfig
from landda_hpc.instances.model_section import ModelSection

if TYPE_CHECKING:
    from datetime import datetime

    from landda_hpc.instances.colm_checkpoint import ColmCheckpoint
    from landda_hpc.instances.model_setup import ModelSetup
    from landda_hpc.instances.model_system import ModelSystem
    from landda_hpc.parallel.communicator import Communicator
    from landda_hpc.storage.campaign_folder import CampaignFolder


class ColmSection(ColmProgramConfig, ModelSection):
    """The user's own CoLM of either version, run as separate processes."""

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
