"""A package, so that no other package named tests, as f90nml installs one, comes before it."""
