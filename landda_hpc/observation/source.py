"""Where observations come from: one protocol for a twin's truth and for files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from landda_hpc.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from landda_hpc.constants import FloatArray
    from landda_hpc.fields.depth import DepthRange
    from landda_hpc.observation.image import ImageObservation


@dataclass(frozen=True)
class Survey:
    """What a source can give at the analysis times, found out before the campaign starts.

    Attributes
    ----------
    label : the source.
    found, missing : analysis times with and without observation, and where it was looked for.
    when_missing : what the configuration says of missing times.
    unreadable : why none of the first observations could be read, from ``ObservationSource.probe``.
    reason : why the first missing time is missing; empty where none is.
    """

    label: str
    found: tuple[tuple[datetime, str], ...]
    missing: tuple[tuple[datetime, str], ...]
    when_missing: Literal["skip", "error"]
    unreadable: tuple[str, ...] = ()
    reason: str = ""

    @property
    def problems(self) -> tuple[str, ...]:
        """Why the campaign cannot start; empty if it can."""
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
                "Check data_root, observations.path and the campaign's dates."
            )
            return (problem,)
        if self.when_missing == "error":
            problem = (
                f"observations of {self.label} are missing at {len(self.missing)} of {n_times} "
                f"analysis times ({example}). Provide the files, or set observations.missing: skip."
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
    """Gives the observation of an analysis time on the model grid."""

    @property
    def label(self) -> str:
        """Name of the source for output and messages."""
        ...

    @property
    def depth_m(self) -> DepthRange:
        """Top and bottom of the observed layer, m."""
        ...

    def survey(self, times: Sequence[datetime]) -> Survey:
        """Look, without reading, for which times there are observations.

        Of a time that was surveyed before, here or in the campaign that is taken up, only what was found then counts.
        """
        ...

    @property
    def surveyed(self) -> Mapping[datetime, tuple[datetime, ...]]:
        """The product's times that were found for each time; empty where it does not matter what there was when."""
        ...

    def recall(self, surveyed: Mapping[datetime, tuple[datetime, ...]], /) -> None:
        """Take over what was found when the campaign started; before ``survey``."""
        ...

    def probe(self, survey: Survey, /) -> tuple[str, ...]:
        """Read the first observations that a survey found, until one is sound.

        Returns
        -------
        Why none was, one line each; empty if one is, or none was found.
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
        m3 m-3, (n_lat, n_lon), NaN where missing, for those wanted layers that the product covers and that do not
        overlap the observed depth; empty where there is no file.
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
        DataError : a file is not usable, or missing and the configuration calls that an error.
        """
        ...
