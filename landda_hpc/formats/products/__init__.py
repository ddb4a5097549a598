"""Gridded products: readers, search for files, registry."""
