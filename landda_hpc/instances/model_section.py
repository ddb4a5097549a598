"""Base sections of land models, which create the system that computes a campaign's instances."""

from __future__ import annotations

from abc import abstractmethod
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from landda_hpc.config.model import AnyModel

if TYPE_CHECKING:
    from landda_hpc.config import TimeConfig
    from landda_hpc.instances.colm_case import CaseDomain
    from landda_hpc.instances.embedded_models import EmbeddedSetup
    from landda_hpc.instances.instance import Instance
    from landda_hpc.instances.model_setup import ModelSetup
    from landda_hpc.instances.model_system import ModelSystem
    from landda_hpc.instances.warm_start import StoredStates
    from landda_hpc.model.protocol import ModelMaker
    from landda_hpc.parallel.communicator import Communicator
    from landda_hpc.state import TileState
    from landda_hpc.storage.campaign_folder import CampaignFolder


class ModelSection(AnyModel):
    """A land model. A subclass has ``kind: Literal["its_name"]``, its own keys, and ``make_system``.

    A model that computes in this process is an ``EmbeddedModelSection`` instead.
    """

    @classmethod
    def of(cls, model: AnyModel) -> ModelSection:
        """The section ``model`` of a configuration; the registry accepts no other kind."""
        assert isinstance(model, ModelSection), "checked by the registry"
        return model

    @abstractmethod
    def make_system(self, setup: ModelSetup, world: Communicator, folder: CampaignFolder) -> ModelSystem:
        """Make the system that computes all instances of a campaign.

        Parameters
        ----------
        setup, world : of the campaign.
        folder : its output folder.

        Notes
        -----
        Called on every rank at the same time.
        """

    def start_problems(self, clock: TimeConfig, data_root: Path, case: CaseDomain | None, *, begins: bool) -> list[str]:
        """Problems that would stop the model later and can be found now, one line each. Local.

        Parameters
        ----------
        clock, data_root : of the campaign.
        case : the CoLM case of the campaign, if it has one.
        begins : whether the campaign reads its initial state; one that is resumed does not.
        """
        return []

    def stored_states(self, data_root: Path, start: datetime) -> StoredStates | None:
        """States of another campaign that the model begins from; None by default. Local.

        Parameters
        ----------
        data_root, start : of the campaign.
        """
        return None

    def estimate(self, clock: TimeConfig, case: CaseDomain | None, n_runs: int, n_kept: int) -> dict[str, str]:
        """Requirements of the model's runs that a trial does not measure, in words by topic; default none. Local.

        Parameters
        ----------
        clock : times of the campaign.
        case : the CoLM case of the campaign, if it has one.
        n_runs, n_kept : instances of the campaign, and checkpoints that it keeps.
        """
        return {}


class EmbeddedModelSection(ModelSection):
    """A land model that computes in this process, on the tiles of each rank. A subclass has ``model_maker``.

    A key ``spinup_days`` in the subclass is the number of days that the model runs before the campaign's start.
    Nature run, ensembles, spin-up, checkpoints and restarts are made for it as for the model of this package.
    """

    def make_system(self, setup: ModelSetup, world: Communicator, folder: CampaignFolder) -> ModelSystem:
        """See ``ModelSection.make_system``."""
        from landda_hpc.instances.embedded_models import EmbeddedModels, EmbeddedSetup

        return EmbeddedModels(EmbeddedSetup(**vars(setup), model=self), world, folder)

    @abstractmethod
    def model_maker(self, setup: EmbeddedSetup, mine: slice) -> ModelMaker:
        """A maker of the models for this rank's slice of the tiles, one for each instance. Local.

        Parameters
        ----------
        setup : domain, seed, start and folder of external data.
        mine : the slice of all tiles.

        Notes
        -----
        What a model computes for a tile must not depend on the other tiles of the slice: the partition would show.
        """

    def initial_state(self, setup: EmbeddedSetup, instance: Instance, time: datetime, mine: slice) -> TileState:
        """State of an instance where the spin-up begins: by default soil water by climate class. Local.

        Parameters
        ----------
        setup : domain, seed, start and folder of external data.
        instance, time : whose state, and when.
        mine : the slice of all tiles; the bits of a tile must not depend on it.

        Raises
        ------
        DataError : a file that the section names is missing or not usable.
        """
        from landda_hpc.instances.column_models import climate_start

        return climate_start(setup, instance, time, mine)
