"""Observations of soil moisture as images on the model grid: sources, windows, quality control, feedback."""
