"""Meteorological forcing: datasets in files, and single sites."""
