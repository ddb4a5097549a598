"""Readers of meteorological forcing: datasets, and single sites."""
