"""Fields on the sphere that several rooms use: keyed random fields, regridding, spectra."""
