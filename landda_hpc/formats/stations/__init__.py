"""In-situ stations: ISMN and tables."""
