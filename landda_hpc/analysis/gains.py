"""Gains per scale or per wedge: a few dozen numbers instead of one per coefficient."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping

import numpy as np

from landda_hpc.analysis.enkf_like import coefficient_gain, gain_statistics
from landda_hpc.analysis.error_models import ClimatologicalErrors, ErrorModel
from landda_hpc.analysis.frame_protocol import ImageFrame
from landda_hpc.analysis.missing import GainSetting, MissingStrategy, ZeroFill
from landda_hpc.analysis.mixing import WedgeGroups, mixing_matrix, unmixed
from landda_hpc.analysis.protocol import Analysis, ImagePair, MemberSums
from landda_hpc.analysis.running_statistics import checked, running_mean
from landda_hpc.analysis.wedge_variances import Pooling, WedgeSpectrum
from landda_hpc.constants import BoolArray, FloatArray

_PROBES = 4
"""Number of random images per group from which the mixing by a mask is estimated."""


class GivenSpectra:
    """K = B / (B + R) per wedge or scale, from the mean variances of two error models.

    Parameters
    ----------
    frame : the curvelet frame.
    pooling : 'per_scale' or 'per_wedge'.
    background, observation : error models.
    missing : treatment of cells without observation.
    """

    def __init__(
        self,
        frame: ImageFrame,
        pooling: Pooling,
        background: ErrorModel,
        observation: ErrorModel,
        missing: MissingStrategy | None = None,
    ) -> None:
        self._frame, self._groups = frame, WedgeGroups(frame, pooling)
        self._background, self._observation = background, observation
        self._missing = missing or ZeroFill()
        self._gain: tuple[bytes, FloatArray] | None = None

    def analyse(self, pair: ImagePair) -> Analysis:
        """Collective over the root group."""
        key = pair.domain.tobytes()
        if self._gain is None or self._gain[0] != key:
            models = (self._background, self._observation)
            b, r = (self._groups.sums(errors.variance(self._frame, pair.domain)) for errors in models)
            self._gain = key, coefficient_gain(b, r)
        return _analyse(
            self._frame, self._groups, self._gain[1], self._background, self._observation, self._missing, pair
        )


class InnovationSpectra:
    """K = B / (B + R) per wedge or scale, with given R and B = max(0, E|d|^2 - R) from the innovations d.

    E|d|^2 is a running mean over cycles that includes the present one, so B does not need an initial estimate. The
    effect of the masks of observed cells on the spectrum is estimated (``mixing_matrix``) and removed, so that coasts
    and gaps do not turn large-scale errors into small-scale ones: B is the spectrum that, with R added, gives the
    measured energies on these masks. K holds for the whole domain.

    Parameters
    ----------
    frame : the curvelet frame.
    pooling : 'per_scale' or 'per_wedge'.
    observation : error model of the observations.
    memory : number of cycles in the running mean.
    share : function from the number of random images to their distribution over the root group.
    seed : keys the random images.
    missing : treatment of cells without observation.
    """

    def __init__(
        self,
        frame: ImageFrame,
        pooling: Pooling,
        observation: ErrorModel,
        memory: float,
        share: Callable[[int], MemberSums],
        seed: int,
        missing: MissingStrategy | None = None,
    ) -> None:
        self._frame, self._groups = frame, WedgeGroups(frame, pooling)
        self._observation, self._memory, self._seed = observation, memory, seed
        self._missing = missing or ZeroFill()
        n = self._groups.n
        self._probes = share(_PROBES * n)
        self._energy, self._mixing, self._cycles = np.zeros(n), np.zeros((n, n)), np.zeros(1)
        self._whole: tuple[bytes, FloatArray, FloatArray] | None = None
        self._last: tuple[bytes, FloatArray] | None = None

    def analyse(self, pair: ImagePair) -> Analysis:
        """Collective over the root group."""
        frame, groups = self._frame, self._groups
        whole, r = self._on_domain(pair.domain)
        if pair.observed.any():
            self._learn(groups.energy(pair.innovation), self._mixing_by(pair.observed, pair.domain, whole))
        b = unmixed(self._energy, self._mixing, r)
        spectrum = WedgeSpectrum.of(frame, b[groups.of_block])
        background = ClimatologicalErrors(frame, spectrum, self._seed, "background")
        gain = coefficient_gain((whole * b).sum(axis=1), (whole * r).sum(axis=1))
        return _analyse(frame, groups, gain, background, self._observation, self._missing, pair)

    def _on_domain(self, domain: BoolArray) -> tuple[FloatArray, FloatArray]:
        """Return the mixing by the domain, (n, n), and s_r, (n,); stored, because the domain does not change."""
        key = domain.tobytes()
        if self._whole is None or self._whole[0] != key:
            mixing = mixing_matrix(self._frame, self._groups, domain, self._probes, self._seed, "domain")
            energy = self._groups.sums(self._observation.variance(self._frame, domain))
            self._whole = key, mixing, unmixed(energy, mixing, np.zeros(self._groups.n))
        return self._whole[1], self._whole[2]

    def _mixing_by(self, observed: BoolArray, domain: BoolArray, whole: FloatArray) -> FloatArray:
        if np.array_equal(observed, domain):
            return whole
        key = observed.tobytes()
        if self._last is None or self._last[0] != key:
            # The key is the mask itself, so that a resumed campaign draws the same numbers.
            name = hashlib.blake2b(key, digest_size=16).hexdigest()
            self._last = key, mixing_matrix(self._frame, self._groups, observed, self._probes, self._seed, name)
        return self._last[1]

    def _learn(self, energy: FloatArray, mixing: FloatArray) -> None:
        every = np.ones(1, dtype=np.bool_)
        before = self._cycles
        self._energy, self._cycles = running_mean(self._energy, before, energy, every, self._memory)
        self._mixing, _ = running_mean(self._mixing, before, mixing, every, self._memory)

    def state(self) -> dict[str, FloatArray]:
        """Return running means of innovation energy (n,) and mixing (n, n), and their number of cycles (1,). Local."""
        return {
            "innovation_energy": self._energy.copy(),
            "mixing": self._mixing.copy(),
            "cycles": self._cycles.copy(),
        }

    def restore(self, arrays: Mapping[str, FloatArray]) -> None:
        """Local."""
        known = checked(arrays, self.state())
        self._energy, self._mixing, self._cycles = known["innovation_energy"], known["mixing"], known["cycles"]


def _analyse(
    frame: ImageFrame,
    groups: WedgeGroups,
    gain: FloatArray,
    background: ErrorModel,
    observation: ErrorModel,
    missing: MissingStrategy,
    pair: ImagePair,
) -> Analysis:
    each = groups.expand(gain)
    update = missing.update(GainSetting(frame, background, observation, each, groups.pool), pair)
    spread = np.where(pair.domain, background.standard_deviation(pair.domain), np.nan)
    return Analysis(update.increment, spread, gain_statistics(each, None, frame.blocks) | update.diagnostics)
