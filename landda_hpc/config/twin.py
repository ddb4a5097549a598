"""The nature run of a twin experiment."""

from __future__ import annotations

from pydantic import Field

from landda_hpc.config.section import Fraction, LogSigma, Section


class TwinConfig(Section):
    """Nature run of a twin experiment: its differences from the model of the assimilating runs.

    Log-sigmas are standard deviations of the natural logarithm; every field is a correlated random field.
    """

    weather_correlation: Fraction = Field(
        0.8,
        description="correlation between the latent weather fields of nature run and model (embedded model "
        "only; with CoLM the weather is the same)",
    )
    sand_sigma: float = Field(0.0, ge=0.0, le=100.0, description="standard deviation of sand content, percent")
    log_b_sigma: LogSigma = Field(0.0, description="standard deviation of the logarithm of Campbell's b")
    log_psi_sigma: LogSigma = Field(
        0.0, description="standard deviation of the logarithm of saturated matric potential"
    )
    log_ksat_sigma: LogSigma = Field(0.0, description="standard deviation of the logarithm of saturated conductivity")
    porosity_sigma: float = Field(0.0, ge=0.0, le=0.2, description="standard deviation of porosity, m3 m-3")
    log_rain_sigma: LogSigma = Field(
        0.0, description="standard deviation of the logarithm of a persistent bias of rain"
    )
    log_pet_sigma: LogSigma = Field(
        0.0, description="standard deviation of the logarithm of a persistent bias of potential evaporation"
    )
    vegetation_sigma: Fraction = Field(0.0, description="standard deviation of vegetation fraction")
    wetness_sigma: Fraction = Field(0.0, description="standard deviation of initial relative wetness")
    length_cells: float = Field(
        5.0, ge=0.01, le=10000.0, description="long correlation length of the fields, grid cells"
    )
    length_lon_cells: float | None = Field(
        None,
        ge=0.01,
        le=10000.0,
        description="long correlation length along parallels at the equator, grid cells; default: length_cells",
    )
    long_share: Fraction = Field(
        0.7,
        description="fraction of the variance that has the long correlation length; the rest has a length of one cell",
    )
