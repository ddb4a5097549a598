"""The configuration of a campaign: typed, frozen, validated before any work starts.

Every field states its unit and meaning; ``landda schema`` prints them. Validation is pure and needs no MPI. One module
per part of a configuration file; ``campaign`` joins them, ``reading`` turns files into them. All names stand here.
"""

from __future__ import annotations

from landda_hpc.config.campaign import (
    CampaignConfig,
)
from landda_hpc.config.deprecated import (
    current,
)
from landda_hpc.config.domain import (
    FIRST_YEAR,
    LAST_YEAR,
    Box,
    CaseConfig,
    GridConfig,
    TilesConfig,
    TimeConfig,
)
from landda_hpc.config.forcing import (
    Forcing,
    ForcingConfig,
    ForcingVariable,
    NetcdfForcing,
)
from landda_hpc.config.frame import (
    FrameConfig,
)
from landda_hpc.config.model import (
    ColmModelConfig,
    ColumnModelConfig,
    Model,
    Variable,
)
from landda_hpc.config.observations import (
    CatalogueEntry,
    CatalogueObservations,
    FileObservations,
    GldasObservations,
    InstantWindow,
    MeanWindow,
    NearestWindow,
    Observations,
    ObservationUse,
    TreatedObservations,
    TwinObservations,
    Window,
    WithheldConfig,
)
from landda_hpc.config.output import (
    CheckpointConfig,
    OutputConfig,
    ParallelConfig,
    SeriesConfig,
)
from landda_hpc.config.problems import (
    parse_section,
    problems_of,
)
from landda_hpc.config.quality import (
    BiasConfig,
    BiasTreatment,
    CdfMatching,
    Condition,
    ConstantErrors,
    InnovationCheck,
    MapErrors,
    MeanVarianceMatching,
    NoBias,
    ObservationErrors,
    ProductErrors,
    QualityConfig,
    RegriddingConfig,
    SpikeCheck,
)
from landda_hpc.config.reading import (
    apply_overrides,
    dump_config,
    load_config,
    parse_config,
    read_resolved,
)
from landda_hpc.config.runs import (
    BUILT_IN_DEPTH_M,
    METHODS,
    AnyRun,
    AssimilatingRun,
    Depth,
    DriftConfig,
    EnsembleConfig,
    OverlapDepth,
    PerturbationConfig,
    RegressionDepth,
    Run,
)
from landda_hpc.config.section import (
    Fraction,
    NonNegative,
    Positive,
    Section,
    UtcTime,
    changed_fields,
)
from landda_hpc.config.twin import (
    TwinConfig,
)
from landda_hpc.config.verification import (
    AnomalyConfig,
    ReferenceConfig,
    StationsConfig,
    TwinStationsConfig,
    VerificationConfig,
)

__all__ = [
    "BUILT_IN_DEPTH_M",
    "FIRST_YEAR",
    "LAST_YEAR",
    "METHODS",
    "AnomalyConfig",
    "AnyRun",
    "AssimilatingRun",
    "BiasConfig",
    "BiasTreatment",
    "Box",
    "CampaignConfig",
    "CaseConfig",
    "CatalogueEntry",
    "CatalogueObservations",
    "CdfMatching",
    "CheckpointConfig",
    "ColmModelConfig",
    "ColumnModelConfig",
    "Condition",
    "ConstantErrors",
    "Depth",
    "DriftConfig",
    "EnsembleConfig",
    "FileObservations",
    "Forcing",
    "ForcingConfig",
    "ForcingVariable",
    "Fraction",
    "FrameConfig",
    "GldasObservations",
    "GridConfig",
    "InnovationCheck",
    "InstantWindow",
    "MapErrors",
    "MeanVarianceMatching",
    "MeanWindow",
    "Model",
    "NearestWindow",
    "NetcdfForcing",
    "NoBias",
    "NonNegative",
    "ObservationErrors",
    "ObservationUse",
    "Observations",
    "OutputConfig",
    "OverlapDepth",
    "ParallelConfig",
    "PerturbationConfig",
    "Positive",
    "ProductErrors",
    "QualityConfig",
    "ReferenceConfig",
    "RegressionDepth",
    "RegriddingConfig",
    "Run",
    "Section",
    "SeriesConfig",
    "SpikeCheck",
    "StationsConfig",
    "TilesConfig",
    "TimeConfig",
    "TreatedObservations",
    "TwinConfig",
    "TwinObservations",
    "TwinStationsConfig",
    "UtcTime",
    "Variable",
    "VerificationConfig",
    "Window",
    "WithheldConfig",
    "apply_overrides",
    "changed_fields",
    "current",
    "dump_config",
    "load_config",
    "parse_config",
    "parse_section",
    "problems_of",
    "read_resolved",
]
