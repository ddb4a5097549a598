"""Gridded products of the catalogue: sections of configurations.

A section is a subclass of ``formats.products.entry.GriddedEntry``. A new module here is found without changes
elsewhere.
"""
