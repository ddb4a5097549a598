"""A reproduction from the command line: the campaigns that are not finished yet, then the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import typer
from rich.console import Console

from landda_hpc.commands.console.campaign_queue import CampaignQueue
from landda_hpc.commands.console.gap_report import print_gaps
from landda_hpc.config import CampaignConfig, load_config, read_resolved
from landda_hpc.parallel.together import together
from landda_hpc.storage.campaign_folder import CampaignFolder
from landda_hpc.studies.reproduction.experiment import EXPERIMENTS, PaperName
from landda_hpc.verification.omissions import Gap, exit_code

_MAIN: Final = "campaign"
_CHINA: Final[dict[str, dict[str, Any]]] = {
    "ideal": {"observations.error_std_regions": []},
    "with errors": {},
}
"""The observation-error experiment of [S24]: kinds of observations, and the keys that they change."""


@dataclass(frozen=True)
class Request:
    """Options of the command."""

    paper: PaperName
    output: Path | None
    config: Path | None
    source: Path | None
    overrides: dict[str, Any]
    overwrite: bool


class ReproductionSession:
    """One reproduction on all ranks, from the command line. Collective."""

    def __init__(self, request: Request, verbose: bool) -> None:
        self._request = request
        self._queue = CampaignQueue(verbose, request.overwrite)
        self._world, self._is_first = self._queue.world, self._queue.is_first

    def run(self) -> None:
        """Run the campaigns that are not finished yet and write the page. Collective.

        Raises
        ------
        typer.Exit : stopped by a signal other than SIGUSR1, with the code that says so; or the page has gaps because of
            faults in what the configuration names, with code 5.
        """
        request = self._request
        output = request.output or Path("runs") / f"reproduce_{request.paper}"
        configs: dict[str, CampaignConfig] | None = None
        with together(self._world, f"reading the experiment {request.paper}"):
            if self._is_first and request.source is None:
                configs = self._configurations()
        configs = self._world.broadcast(configs)
        self._queue.make_folder(output, "reproduction", ("reproduction.md", "report.html", "figures"), (_MAIN,))
        for name, config in (configs or {}).items():
            self._queue.run(config, output / name, name, same_records=False)
        gaps: Sequence[Gap] = ()
        with together(self._world, "writing the page"):
            if self._is_first:
                gaps = self._conclude(output, configs or {})
        code = self._world.broadcast(exit_code(gaps))
        if code:
            raise typer.Exit(code)

    def _configurations(self) -> dict[str, CampaignConfig]:
        """By folder: the campaign of the paper and, for [S24], its observation-error experiment."""
        request = self._request
        experiment = EXPERIMENTS[request.paper]
        file = request.config or Path("experiments", f"{request.paper}.yaml")
        configs = {_MAIN: experiment.prepared(load_config(file, request.overrides))}
        if request.paper == "shen2024":
            china = Path("experiments", "shen2024_china.yaml")
            for kind, changes in _CHINA.items():
                config = load_config(china, changes)
                first = config.time.valid_time(1)
                time = config.time.model_copy(update={"assimilation_end": first, "end": first})
                spinup = {"model": configs[_MAIN].model, "seed": configs[_MAIN].seed}
                configs[_china_folder(kind)] = config.model_copy(update={"time": time, **spinup})
        return configs

    def _conclude(self, output: Path, configs: Mapping[str, CampaignConfig]) -> Sequence[Gap]:
        """Write the page; return its missing parts. Rank 0."""
        # Imported here: needed once, on one rank, and loads the plotting library.
        from landda_hpc.campaign.experiment_facts import Experiment
        from landda_hpc.studies.report_pages import write_reproduction_page
        from landda_hpc.studies.reproduction import bai2026, shen2024
        from landda_hpc.studies.reproduction.campaign_data import CampaignData
        from landda_hpc.verification.figures.figure_style import in_style_of

        campaign = self._request.source or output / _MAIN
        asked = configs.get(_MAIN) or self._asked_of(campaign)
        m = CampaignData(campaign, EXPERIMENTS[self._request.paper], asked)
        with in_style_of(m.config.output):
            if self._request.paper == "bai2026":
                written = bai2026.write_page(m, output)
            else:
                china = {kind: output / _china_folder(kind) for kind in _CHINA if _china_folder(kind) in configs}
                written = shen2024.write_page(m, output, china)
        experiment = Experiment(m.config, m.domain, m.records, m.folder.read_records("cycles"))
        report = write_reproduction_page(written.path, m.folder, experiment)
        count = len(written.figures)
        figures = f"{count} figure{'' if count == 1 else 's'}"
        Console().print(f"Written: {written.path}, with {figures}, and {report}", highlight=False, soft_wrap=True)
        print_gaps(written.gaps, with_exit=False)
        return written.gaps

    def _asked_of(self, campaign: Path) -> CampaignConfig | None:
        """With --from: the campaign's configuration with the verification keys that --set changes."""
        if not self._request.overrides:
            return None
        return read_resolved(CampaignFolder.open(campaign).config_file, self._request.overrides)


def _china_folder(kind: str) -> str:
    return f"china_{kind.replace(' ', '_')}"
