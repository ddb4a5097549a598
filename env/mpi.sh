# Source me (bash): finds mpirun and sets up this shell for launches on one machine, as tests, `make run` and the README do.
#
#   source env/mpi.sh && "$MPIRUN" -n 4 .venv/bin/python -m mpi4py .venv/bin/landda run experiments/twin.yaml
#
# Everything here belongs to a launcher on a laptop or in CI: leave to be root, more ranks than cores, no binding. A batch
# system has its own launcher and needs none of it. MPIRUN may be set beforehand to name another launcher.

landda_top=$(cd "$(dirname "${BASH_SOURCE[0]:-$0}")/.." && pwd)

# env/setup.sh writes down the launcher of the MPI that it chose: it must match the library that mpi4py loads.
if [ -z "${MPIRUN:-}" ]; then
  MPIRUN=$(cat "$landda_top/.venv/landda-mpirun" 2>/dev/null || true)
fi
if [ -z "$MPIRUN" ]; then
  echo "env/mpi.sh: env/setup.sh found no mpirun, or has not run. Run it, or name a launcher with MPIRUN." >&2
  return 1
fi
export MPIRUN

# Open MPI ends in a segmentation fault where a user id has neither HOME nor an entry in the user database (containers).
if [ -z "${HOME:-}" ] && ! getent passwd "$(id -u)" >/dev/null; then export HOME=/nonexistent; fi

# Open MPI. Other libraries ignore these.
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
export OMPI_MCA_mpi_yield_when_idle=1 # with more ranks than cores an Allreduce of 8 bytes takes 6 us instead of 6 ms
# ROMIO reports a full disk; Open MPI's own layer, ompio, loses the data silently. Its name carries its version.
case $("$MPIRUN" --version 2>/dev/null | head -n 1) in
  *"Open MPI"*" 4."* | *OpenRTE*" 4."*)
    export OMPI_MCA_io=romio321
    export OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_hwloc_base_binding_policy=none
    ;;
  *"Open MPI"*" 5."* | *OpenRTE*" 5."*)
    export OMPI_MCA_io=romio341
    export PRTE_MCA_rmaps_default_mapping_policy=:oversubscribe PRTE_MCA_hwloc_default_binding_policy=none
    ;;
esac

# One thread a rank.
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 NUMBA_NUM_THREADS=1
unset landda_top
