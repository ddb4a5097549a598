"""The environment of a process that does not belong to the MPI job of the process that starts it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_OF_THE_PARENT: Final = (
    "OMPI_COMM_WORLD_", "OMPI_MCA_orte_", "OMPI_MCA_ess", "OMPI_MCA_pmix", "OMPI_MCA_initial_wdir", "OMPI_APP_CTX",
    "OMPI_UNIVERSE_SIZE", "OMPI_NUM_APP_CTX", "OMPI_FIRST_RANKS", "OMPI_COMMAND", "OMPI_ARGV", "OMPI_FILE_LOCATION",
    "OMPI_MCA_mpi_oversubscribe", "ORTE_", "PRTE_MCA_ess", "PRTE_LAUNCHED", "PMIX_", "PMI_", "PMI2_", "MPI_LOCAL",
    "HYDRA_", "HYDI_", "MPIEXEC_", "MPIR_", "I_MPI_HYDRA", "I_MPI_INFO", "MV2_COMM_WORLD_", "MPISPAWN_", "PALS_",
    "SLURM_STEP", "SLURM_PROCID", "SLURM_LOCALID", "SLURM_NODEID", "SLURM_GTIDS", "SLURM_TASK_PID", "SLURM_SRUN_",
    "SLURM_LAUNCH_NODE", "SLURM_CPU_BIND", "SLURM_MEM_BIND", "SLURM_DISTRIBUTION", "SLURM_MPI_TYPE", "SLURM_PMI",
)  # fmt: skip
"""Prefixes of the variables by which an MPI process finds its job. With them, an inner launcher would take itself for
one of our ranks. The variables of the batch job (SLURM_JOB_*, SLURM_NODELIST ...) are kept, because the inner launcher
needs them to find the allocation. The user's settings (OMPI_MCA_btl etc.) are kept, too."""


def own_environment(parent: Mapping[str, str], extra: Mapping[str, str]) -> dict[str, str]:
    """The parent's environment without the variables of its MPI job, plus extra variables."""
    kept = {name: value for name, value in parent.items() if not name.startswith(_OF_THE_PARENT)}
    return kept | dict(extra)
