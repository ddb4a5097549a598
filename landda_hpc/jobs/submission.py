"""Submission of a job script through PSI/J, the portable interface of batch systems (optional, extra ``psij``).

Hategan-Marandiuc et al. (2023), PSI/J: A Portable Interface for Submitting, Monitoring, and Managing Jobs,
doi:10.1109/e-Science58273.2023.10254912.
"""

from __future__ import annotations

import shlex
from datetime import timedelta

from landda_hpc.errors import ConfigError
from landda_hpc.jobs.script import Job


def submit_job(job: Job) -> list[str]:
    """Submit the script of a job, once for each of its campaigns; identifiers of the batch system. Local.

    PSI/J writes its own script, which has no signal before the wall time; ours then sets an alarm itself.

    Raises
    ------
    ConfigError : PSI/J is not installed, it refused the job, or an option has no counterpart in it.
    """
    try:
        import psij  # optional
    except ImportError as error:
        raise ConfigError(f"--submit needs psij-python ({error}): pip install 'landda-hpc[psij]'.") from error
    executor = psij.JobExecutor.get_instance(job.scheduler)
    submitted = []
    for index in range(1, len(job.variants) + 1):
        log = shlex.quote(f"{job.script.with_suffix('')}-{index}.log")
        custom = dict(_custom(job.scheduler, directive) for directive in job.directives)
        one = psij.Job(
            psij.JobSpec(
                executable="/bin/bash",
                arguments=["-c", f"exec {shlex.quote(str(job.script))} >>{log} 2>&1"],
                directory=job.script.parent,
                environment={"LANDDA_INDEX": str(index)},
                resources=psij.ResourceSpecV1(node_count=job.nodes, processes_per_node=job.ranks_per_node),
                attributes=psij.JobAttributes(
                    duration=timedelta(seconds=job.walltime_s), custom_attributes=dict(custom)
                ),
                launcher="single",
            )
        )
        try:
            executor.submit(one)
        except psij.SubmitException as error:
            raise ConfigError(f"PSI/J could not submit {job.script}: {error}") from error
        submitted.append(str(one.native_id))
    return submitted


def _custom(scheduler: str, directive: str) -> tuple[str, str]:
    """Name and value of an option in PSI/J: ``--account=soil`` or ``-A soil``."""
    name, separator, value = directive.lstrip("-").replace("=", " ", 1).partition(" ")
    if not separator or (scheduler == "slurm" and not directive.startswith("--")):
        raise ConfigError(f"--directive '{directive}': PSI/J needs an option with a value, e.g. --account=soil")
    return f"{scheduler}.{name}", value.strip()
