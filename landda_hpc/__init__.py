"""Assimilation of soil-moisture images into the Common Land Model, parallel with MPI."""

__version__ = "0.1.0"
