"""The configuration of a campaign: typed, frozen, validated before any work starts.

Every field states its unit and meaning; ``landda schema`` prints them. Validation is pure and needs no MPI. Each part
of a configuration file has one module. ``campaign`` joins them, and ``reading`` reads files. This package exports
what other rooms use.
"""

from __future__ import annotations

from landda_hpc.config.campaign import CampaignConfig
from landda_hpc.config.deprecated import current
from landda_hpc.config.documents import parse_json, parse_yaml, read_document, read_text, shorten
from landda_hpc.config.domain import CaseConfig, GridConfig, RegionConfig, RegionStd, TilesConfig, TimeConfig
from landda_hpc.config.ensemble import EnsembleConfig, ForcingPerturbationConfig, PerturbationConfig
from landda_hpc.config.forcing import Forcing, ForcingConfig, NetcdfForcing
from landda_hpc.config.frame import FrameConfig
from landda_hpc.config.model import MODELS, AnyModel, ColmModelConfig, ColmProgramConfig, ColumnModelConfig, Model
from landda_hpc.config.observations import (
    PRODUCT_ENTRIES,
    STATION_ENTRIES,
    CatalogueEntry,
    CatalogueObservations,
    FileObservations,
    InstantWindow,
    MeanWindow,
    NearestWindow,
    Observations,
    Referee,
    RefereeStations,
    Role,
    TwinObservations,
    WithheldConfig,
)
from landda_hpc.config.output import (
    CheckpointConfig,
    FigureStyleConfig,
    KeepConfig,
    OutputConfig,
    ParallelConfig,
    RestartConfig,
    SeriesConfig,
)
from landda_hpc.config.problems import parse_section, problems_of
from landda_hpc.config.quality import (
    CHECKS,
    AnyCheck,
    ConstantErrors,
    InnovationCheck,
    MapErrors,
    ObservationErrors,
    ProductErrors,
    QualityConfig,
    RegriddingConfig,
    SpikeCheck,
)
from landda_hpc.config.reading import (
    absolute_root,
    apply_overrides,
    dump_config,
    load_config,
    parse_config,
    read_plain,
    read_resolved,
)
from landda_hpc.config.runs import (
    METHODS,
    OPERATIONAL_STD,
    AssimilatingRun,
    DriftConfig,
    OverlapDepth,
    RegressionDepth,
    Run,
    settings_text,
)
from landda_hpc.config.section import Section
from landda_hpc.config.stations import CatalogueStations, StationErrors, Stations, TwinStations
from landda_hpc.config.twin import TwinConfig
from landda_hpc.config.verification import (
    AnomalyConfig,
    ReferenceConfig,
    StationsConfig,
    TwinStationsConfig,
    VerificationConfig,
)

__all__ = [
    "CHECKS",
    "METHODS",
    "MODELS",
    "OPERATIONAL_STD",
    "PRODUCT_ENTRIES",
    "STATION_ENTRIES",
    "AnomalyConfig",
    "AnyCheck",
    "AnyModel",
    "AssimilatingRun",
    "CampaignConfig",
    "CaseConfig",
    "CatalogueEntry",
    "CatalogueObservations",
    "CatalogueStations",
    "CheckpointConfig",
    "ColmModelConfig",
    "ColmProgramConfig",
    "ColumnModelConfig",
    "ConstantErrors",
    "DriftConfig",
    "EnsembleConfig",
    "FigureStyleConfig",
    "FileObservations",
    "Forcing",
    "ForcingConfig",
    "ForcingPerturbationConfig",
    "FrameConfig",
    "GridConfig",
    "InnovationCheck",
    "InstantWindow",
    "KeepConfig",
    "MapErrors",
    "MeanWindow",
    "Model",
    "NearestWindow",
    "NetcdfForcing",
    "ObservationErrors",
    "Observations",
    "OutputConfig",
    "OverlapDepth",
    "ParallelConfig",
    "PerturbationConfig",
    "ProductErrors",
    "QualityConfig",
    "Referee",
    "RefereeStations",
    "ReferenceConfig",
    "RegionConfig",
    "RegionStd",
    "RegressionDepth",
    "RegriddingConfig",
    "RestartConfig",
    "Role",
    "Run",
    "Section",
    "SeriesConfig",
    "SpikeCheck",
    "StationErrors",
    "Stations",
    "StationsConfig",
    "TilesConfig",
    "TimeConfig",
    "TwinConfig",
    "TwinObservations",
    "TwinStations",
    "TwinStationsConfig",
    "VerificationConfig",
    "WithheldConfig",
    "absolute_root",
    "apply_overrides",
    "current",
    "dump_config",
    "load_config",
    "parse_config",
    "parse_json",
    "parse_section",
    "parse_yaml",
    "problems_of",
    "read_document",
    "read_plain",
    "read_resolved",
    "read_text",
    "settings_text",
    "shorten",
]
