"""Plug-ins of landda_hpc: one part of each kind."""
