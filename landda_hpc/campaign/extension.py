"""Change of the end of a campaign that has begun (``landda extend``).

The state of a cycle does not depend on the end of the campaign. Its checkpoints therefore stay valid, and the campaign
ends with the states and scores of a campaign that had the new end from its start.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from landda_hpc.campaign.provenance import software_now
from landda_hpc.config import TimeConfig, dump_config, read_resolved
from landda_hpc.errors import ConfigError
from landda_hpc.instances.trajectory import accepted_identities
from landda_hpc.io.atomic import write_text
from landda_hpc.storage.campaign_folder import CampaignFolder, Claim
from landda_hpc.storage.folder_marker import read_marker, write_marker
from landda_hpc.storage.observation_survey import read_survey, write_survey
from landda_hpc.storage.provenance_log import IDENTITIES, add_event
from landda_hpc.storage.report_state import forget_report
from landda_hpc.storage.retention import checkpoint_times


@dataclass(frozen=True)
class Extension:
    """A change of the calendar.

    Attributes
    ----------
    before, after : the calendars.
    reached : time of the newest checkpoint, from which a resume continues.
    """

    before: TimeConfig
    after: TimeConfig
    reached: datetime


def extend_campaign(
    output: Path, end: datetime, assimilation_end: datetime | None = None, claim: Claim | None = None
) -> Extension:
    """Give a campaign another end; a resume then continues it. Local: one process.

    Parameters
    ----------
    output : folder of the campaign.
    end : new end, UTC; earlier than the present one only if no later state has been computed.
    assimilation_end : new last analysis time; default: the new end if the campaign ended with an analysis, otherwise
        unchanged.
    claim : rule for claiming the folder if another job may hold it.

    Raises
    ------
    StorageError : there is no campaign, or a job holds the folder.
    ConfigError : the campaign has no checkpoint; the calendar is not valid; or a computed cycle would change.

    Notes
    -----
    A kill leaves the campaign with the old or with the new end; in both cases the command can be repeated, and the
    campaign can be resumed.
    """
    folder = CampaignFolder.open(output)
    folder.lock(claim)
    try:
        times = checkpoint_times(folder.checkpoints)
        if not times:
            raise ConfigError(
                f"{output} has no checkpoint, so there is nothing to extend. Change time.end in the configuration and "
                "start the campaign with 'landda run'."
            )
        config = read_resolved(folder.config_file)
        before, reached = config.time, times[-1]
        if assimilation_end is None:
            ends_with_analysis = before.assimilation_end == before.end
            assimilation_end = end if ends_with_analysis else min(before.assimilation_end, end)
        calendar = {"time.end": end.isoformat(), "time.assimilation_end": assimilation_end.isoformat()}
        extended = read_resolved(folder.config_file, calendar)
        _require_same_past(output, before, extended.time, reached)
        _write(folder, before, extended.time, dump_config(extended))
    finally:
        folder.unlock()
    return Extension(before, extended.time, reached)


def _require_same_past(output: Path, before: TimeConfig, after: TimeConfig, reached: datetime) -> None:
    """Raise ConfigError if a cycle that has been computed would be another one under the new calendar."""
    if after.end < reached:
        raise ConfigError(
            f"--to {after.end.isoformat()} is before the newest checkpoint of {output}, {reached.isoformat()}. Give a "
            f"time from there on, or go back first: landda rewind {output} --to TIME."
        )
    last = min(before.assimilation_end, after.assimilation_end)
    if before.assimilation_end != after.assimilation_end and reached > last:
        raise ConfigError(
            f"analyses until {after.assimilation_end.isoformat()} instead of {before.assimilation_end.isoformat()} "
            f"would change cycles that {output} has computed (until {reached.isoformat()}). Go back to a checkpoint "
            f"not after {last.isoformat()} first: landda rewind {output} --to TIME."
        )


def _write(folder: CampaignFolder, before: TimeConfig, after: TimeConfig, text: str) -> None:
    """Change the folder, in an order that a kill may interrupt anywhere; ``text`` is the new configuration."""
    details = {
        name: [getattr(before, name).isoformat(), getattr(after, name).isoformat()]
        for name in ("assimilation_end", "end")
    }
    known = {IDENTITIES: accepted_identities(folder.config_file)}
    add_event(folder.path, "extend", {**details, **known, **software_now()})
    for file in folder.survey_files:
        survey = read_survey(file)
        if survey is not None and after.assimilation_end > before.assimilation_end:
            # What was a free forecast is searched for observations again.
            write_survey(file, {time: found for time, found in survey.items() if time <= before.assimilation_end})
    write_text(folder.config_file, text)
    marker = read_marker(folder.path)
    if marker is not None:
        write_marker(folder.path, replace(marker, configuration=text))
    status = folder.read_status()
    if status is not None and after != before:
        folder.write_status(replace(status, state="stopped", n_cycles=after.n_cycles, message=""))
        forget_report(folder.path)
