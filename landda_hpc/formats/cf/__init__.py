"""What all readers of netCDF files share: opening, decoding, axes, clock, units; single images."""

from landda_hpc.formats.cf.netcdf_file import NetcdfFile

__all__ = ["NetcdfFile"]
