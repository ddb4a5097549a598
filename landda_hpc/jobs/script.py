"""Scripts that run a campaign as a chain of batch jobs, from the template ``job.sh.j2``."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from landda_hpc import __version__
from landda_hpc.errors import ConfigError
from landda_hpc.jobs.variants import Variant

Scheduler = Literal["slurm", "pbs"]
Chain = Literal["requeue", "dependency"]

_WALLTIME: Final = re.compile(r"(?:(?P<days>\d+)-)?(?P<hours>\d{1,3}):(?P<minutes>[0-5]\d)(?::(?P<seconds>[0-5]\d))?")


@dataclass(frozen=True)
class Job:
    """A campaign, or several, as a chain of batch jobs.

    Attributes
    ----------
    name : of the campaign.
    config, script, python : absolute paths of the configuration, the job script, and the interpreter with the package.
    variants : campaigns; several form a job array.
    scheduler, chain : the batch system; how the next leg is queued.
    nodes, ranks_per_node : of a leg.
    walltime_s, margin_s : seconds of a leg, and those before its end at which it is asked to stop.
    launcher : command before the program; empty: that of the scheduler.
    setup : lines of shell before the program: modules.
    directives : further options of sbatch or qsub: account, partition.
    command : that made the script.
    """

    name: str
    config: Path
    script: Path
    python: Path
    variants: Sequence[Variant]
    scheduler: Scheduler
    chain: Chain
    nodes: int
    ranks_per_node: int
    walltime_s: int
    margin_s: int
    launcher: str = ""
    setup: Sequence[str] = ()
    directives: Sequence[str] = ()
    command: str = "landda job"

    def __post_init__(self) -> None:
        if self.scheduler == "pbs" and self.chain == "requeue":
            raise ConfigError("--chain requeue: PBS lets only operators requeue a job. Use --chain dependency.")
        if self.walltime_s < 2 * self.margin_s:
            raise ConfigError(
                f"--walltime {clock(self.walltime_s)}: the campaign is asked to stop {self.margin_s} s before the end, "
                "which leaves less than half of the time. Give more time, or a smaller --margin."
            )

    @property
    def chosen_launcher(self) -> str:
        """Command before the program, with the binding of a rank to a core."""
        if self.launcher:
            return self.launcher
        if self.scheduler == "slurm":
            return "srun --mpi=pmix --cpu-bind=cores"
        return f"mpirun -np {self.nodes * self.ranks_per_node} --hostfile $PBS_NODEFILE --bind-to core"

    @property
    def submission(self) -> str:
        """Command that submits the script; without job arrays under PBS, whose parts nothing can depend on."""
        script = shlex.quote(str(self.script))
        if self.scheduler == "slurm":
            return f"sbatch {script}"
        if len(self.variants) == 1:
            return f"qsub {script}"
        return f"for i in $(seq {len(self.variants)}); do qsub -v LANDDA_INDEX=$i {script}; done"

    def options(self) -> list[str]:
        """Options of sbatch or qsub, one per line of the script; without those of an array."""
        n, ranks, walltime = self.nodes, self.ranks_per_node, clock(self.walltime_s)
        if self.scheduler == "pbs":
            select = f"-l select={n}:ncpus={ranks}:mpiprocs={ranks}"
            return [f"-N landda-{self.name}", select, f"-l walltime={walltime}", "-j oe", "-r n", *self.directives]
        log = f"{self.name}-%{'A_%a' if len(self.variants) > 1 else 'j'}.log"
        return [
            f"--job-name=landda-{self.name}",
            f"--nodes={n}",
            f"--ntasks-per-node={ranks}",
            f"--time={walltime}",
            f"--signal=B:USR1@{self.margin_s}",
            "--requeue" if self.chain == "requeue" else "--no-requeue",
            "--kill-on-invalid-dep=yes",
            "--open-mode=append",
            f"--output={log}",
            *self.directives,
        ]


def render(job: Job) -> str:
    """The job script. Local."""
    import jinja2  # only here: other commands do not need it

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent), undefined=jinja2.StrictUndefined, trim_blocks=True,
        lstrip_blocks=True, keep_trailing_newline=True, autoescape=False,  # noqa: S701 - shell, quoted with shlex
    )  # fmt: skip
    slurm, options, n = job.scheduler == "slurm", job.options(), len(job.variants)
    if n > 1 and slurm:
        options.append(f"--array=1-{n}")
    what = f"Campaign {job.name}" if n == 1 else f"{n} campaigns {job.name}"
    return environment.get_template("job.sh.j2").render(
        title=f"{what} on {job.nodes} x {job.ranks_per_node} ranks under {'Slurm' if slurm else 'PBS'}.",
        version=__version__,
        command=job.command,
        submission=job.submission,
        slurm=slurm,
        chain=job.chain,
        margin_s=job.margin_s,
        walltime_s=job.walltime_s,
        directives=[f"#{'SBATCH' if slurm else 'PBS'} {option}" for option in options],
        qsub_options=" ".join(job.options()),
        setup=job.setup,
        script=shlex.quote(str(job.script)),
        python=shlex.quote(str(job.python)),
        config=shlex.quote(str(job.config)),
        variants=[
            {
                "output": shlex.quote(str(variant.output)),
                "settings": shlex.join(part for item in variant.settings for part in ("--set", item)),
            }
            for variant in job.variants
        ],
        nodes=job.nodes,
        ranks_per_node=job.ranks_per_node,
        launcher=job.chosen_launcher,
        log=shlex.quote(str(job.script.with_suffix(""))) + ('-"$LANDDA_INDEX"' if n > 1 else "") + ".log",
    )


def parse_walltime(text: str) -> int:
    """Seconds of HH:MM, HH:MM:SS or D-HH:MM:SS; ConfigError for other text."""
    found = _WALLTIME.fullmatch(text)
    if found is None:
        raise ConfigError(f"--walltime {text}: expected HH:MM:SS, HH:MM or D-HH:MM:SS, e.g. 04:00:00")
    days, hours, minutes, seconds = (int(found[name] or 0) for name in ("days", "hours", "minutes", "seconds"))
    return ((24 * days + hours) * 60 + minutes) * 60 + seconds


def clock(seconds: int) -> str:
    """HH:MM:SS, which Slurm and PBS read; hours may exceed 24."""
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
