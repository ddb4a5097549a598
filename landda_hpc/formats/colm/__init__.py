"""Files of the Common Land Model in its own formats: CoLM202X (netCDF-4 in blocks) and CoLM2014 (Fortran).

``landda_hpc.model.colm`` decides what may be changed in a restart.
"""
