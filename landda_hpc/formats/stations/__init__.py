"""Readers of in-situ stations: ISMN and tables."""
