"""
Analyse one image
=================

``landda_hpc.analyse`` applies a method to a background and an observation, without a model. Here the background has
errors of large scale and the observation errors of small scale, as a land model and a satellite often have.
"""

# %%
import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from scipy.ndimage import gaussian_filter

import landda_hpc


def smooth(seed: int, width: float, std: float) -> np.ndarray:
    """Noise that is correlated over ``width`` cells."""
    noise = gaussian_filter(np.random.default_rng(seed).standard_normal((64, 128)), width, mode=("nearest", "wrap"))
    return std * noise / noise.std()


truth = np.clip(0.25 + smooth(1, 5, 0.08) + smooth(2, 1.5, 0.03), 0.02, 0.5)
lat, lon = np.linspace(-88.6, 88.6, 64), np.arange(128) * 2.8125
coords = {"lat": ("lat", lat, {"units": "degrees_north"}), "lon": ("lon", lon, {"units": "degrees_east"})}


def image(values: np.ndarray) -> xr.DataArray:
    return xr.DataArray(values, coords, ("lat", "lon"), attrs={"units": "m3 m-3"})


background = image(truth + smooth(3, 6, 0.05))
observation = image(truth + smooth(4, 0, 0.05))

# %%
# ``pointwise`` treats each cell separately: with equal variances its gain is 0.5. ``per_wedge`` gives each scale and
# direction of the image its own gain, from the variances of its curvelet coefficients. The observation is better at
# large scales, the background at small ones.
analyses = {
    "pointwise": landda_hpc.analyse(background, observation, "pointwise", gain=0.5),
    "per_wedge": landda_hpc.analyse(
        background,
        observation,
        "per_wedge",
        background_errors={"kind": "correlated", "std": 0.05, "length_km": 2000},
        observation_errors={"kind": "white", "std": 0.05},
    ),
}
fig, axes = plt.subplots(2, 2, figsize=(10, 5.4), layout="constrained")
fields = {"background": background, "observation": observation, **{name: a.analysis for name, a in analyses.items()}}
for axis, (name, field) in zip(axes.flat, fields.items(), strict=True):
    shown = axis.imshow(field - truth, origin="lower", extent=(0, 360, -90, 90), cmap="PuOr", vmin=-0.15, vmax=0.15)
    axis.set(title=f"{name}: ubRMSE {landda_hpc.score(field, image(truth)).ubrmse:.3f}")
fig.colorbar(shown, ax=axes, label="error, m3 m-3", shrink=0.8)
plt.show()
