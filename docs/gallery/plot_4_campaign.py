"""
A campaign and its scores
=========================

Run a small twin from Python and read its results with pandas and xarray.
"""

# %%
# A campaign is one configuration. ``landda init`` writes such a file with comments.
import json
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt

import landda_hpc

folder = Path(tempfile.mkdtemp())
configuration = {
    "name": "gallery",
    "time": {"start": "2022-06-02T00:00", "assimilation_end": "2022-06-05T00:00", "end": "2022-06-06T00:00"},
    "grid": {"n_lat": 32, "n_lon": 64},
    "model": {"spinup_days": 5},
    "twin": {"weather_correlation": 0.7, "sand_sigma": 15.0, "wetness_sigma": 0.15},
    "observations": {"kind": "twin", "depth_m": [0.0, 0.1], "error_std": 0.05},
    "runs": [{"method": "control"}, {"method": "pointwise", "gain": 0.3}, {"method": "learned"}],
    "output": {"every_hours": 24, "fields": ["background", "analysis", "truth"], "figures": False},
}
(folder / "gallery.yaml").write_text(json.dumps(configuration))  # JSON is YAML, too
landda_hpc.run_campaign(folder / "gallery.yaml", folder / "out")
campaign = landda_hpc.open_campaign(folder / "out")

# %%
# ``scores`` has a row for each run, layer, stage and cycle.
scores = campaign.scores.query("layer == '0-10 cm' and reference == 'truth'")
analysed = scores[scores.stage.isin(["analysis", "forecast"])]
fig, axis = plt.subplots(figsize=(7, 3.4), layout="constrained")
for (run, series), style in zip(analysed.groupby("run"), ("k:", "C0-", "C1--"), strict=True):
    axis.plot(series.time, series.ubrmse, style, label=run)
axis.set(xlabel="time, UTC", ylabel="ubRMSE, m3 m-3", ylim=(0, None))
axis.tick_params("x", rotation=30)
axis.legend()
plt.show()

# %%
# ``images`` is an xarray data set; values are read when they are used.
images = campaign.images("learned")
(images.analysis - images.truth).isel(time=-1).plot(cmap="PuOr", vmin=-0.1, vmax=0.1, figsize=(8, 3.6))
plt.title("analysis minus truth, 0-10 cm, run learned")
plt.show()
