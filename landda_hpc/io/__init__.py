"""Writing files: atomically, with the provenance and the locks of HDF5."""
