"""Readers and writers of external and own file formats, one sub-package per kind; no decisions about their use.

``cf`` holds code shared by all netCDF readers. A gridded soil-moisture product is a
``products.product.Product`` that a section in ``products.entries`` builds; its files open as a ``ProductFile``,
give a ``SoilMoistureProfile``, and are found by their times in ``products.dataset``. Readers of stations, in
``stations.entries``, give a list of ``stations.station.StationSeries``. ``colm`` holds the files of both versions
of CoLM, ``forcing`` those of meteorological forcing, ``own`` those whose layout this package defines.
"""

from __future__ import annotations

from typing import Final

from landda_hpc.moved_modules import install

MOVED: Final = {
    "archive": "stations.text_archive",
    "averaging": "cf.averaging",
    "cf_bounds": "cf.cell_bounds",
    "cf_layers": "products.cf_layers",
    "cldas": "products.cldas",
    "climatology": "own.soil_moisture_climatology",
    "clock": "cf.clock",
    "colm_point": "colm.point",
    "dataset": "products.dataset",
    "decoding": "cf.decoding",
    "ease2": "products.ease2",
    "ecmwf": "products.ecmwf",
    "esa_cci": "products.esa_cci",
    "experiment_version": "cf.experiment_version",
    "file_contents": "products.file_contents",
    "file_grid": "cf.file_grid",
    "file_versions": "products.file_versions",
    "forcing_file": "forcing.forcing_file",
    "forcing_sets": "forcing.forcing_sets",
    "gldas": "products.gldas",
    "grib": "products.grib",
    "hdf5_heap": "cf.hdf5_heap",
    "image_output": "own.image_output",
    "image_series": "products.image_series",
    "images": "cf.image",
    "ismn_names": "stations.ismn_names",
    "layered": "products.layered",
    "name_pattern": "products.name_pattern",
    "named_files": "products.named_files",
    "plumber": "forcing.plumber",
    "precipitation": "products.precipitation",
    "product": "products.product",
    "region": "products.region",
    "registry": "products.registry",
    "site_output": "own.site_output",
    "smap": "products.smap",
    "spun_up": "own.spun_up",
    "static": "own.static_file",
    "station": "stations.station",
    "station_columns": "stations.station_columns",
    "station_csv": "stations.station_csv",
    "station_ismn": "stations.station_ismn",
    "station_rows": "stations.station_rows",
    "station_units": "stations.station_units",
    "text": "stations.text",
    "time_axis": "cf.time_axis",
    "units": "cf.units",
    "wedge_spectra": "own.wedge_spectra",
}
"""Former and present names of modules in this package, kept until version 0.3."""

install(__name__, MOVED)
