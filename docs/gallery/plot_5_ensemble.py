"""
An ensemble of model states
===========================

With the key ``ensemble`` a run has many model states. A filter in curvelet space analyses them; their spread estimates
the error.
"""

# %%
import json
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt

import landda_hpc

folder = Path(tempfile.mkdtemp())
configuration = {
    "name": "ensemble",
    "time": {"start": "2022-06-02T00:00", "assimilation_end": "2022-06-04T00:00", "end": "2022-06-04T00:00"},
    "grid": {"n_lat": 32, "n_lon": 64},
    "tiles": {"max_soil_tiles": 1},
    "model": {"spinup_days": 5},
    "twin": {"weather_correlation": 0.7, "sand_sigma": 15.0, "wetness_sigma": 0.15},
    "observations": {"kind": "twin", "depth_m": [0.0, 0.1], "error_std": 0.05},
    "runs": [
        {"method": "control"},
        {
            "method": "curvelet_ensrf",
            "ensemble": {"members": 8, "wetness_sigma": 0.15, "parameters": {"sand_sigma": 15.0}},
        },
    ],
    "output": {"every_hours": 24, "fields": ["background", "analysis", "truth", "spread"], "figures": False},
}
(folder / "ensemble.yaml").write_text(json.dumps(configuration))
landda_hpc.run_campaign(folder / "ensemble.yaml", folder / "out")
campaign = landda_hpc.open_campaign(folder / "out")
images = campaign.images("curvelet_ensrf").isel(time=-1).load()

# %%
# Where the ensemble spreads, the errors are large: the spread is a forecast of the error.
error = abs(images.analysis - images.truth)
fig, axes = plt.subplots(1, 2, figsize=(10, 2.9), layout="constrained")
for axis, (title, field) in zip(
    axes, {"spread of the members": images.spread, "absolute error of the mean": error}.items(), strict=True
):
    shown = axis.pcolormesh(field.lon, field.lat, field, cmap="magma_r", vmin=0.0, vmax=0.06)
    axis.set(title=title, xlabel="longitude", ylabel="latitude")
fig.colorbar(shown, ax=axes, label="m3 m-3")
plt.show()
