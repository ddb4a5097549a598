"""Assimilation of soil-moisture images into the Common Land Model, parallel with MPI."""

from pathlib import Path

from landda_hpc.compiled_code import use_own_folder

__version__ = "0.1.0"

# Before any module of ours has numba compile.
use_own_folder(Path(__file__).parent)
