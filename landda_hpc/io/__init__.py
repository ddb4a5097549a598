"""Files of our own: atomic writing, and what a lock of HDF5 means."""
