"""A plug-in of landda_hpc: a method and an error model."""
