"""Files of the Common Land Model as it writes and reads them: CoLM202X (netCDF-4 in blocks) and CoLM2014 (Fortran).

No policy: what may be changed in a restart is decided in ``landda_hpc.model.colm``.
"""
