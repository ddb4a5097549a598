"""Configuration sections of the station readers in the catalogue, one module per source.

A section is a subclass of ``formats.stations.entry.StationEntry``. A new module in this folder is found without changes
elsewhere.
"""
