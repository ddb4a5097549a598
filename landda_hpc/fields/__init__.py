"""Fields on the sphere: keyed random fields, regridding, spectra."""
