"""Station readers of the catalogue: sections of configurations, one module per source.

A section is a subclass of ``formats.stations.entry.StationEntry``. A new module here is found without changes
elsewhere.
"""
