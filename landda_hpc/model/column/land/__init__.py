"""The physics ``land_surface``: energy, snow, canopy and water of every tile, one tile at a time."""
