"""A campaign as material of a page: its records, images of any scored layer, words for what stands in for a product."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from landda_hpc.campaign.depths import layer_folder
from landda_hpc.campaign.domain import Domain, depth_name, make_domain
from landda_hpc.campaign.records import require_records
from landda_hpc.campaign.reproduction.experiment import Experiment
from landda_hpc.config import CampaignConfig, CatalogueObservations, TwinObservations, read_resolved
from landda_hpc.constants import FloatArray
from landda_hpc.data import static_path
from landda_hpc.errors import StorageError
from landda_hpc.formats.registry import PRODUCTS
from landda_hpc.formats.static import read_static
from landda_hpc.storage.campaign_folder import CampaignFolder
from landda_hpc.storage.images import list_images
from landda_hpc.verification.image_set import read_images
from landda_hpc.verification.maps import Coastline, draw_maps
from landda_hpc.verification.records import ASSIMILATED_REFERENCE, TRUTH, ScoreRecord, read_json_lines
from landda_hpc.verification.regions import Region
from landda_hpc.verification.side_by_side import Roles


class Material:
    """A finished campaign, for reading. Local: one rank.

    Attributes
    ----------
    experiment : the paper's.
    folder, config, domain, records : the campaign's.
    roles : which runs stand for the paper's.
    is_twin : whether a nature run stands for the paper's product.
    references : that scores are against, the most trustworthy first.
    layer : the observed one.
    coast : for maps.

    Raises
    ------
    StorageError : no campaign, not finished, or records are missing.
    ConfigError : it lacks the paper's runs.
    """

    def __init__(self, path: Path, experiment: Experiment) -> None:
        self.experiment = experiment
        self.folder = CampaignFolder.open(path)
        status = self.folder.read_status()
        if status is None or status.state != "finished":
            raise StorageError(
                f"campaign {path} is {'not begun' if status is None else status.state}, not finished; go on with "
                f"'landda resume {path}'."
            )
        self.config: CampaignConfig = read_resolved(self.folder.config_file)
        require_records(self.folder, self.config)
        self.domain: Domain = make_domain(self.config, n_ranks=1)
        self.roles: Roles = experiment.roles(self.config)
        self.is_twin = self.config.twin is not None
        self.records: list[ScoreRecord] = read_json_lines(self.folder.records_file("scores"))
        present = {r.reference for r in self.records}
        known = [name for name in (TRUTH, ASSIMILATED_REFERENCE) if name in present]
        self.references: list[str] = [*known, *sorted(present - set(known))]
        self.layer = depth_name(self.config.observations.depth_m)
        grid, static = read_static(static_path(), ("land_fraction", "lake_fraction"))
        self.coast = Coastline(grid, static["land_fraction"] + static["lake_fraction"])

    @property
    def product(self) -> str:
        """What is assimilated from files; empty in a twin."""
        observations = self.config.observations
        if isinstance(observations, TwinObservations):
            return ""
        if isinstance(observations, CatalogueObservations):
            entry = self.config.catalogue[observations.entry]
            return PRODUCTS[entry.product].label if entry.product in PRODUCTS else observations.entry
        return PRODUCTS["gldas_noah"].label

    @property
    def reference_image(self) -> str:
        """Name of the image that stands where the paper shows its product."""
        return "truth" if self.is_twin else "observation"

    @property
    def reference_words(self) -> str:
        """What that image is."""
        return "truth of the twin" if self.is_twin else self.product

    def labels(self) -> dict[str, str]:
        """Titles of map panels."""
        observed = "Observation of the twin" if self.is_twin else self.product
        return {"observation": observed, "truth": "Truth of the twin"}

    def stored(self, run: str) -> list[datetime]:
        """Times of the run's images."""
        return list(list_images(self.folder.images, run))

    def nearest(self, run: str, wanted: datetime, *, analysed: bool = True) -> datetime | None:
        """The stored time nearest to the one wanted, within the assimilation window if ``analysed``."""
        end = self.config.time.assimilation_end
        times = [t for t in self.stored(run) if not analysed or t <= end]
        return min(times, key=lambda t: abs(t - wanted), default=None)

    def images(self, run: str, time: datetime) -> dict[str, FloatArray]:
        """Images of a run, by name; with ``control``, the control run's state, where it was stored."""
        stored = list_images(self.folder.images, run)
        images = dict(read_images(stored[time])[0].images) if time in stored else {}
        controls = list_images(self.folder.images, self.roles.control)
        if time in controls and "control" not in images:
            control = read_images(controls[time])[0].images
            name = next((n for n in ("analysis", "forecast", "background") if n in control), None)
            if name is not None:
                images["control"] = control[name]
        return images

    def layer_image(self, layer: str, run: str, time: datetime) -> dict[str, FloatArray]:
        """The state ('forecast') and the truth of one scored layer; empty where the campaign did not store them."""
        folder = layer_folder(self.folder.images, layer)
        stored = list_images(folder, run) if folder.is_dir() else {}
        return dict(read_images(stored[time])[0].images) if time in stored else {}

    def draw(
        self,
        images: dict[str, FloatArray],
        time: datetime | None,
        path: Path,
        *,
        panels: Sequence[str],
        title: str,
        labels: dict[str, str] | None = None,
        regions: Sequence[Region] | None = None,
        columns: int | None = None,
        quantity: str = "Soil moisture",
        top: float | None = None,
    ) -> None:
        """Draw maps on the campaign's grid, as :func:`draw_maps`."""
        more: dict[str, Any] = {} if regions is None else {"regions": regions}
        draw_maps(
            images,
            self.domain.grid,
            self.domain.is_land,
            time,
            path,
            panels=panels,
            coastline=self.coast,
            score_mask=self.domain.is_scored,
            title=title,
            labels=self.labels() | (labels or {}),
            columns=columns,
            quantity=quantity,
            top=top,
            **more,
        )
