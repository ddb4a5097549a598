"""``python -m mpi4py -m landda_hpc`` (an uncaught exception then ends every rank of the job)."""

from landda_hpc.cli import main

if __name__ == "__main__":
    main()
