"""Perturbations that turn a run into a member, and runs into ensembles of model states."""

from __future__ import annotations

from typing import Annotated, Final, Self

import numpy as np
from pydantic import Field, model_validator

from landda_hpc.config.section import Count, Fraction, Hours, LengthKm, LogSigma, Section
from landda_hpc.constants import FloatArray

Correlation = Annotated[float, Field(ge=-1.0, le=1.0)]

MAX_MEMBERS: Final = 999
"""Largest number of members of an ensemble; names of members have three digits."""

PERTURBED: Final = ("precipitation", "shortwave", "longwave", "air_temperature")
"""Perturbed variables of the weather, in the order of the correlations."""


class ForcingPerturbationConfig(Section):
    """Perturbations of a member's weather: AR(1) in time, correlated on the sphere and between variables.

    The defaults are those of the GEOS and LIS land data assimilation systems (Reichle et al. 2007, 2008; Kumar et al.
    2009); those of air temperature are from Han et al. (2014). Factors have mean 1, additions have mean 0.
    """

    precipitation_std: float = Field(
        0.5, ge=0.0, le=3.0, description="standard deviation of the factor on precipitation (log-normal, mean 1)"
    )
    shortwave_std: float = Field(
        0.3, ge=0.0, le=3.0, description="standard deviation of the factor on short-wave radiation (log-normal, mean 1)"
    )
    longwave_std: float = Field(
        20.0, ge=0.0, le=200.0, description="standard deviation of the addition to long-wave radiation, W m-2"
    )
    air_temperature_std: float = Field(
        1.0, ge=0.0, le=20.0, description="standard deviation of the addition to air temperature, K"
    )
    correlation_hours: Hours = Field(24.0, description="e-folding time of the autocorrelation, h")
    length_km: LengthKm = Field(300.0, description="correlation length L of exp(-1/2 (d / L)^2), km")
    precipitation_shortwave: Correlation = Field(-0.8, description="correlation of the two perturbations")
    precipitation_longwave: Correlation = Field(0.5, description="correlation of the two perturbations")
    precipitation_air_temperature: Correlation = Field(0.0, description="correlation of the two perturbations")
    shortwave_longwave: Correlation = Field(-0.5, description="correlation of the two perturbations")
    shortwave_air_temperature: Correlation = Field(0.4, description="correlation of the two perturbations")
    longwave_air_temperature: Correlation = Field(0.4, description="correlation of the two perturbations")

    @property
    def perturbed(self) -> tuple[str, ...]:
        """Variables of ``PERTURBED`` whose standard deviation is not zero."""
        return tuple(name for name in PERTURBED if getattr(self, f"{name}_std") > 0.0)

    @property
    def correlations(self) -> FloatArray:
        """Correlation matrix of the perturbations, (4, 4), in the order of ``PERTURBED``."""
        matrix = np.eye(len(PERTURBED))
        for i, first in enumerate(PERTURBED):
            for j, second in enumerate(PERTURBED[:i]):
                matrix[i, j] = matrix[j, i] = getattr(self, f"{second}_{first}")
        return matrix

    @model_validator(mode="after")
    def _is_positive(self) -> Self:
        smallest = float(np.linalg.eigvalsh(self.correlations)[0])
        if smallest < 1e-6:
            raise ValueError(
                f"these correlations between perturbed variables cannot occur together: their matrix has the "
                f"eigenvalue {smallest:.3g}; expected all above 0. Choose smaller values"
            )
        return self


class ParameterPerturbationConfig(Section):
    """Perturbations of a member's soil and vegetation parameters: constant in time, correlated on the sphere."""

    sand_sigma: float = Field(0.0, ge=0.0, le=100.0, description="standard deviation of sand content, percent")
    log_b_sigma: LogSigma = Field(0.0, description="standard deviation of the logarithm of Campbell's b")
    log_psi_sigma: LogSigma = Field(
        0.0, description="standard deviation of the logarithm of saturated matric potential"
    )
    log_ksat_sigma: LogSigma = Field(0.0, description="standard deviation of the logarithm of saturated conductivity")
    porosity_sigma: float = Field(0.0, ge=0.0, le=0.2, description="standard deviation of porosity, m3 m-3")
    vegetation_sigma: Fraction = Field(0.0, description="standard deviation of vegetation fraction")

    @property
    def sigmas(self) -> dict[str, float]:
        """Standard deviations by argument of ``with_perturbed_parameters``."""
        return {name.removesuffix("_sigma"): getattr(self, name) for name in type(self).model_fields}


class Perturbations(Section):
    """What differs between members; random fields are keyed by name and member."""

    wetness_sigma: Fraction = Field(0.0, description="standard deviation of initial relative wetness (dimensionless)")
    log_rain_sigma: LogSigma = Field(
        0.0,
        description="standard deviation of the logarithm of a persistent factor on rain, a correlated field "
        "with mean 1",
    )
    length_km: LengthKm = Field(
        300.0, description="correlation length of the fields of wetness, rain factor and parameters, km"
    )
    parameters: ParameterPerturbationConfig = Field(
        default_factory=ParameterPerturbationConfig,
        description="perturbed soil and vegetation; embedded model only",
    )


class PerturbationConfig(Perturbations):
    """Perturbations of a run, as a member of an ensemble."""

    member: Count = Field(1, description="number of the member; each has its own random fields")
    forcing: ForcingPerturbationConfig | None = Field(None, description="perturbed weather; default none")

    @property
    def changes_weather(self) -> bool:
        """Whether the member's weather differs from that of an unperturbed run."""
        return self.log_rain_sigma > 0.0 or (self.forcing is not None and bool(self.forcing.perturbed))


class EnsembleConfig(Perturbations):
    """An ensemble of model states: the run has 'members' states, each with its own perturbations."""

    members: int = Field(ge=2, le=MAX_MEMBERS, description="number of members")
    wetness_sigma: Fraction = Field(0.05, description="standard deviation of initial relative wetness (dimensionless)")
    forcing: ForcingPerturbationConfig | None = Field(
        default_factory=ForcingPerturbationConfig, description="perturbed weather; null: none"
    )
    spinup_days: int = Field(
        10,
        ge=0,
        le=36525,
        description="length of the perturbed end of the spin-up, days; before it, all members have the unperturbed "
        "state. More than model.spinup_days counts as model.spinup_days",
    )
    shown: tuple[Count, ...] = Field(
        (), max_length=20, description="members whose images are written with the mean; tables have the mean only"
    )

    def member(self, number: int) -> PerturbationConfig:
        """Perturbations of a member, counted from 1."""
        shared = {name: getattr(self, name) for name in (*Perturbations.model_fields, "forcing")}
        return PerturbationConfig(member=number, **shared)

    @model_validator(mode="after")
    def _shows_members(self) -> Self:
        strange = [number for number in self.shown if number > self.members]
        if strange:
            raise ValueError(f"shown: member {strange[0]} does not exist; expected numbers from 1 to {self.members}")
        return self
