"""Communicators, process layout, partition, ordered reductions: the only room that imports mpi4py."""

from landda_hpc.parallel.home import name_a_home

name_a_home()
