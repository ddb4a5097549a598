"""Protocol of the sources of observations: a twin's truth, or files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from landda_hpc.constants import FloatArray
from landda_hpc.errors import DataError
from landda_hpc.observation.image_observation import ImageObservation
from landda_hpc.regridding.depth import DepthRange


@dataclass(frozen=True)
class Survey:
    """Observations that a source has at the analysis times, determined before the campaign starts.

    Attributes
    ----------
    label : the source.
    found, missing : analysis times with and without observation, and the place of the search.
    when_missing : treatment of missing times in the configuration.
    unreadable : why none of the first observations could be read, from ``ObservationSource.probe``.
    reason : why the first missing time is missing; empty if none is missing.
    section : of the configuration that names the source.
    """

    label: str
    found: tuple[tuple[datetime, str], ...]
    missing: tuple[tuple[datetime, str], ...]
    when_missing: Literal["skip", "error"]
    unreadable: tuple[str, ...] = ()
    reason: str = ""
    section: str = "observations"

    @property
    def problems(self) -> tuple[str, ...]:
        """Reasons why the campaign cannot start; empty if it can."""
        return (*self.unreadable, *self._gaps)

    @property
    def _gaps(self) -> tuple[str, ...]:
        if not self.missing:
            return ()
        time, place = self.missing[0]
        reason = self.reason or f"'{place}' does not exist"
        example = f"e.g. {time.isoformat()}: {reason}"
        n_times = len(self.missing) + len(self.found)
        if not self.found:
            problem = (
                f"no observation of {self.label} at any of the {n_times} analysis times ({example}). "
                f"Check data_root, {self.section}.path and the campaign's dates."
            )
            return (problem,)
        if self.when_missing == "error":
            problem = (
                f"{self.section} of {self.label} are missing at {len(self.missing)} of {n_times} "
                f"analysis times ({example}). Provide the files, or set {self.section}.missing: skip."
            )
            return (problem,)
        return ()

    def require(self) -> None:
        """Raise DataError if there are problems."""
        if self.problems:
            raise DataError("\n".join(self.problems))

    def describe(self) -> str:
        """One line for logs."""
        n_times = len(self.found) + len(self.missing)
        return f"{self.label}: {len(self.found)} of {n_times} analysis times have observations"


class ObservationSource(Protocol):
    """Source of the observation of an analysis time on the model grid."""

    @property
    def label(self) -> str:
        """Name of the source for output and messages."""
        ...

    @property
    def depth_m(self) -> DepthRange:
        """Top and bottom of the observed layer, m."""
        ...

    def survey(self, times: Sequence[datetime]) -> Survey:
        """Find the times with observations, without reading them.

        For a time that was surveyed before, here or in the resumed campaign, only the data found then count.
        """
        ...

    @property
    def surveyed(self) -> Mapping[datetime, tuple[datetime, ...]]:
        """The product's times that were found for each time; empty if late data are treated like other data."""
        ...

    def recall(self, surveyed: Mapping[datetime, tuple[datetime, ...]], /) -> None:
        """Restore the survey of the start of the campaign; call it before ``survey``."""
        ...

    def probe(self, survey: Survey, /) -> tuple[str, ...]:
        """Read the first observations of a survey until one is valid.

        Returns
        -------
        Reasons why none is valid, one line each; empty if one is valid or none was found.
        """
        ...

    def other_layers(self, time: datetime, depths_m: Sequence[DepthRange], /) -> dict[DepthRange, FloatArray]:
        """The product's layers that are not assimilated, for verification.

        Parameters
        ----------
        time : UTC.
        depths_m : wanted layers, m.

        Returns
        -------
        m3 m-3, (n_lat, n_lon), NaN is missing, for the wanted layers that the product covers and that do not overlap
        the observed depth; empty if there is no file.
        """
        ...

    def at(self, time: datetime, truth_image: FloatArray | None = None) -> ImageObservation | None:
        """Return the observation valid at a time; None if there is none and the configuration skips it.

        Parameters
        ----------
        time : analysis time, UTC.
        truth_image : a twin's truth over ``depth_m``, m3 m-3, (n_lat, n_lon), NaN outside soil; other sources
            ignore it.

        Raises
        ------
        DataError : a file is not usable, or it is missing and the configuration treats that as an error.
        """
        ...


class KnownSource:
    """What an ``ObservationSource`` does whose observations are known, or can be made, when it is opened."""

    @property
    def surveyed(self) -> Mapping[datetime, tuple[datetime, ...]]:
        """Nothing: no observation is late."""
        return {}

    def recall(self, surveyed: Mapping[datetime, tuple[datetime, ...]], /) -> None:
        """Nothing to restore."""

    def probe(self, _survey: Survey) -> tuple[str, ...]:
        """Nothing to read."""
        return ()

    def other_layers(self, _time: datetime, _depths_m: Sequence[DepthRange]) -> dict[DepthRange, FloatArray]:
        """Nothing: it observes one layer."""
        return {}
