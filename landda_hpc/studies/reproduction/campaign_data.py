"""Data of a campaign for a page: records, images of any scored layer, names of the references."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from landda_hpc.campaign.depths import layer_folder
from landda_hpc.campaign.record_check import require_records
from landda_hpc.config import AssimilatingRun, CampaignConfig, TwinObservations, read_resolved
from landda_hpc.constants import FloatArray
from landda_hpc.errors import StorageError
from landda_hpc.formats.products.registry import PRODUCTS
from landda_hpc.instances.domain import Domain, depth_name, make_domain
from landda_hpc.instances.trajectory import presented, require_same_trajectory
from landda_hpc.regions import GLOBE, Region
from landda_hpc.storage.campaign_folder import CampaignFolder
from landda_hpc.storage.image_files import list_images
from landda_hpc.studies.reproduction.experiment import Experiment
from landda_hpc.verification.figures.image_set import read_images
from landda_hpc.verification.figures.maps import Coastline, Ground, MapStyle, draw_maps
from landda_hpc.verification.tables.benchmarks import Benchmark, read_benchmarks
from landda_hpc.verification.tables.score_records import ASSIMILATED_REFERENCE, TRUTH, ScoreRecord, read_json_lines
from landda_hpc.verification.tables.side_by_side import ComparedRuns

R = TypeVar("R", bound=AssimilatingRun)


class CampaignData:
    """A finished campaign, read-only. Local: one rank.

    Attributes
    ----------
    experiment : experiment of the paper.
    folder, domain, records : folder, domain and score records of the campaign.
    config : configuration of the campaign, with the requested presentation.
    asked : requested configuration, which may verify other layers than the scored ones.
    compared : runs that correspond to the paper's.
    is_twin : whether a nature run replaces the paper's product.
    twin_observations : section of the observations that are drawn from the nature run; None for real observations.
    references : references of the scores, the most reliable first.
    layer : name of the observed layer.
    coast : coastline for maps.

    Raises
    ------
    StorageError : the folder has no campaign, the campaign is not finished, or records are missing.
    ConfigError : the campaign lacks the paper's runs, or another trajectory is requested.
    """

    def __init__(self, path: Path, experiment: Experiment, asked: CampaignConfig | None = None) -> None:
        self.experiment = experiment
        self.folder = CampaignFolder.open(path)
        status = self.folder.read_status()
        if status is None or status.state != "finished":
            raise StorageError(
                f"campaign {path} is {'not begun' if status is None else status.state}, not finished; resume it with "
                f"'landda resume {path}'."
            )
        began = read_resolved(self.folder.config_file)
        require_records(self.folder)
        if asked is not None:
            require_same_trajectory(began, asked, f"the page of {path}")
        self.asked: CampaignConfig = asked or began
        self.config: CampaignConfig = began if asked is None else presented(began, asked)
        self.domain: Domain = make_domain(self.config, n_ranks=1)
        self.compared: ComparedRuns = experiment.compared(self.config.name, self.config.runs)
        self.is_twin = self.config.twin is not None
        observations = self.config.observations
        self.twin_observations: TwinObservations | None = observations if observations.kind == "twin" else None
        self.records: list[ScoreRecord] = read_json_lines(self.folder.records_file("scores"))
        present = {r.reference for r in self.records}
        known = [name for name in (TRUTH, ASSIMILATED_REFERENCE) if name in present]
        self.references: list[str] = [*known, *sorted(present - set(known))]
        self.layer = depth_name(observations.depth_m)
        self.coast = Coastline.shipped()

    @property
    def product_key(self) -> str:
        """Key of the product assimilated from files; empty in a twin."""
        if self.twin_observations is not None:
            return ""
        entry = self.config.observations.catalogue_entry
        return "gldas_noah" if entry is None else self.config.catalogue[entry].product

    @property
    def product(self) -> str:
        """Name of the product assimilated from files; empty in a twin."""
        entry, key = self.config.observations.catalogue_entry, self.product_key
        if entry is not None and key not in PRODUCTS:
            return entry
        return PRODUCTS[key].label if key else ""

    @property
    def since(self) -> datetime | None:
        """Start of the times in means; None if all are included."""
        return self.config.scored_since if self.config.verification.discard_days else None

    @cached_property
    def n_analyses(self) -> int:
        """Number of analyses of the run with the paper's method; fewer than planned if observations were missing."""
        return sum("water" in r for r in self.folder.read_records("cycles") if r["run"] == self.compared.assimilation)

    def run_of(self, kind: type[R]) -> R:
        """Return the section of the run that corresponds to the paper's assimilation."""
        return next(r for r in self.config.runs if isinstance(r, kind) and r.name == self.compared.assimilation)

    def last_time(self, window: str) -> datetime | None:
        """Return the last scored time of a window."""
        return max((r.time for r in self.records if r.window == window), default=None)

    @property
    def reference_image(self) -> str:
        """Name of the image shown in place of the paper's product."""
        return "truth" if self.is_twin else "observation"

    @property
    def reference_words(self) -> str:
        """Description of the image shown in place of the paper's product."""
        return "truth of the twin" if self.is_twin else self.product

    @cached_property
    def benchmarks(self) -> tuple[Benchmark, ...]:
        """Values printed in the paper."""
        return read_benchmarks((self.experiment.benchmarks,), self.config.data_root)

    def published_means(self, layer: str, metrics: Sequence[str], *, assimilates: bool) -> dict[str, float]:
        """Return the paper's means over the assimilation window, by metric; of a range, the lower end."""
        return {
            one.metric: one.value
            for one in self.benchmarks
            if (one.kind, one.window, one.statistic) == ("images", "assimilation", "mean")
            and (one.layer, one.assimilates) == (layer, assimilates)
            and one.metric in metrics
        }

    def labels(self) -> dict[str, str]:
        """Return titles of map panels, by image."""
        observed = "Observation of the twin" if self.is_twin else self.product
        return {"observation": observed, "truth": "Truth of the twin"}

    def stored(self, run: str) -> list[datetime]:
        """Return the times of the run's images."""
        return list(list_images(self.folder.images, run))

    def nearest(self, run: str, wanted: datetime, *, analysed: bool = True) -> datetime | None:
        """Return the stored time nearest to the requested one, within the assimilation window if ``analysed``."""
        end = self.config.time.assimilation_end
        times = [t for t in self.stored(run) if not analysed or t <= end]
        return min(times, key=lambda t: abs(t - wanted), default=None)

    def images(self, run: str, time: datetime) -> dict[str, FloatArray]:
        """Return the images of a run, by name; ``control`` is the state of the control run, if it was stored."""
        stored = list_images(self.folder.images, run)
        images = dict(read_images(stored[time])[0].images) if time in stored else {}
        controls = list_images(self.folder.images, self.compared.control)
        if time in controls and "control" not in images:
            control = read_images(controls[time])[0].images
            name = next((n for n in ("analysis", "forecast", "background") if n in control), None)
            if name is not None:
                images["control"] = control[name]
        return images

    def layer_image(self, layer: str, run: str, time: datetime) -> dict[str, FloatArray]:
        """Return the state ('forecast') and the truth of one scored layer; empty if they were not stored."""
        folder = layer_folder(self.folder.images, layer)
        stored = list_images(folder, run) if folder.is_dir() else {}
        return dict(read_images(stored[time])[0].images) if time in stored else {}

    def draw(
        self,
        images: dict[str, FloatArray],
        path: Path,
        style: MapStyle,
        *,
        panels: Sequence[str],
        regions: Sequence[Region] = (GLOBE,),
    ) -> None:
        """Draw maps on the campaign's grid with the labels of its runs; see :func:`draw_maps`."""
        ground = Ground(self.domain.grid, self.domain.is_land, self.coast, self.domain.is_scored)
        labelled = replace(style, labels=self.labels() | dict(style.labels))
        draw_maps(images, ground, path, labelled, panels=panels, regions=regions)
