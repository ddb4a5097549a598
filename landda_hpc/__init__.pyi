from typing import Final

from landda_hpc.api.arrays import analyse, score
from landda_hpc.api.results import CampaignResults, open_campaign
from landda_hpc.campaign.start import run_campaign

__all__ = ["CampaignResults", "__version__", "analyse", "open_campaign", "run_campaign", "score"]

__version__: Final[str]
IMPORTED_AT: Final[float]
