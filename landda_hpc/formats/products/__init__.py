"""Gridded products: their readers, their files under a folder, their registry."""
