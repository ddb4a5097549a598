"""Random numbers keyed by purpose, and Gaussian random fields on the sphere and the plane."""
