"""Code shared by all netCDF readers: opening, decoding, axes, times, units; single images."""

from landda_hpc.formats.cf.netcdf_file import NetcdfFile

__all__ = ["NetcdfFile"]
