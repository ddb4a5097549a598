"""Communicators, process layout, partition, ordered reductions: the only room that imports mpi4py."""
