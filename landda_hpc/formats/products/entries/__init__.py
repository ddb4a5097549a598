"""Configuration sections of the gridded products in the catalogue.

A section is a subclass of ``formats.products.entry.GriddedEntry``. A new module in this folder is found without changes
elsewhere.
"""
