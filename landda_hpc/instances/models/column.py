"""The embedded column model."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from landda_hpc.config.model import ColumnModelConfig
from landda_hpc.errors import LandDAError
from landda_hpc.instances.model_section import EmbeddedModelSection

if TYPE_CHECKING:
    from landda_hpc.config import TimeConfig
    from landda_hpc.instances.colm_case import CaseDomain
    from landda_hpc.instances.embedded_models import EmbeddedSetup
    from landda_hpc.instances.instance import Instance
    from landda_hpc.instances.warm_start import StoredStates
    from landda_hpc.model.protocol import ModelMaker
    from landda_hpc.state import TileState


class ColumnModelSection(ColumnModelConfig, EmbeddedModelSection):
    """The embedded column model."""

    def model_maker(self, setup: EmbeddedSetup, mine: slice) -> ModelMaker:
        """See ``EmbeddedModelSection.model_maker``."""
        from landda_hpc.instances.column_models import column_maker

        return column_maker(self, setup, mine)

    def initial_state(self, setup: EmbeddedSetup, instance: Instance, time: datetime, mine: slice) -> TileState:
        """See ``EmbeddedModelSection.initial_state``."""
        from landda_hpc.instances.column_models import column_start

        return column_start(self, setup, instance, time, mine)

    def stored_states(self, data_root: Path, start: datetime) -> StoredStates | None:
        """See ``ModelSection.stored_states``."""
        from landda_hpc.instances.warm_start import StoredStates

        return StoredStates.of(self, data_root, start)

    def start_problems(self, clock: TimeConfig, data_root: Path, case: CaseDomain | None, *, begins: bool) -> list[str]:
        """Problems of an initial climatology; a spun-up state is checked with the tiles."""
        from landda_hpc.formats.own.soil_moisture_climatology import read_soil_moisture_climatology

        file = self.file_of("file")
        if not begins or file is None:
            return []
        path = data_root / file
        try:
            if path.is_file():  # a missing file is reported separately
                read_soil_moisture_climatology(path)
        except LandDAError as error:
            return [f"model.initial_file: {error}"]
        return []
