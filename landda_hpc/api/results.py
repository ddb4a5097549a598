"""The results of a campaign as labelled tables and images."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from landda_hpc.config import CampaignConfig, read_resolved
from landda_hpc.errors import ConfigError, DataError
from landda_hpc.formats.own.image_output import IMAGE
from landda_hpc.io.file_format import FileFormat
from landda_hpc.storage.campaign_folder import CampaignFolder, Status
from landda_hpc.storage.image_files import list_images
from landda_hpc.storage.mean_files import list_means, means_folder
from landda_hpc.storage.provenance_log import read_events
from landda_hpc.storage.series_files import SERIES, Period, list_series, series_folder

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr


class CampaignResults:
    """The results of a campaign, finished or running; read-only.

    Parameters
    ----------
    path : output folder of the campaign.

    Raises
    ------
    StorageError : the folder does not hold a campaign.
    ConfigError : its resolved configuration cannot be read.

    Notes
    -----
    Local: no communication. Tables are read at each access, so a running campaign shows its newest cycles.
    Times are UTC.
    """

    def __init__(self, path: Path) -> None:
        self._folder = CampaignFolder.open(path)
        self.path = path
        self.config: CampaignConfig = read_resolved(self._folder.config_file)
        """The resolved configuration."""

    def __repr__(self) -> str:
        status = self.status
        state = "not begun" if status is None else f"{status.state}, cycle {status.cycle} of {status.n_cycles}"
        return f"<campaign {self.config.name}: {', '.join(self.runs)}; {state}; {self.path}>"

    @property
    def runs(self) -> tuple[str, ...]:
        """Names of the runs, in the order of the configuration."""
        return tuple(run.name for run in self.config.runs)

    @property
    def status(self) -> Status | None:
        """Status of the campaign; None before its first cycle."""
        return self._folder.read_status()

    @property
    def missing_records(self) -> list[str]:
        """Missing or damaged records up to the newest checkpoint; tables omit them.

        Every file is read once and compared with its hash.
        """
        from landda_hpc.campaign.record_check import require_records

        return require_records(self._folder, accept_gaps=True)

    @property
    def times(self) -> pd.DatetimeIndex:
        """Valid times of the recorded cycles."""
        import pandas as pd

        return pd.DatetimeIndex(self.innovations["time"].unique(), name="time")

    @property
    def scores(self) -> pd.DataFrame:
        """Scores of images: one row per time, run, reference, layer and stage.

        Columns: cycle, time, run, reference, layer, stage, window, scc (1), rmse, bias, ubrmse (m3 m-3), n_cells.
        """
        return self._table("scores")

    @property
    def scores_dataset(self) -> xr.Dataset:
        """The scores on the dimensions (reference, run, layer, stage, time); NaN where there is no score.

        Raises
        ------
        DataError : there are no scores yet.
        """
        from landda_hpc.verification.tables.score_records import read_json_lines, to_dataset

        return to_dataset(read_json_lines(self._folder.records_file("scores")))

    @property
    def innovations(self) -> pd.DataFrame:
        """Innovation statistics and other records of each cycle, one row per run and cycle.

        Columns: cycle, time, run, n_observations, frozen_cells; innovation_mean, innovation_std, residual_mean,
        residual_std (m3 m-3, NaN without analysis); and columns of the method and the configuration. Nested records
        have dotted names, e.g. ``observations.used`` and ``water.applied``.
        """
        return self._table("cycles")

    @property
    def ensembles(self) -> pd.DataFrame:
        """Ensembles of model states: one row per time, run, stage and layer; empty without ensembles.

        Columns: cycle, time, run, stage, layer, members (1: a run with one state), spread, and in a twin rmse (of the
        mean), spread_skill (1) and crps; m3 m-3.
        """
        import pandas as pd

        lines = self._folder.read_records("ensembles")
        labels = ("cycle", "time", "run", "stage", "members")
        rows = [
            {name: line[name] for name in labels} | {"layer": layer} | values
            for line in lines
            for layer, values in line["layers"].items()
        ]
        table = pd.DataFrame(rows, columns=None if rows else [*labels, "layer", "spread"])
        return table.assign(time=pd.to_datetime(table["time"]))

    @property
    def seconds(self) -> pd.DataFrame:
        """Time, communication and memory of each cycle, maxima and means over ranks; machine-dependent."""
        return self._table("seconds")

    @property
    def provenance(self) -> pd.DataFrame:
        """Starts, resumes and changes of the campaign, oldest first, with software and machine of each.

        Columns: event, written, cycle, time, version, git, host, ranks ...; of packages ``packages.numpy`` etc.
        """
        import pandas as pd

        return pd.json_normalize(read_events(self.path))

    @property
    def profiles(self) -> pd.DataFrame:
        """Soil profiles at the places of ``output.profiles``; empty if there are none."""
        return self._table("profiles")

    def images(self, run: str) -> xr.Dataset:
        """Images of a run at all its output times, loaded when they are used (dask), dimensions (time, lat, lon).

        The variables are the fields in ``output.fields``, m3 m-3: background, forecast, analysis, increment,
        observation, innovation, truth, spread; NaN at times at which a field does not exist. ``xarray.open_mfdataset``
        on the files gives the same data set.

        Raises
        ------
        ConfigError : the campaign does not have that run.
        DataError : the run has no images yet.
        """
        return self._open(run, list(list_images(self._folder.images, self._known(run)).values()), IMAGE, "images")

    def series(self, run: str) -> xr.Dataset:
        """Soil water of a run at every cycle and land cell, loaded when it is used; needs ``output.series``.

        Raises
        ------
        ConfigError : the campaign does not have that run.
        DataError : the campaign has not recorded series of the run.
        """
        files = list_series(series_folder(self.path)).get(self._known(run), {})
        return self._open(run, list(files.values()), SERIES, "series")

    def means(self, run: str, period: Period = "monthly") -> xr.Dataset:
        """Daily or monthly means of a run's soil water, loaded when they are used; needs ``output.series.means``.

        Raises
        ------
        ConfigError : the campaign does not have that run.
        DataError : no day or month is complete yet, or means are not written.
        """
        known = self._known(run)
        files = [f.path for f in list_means(means_folder(self.path)) if (f.run, f.period) == (known, period)]
        return self._open(run, files, SERIES, f"{period} means")

    def _known(self, run: str) -> str:
        if run not in (*self.runs, "nature"):
            raise ConfigError(f"campaign {self.config.name} has the runs {', '.join(self.runs)}; found '{run}'.")
        return run

    def _open(self, run: str, files: list[Path], layout: FileFormat, what: str) -> xr.Dataset:
        import h5py  # noqa: F401 - before xarray, which loads eccodes; see formats.products.grib
        import xarray as xr

        if not files:
            raise DataError(f"campaign '{self.path}' has no {what} of run '{run}'.")

        # Bounds, land mask and cell areas are the same in every file and are read once.
        def checked(file: xr.Dataset) -> xr.Dataset:
            objection = layout.objection(lambda name: str(file.attrs.get(name, "")))
            if objection is not None:
                raise DataError(f"'{file.encoding['source']}' {objection}")
            return file

        return xr.open_mfdataset(
            sorted(files), preprocess=checked, data_vars="minimal", coords="minimal", compat="override"
        )

    def _table(self, name: Any) -> pd.DataFrame:
        import pandas as pd

        table = pd.json_normalize(self._folder.read_records(name))
        if "time" in table:
            table["time"] = pd.to_datetime(table["time"])
        return table


def open_campaign(path: Path | str) -> CampaignResults:
    """Open the results of a campaign. Local.

    Parameters
    ----------
    path : output folder of ``landda run``; the campaign may still be running.

    Returns
    -------
    Scores and innovations as pandas tables, images and series as xarray data sets that load when they are used.

    Raises
    ------
    StorageError : the folder does not hold a campaign.
    ConfigError : its resolved configuration cannot be read.
    """
    return CampaignResults(Path(path))
