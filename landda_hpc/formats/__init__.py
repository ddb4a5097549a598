"""Files as others define them: gridded products, climatologies, plain CF images. Reads and writes; no policy.

A reader of a soil-moisture product is a function that keeps ``product.ProfileReader`` and returns a
``product.SoilMoistureProfile``. ``cf`` holds what all netCDF readers share.
"""
