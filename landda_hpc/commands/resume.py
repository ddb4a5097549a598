"""``landda resume``: resume a campaign from its last checkpoint."""

from __future__ import annotations

from landda_hpc.commands.console.options import (
    AcceptGapsOption,
    CampaignDir,
    RankLogsOption,
    SetOption,
    TakeOverOption,
    VerboseOption,
    WaitOption,
    parse_overrides,
)


def command(
    folder: CampaignDir,
    overrides: SetOption = None,
    accept_gaps: AcceptGapsOption = False,
    wait: WaitOption = 0.0,
    take_over: TakeOverOption = False,
    rank_logs: RankLogsOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Resume a campaign that was stopped or killed, on any number of ranks.

    It resumes from the newest intact checkpoint with complete records. Later records are computed again, bit-identical
    to an uninterrupted run. --set may change keys that do not affect the trajectory: parallel.*, checkpoint.*,
    output.*, data_root, name, description, verification.* (except depths_m, min_soil_fraction and unobserved),
    catalogue entries that are not assimilated, and how CoLM is run (model.launch, side_by_side, nodes,
    timeout_minutes, tries, environment, keep_*).
    """
    from landda_hpc.commands.console.session import campaign_session
    from landda_hpc.storage.campaign_folder import Claim

    with campaign_session(verbose, rank_logs=rank_logs) as session:
        session.resume(folder, parse_overrides(overrides), accept_gaps=accept_gaps, claim=Claim(wait, take_over))
        session.run()
