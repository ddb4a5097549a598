"""
A soil-moisture image and its scales
====================================

Curvelets divide an image into parts of different scale and direction. The parts of all scales add up to the image.
"""

# %%
# The package includes a spun-up state of the land model on the 1.4-degree grid. Its 16 thousand patches lie in cells;
# here one patch of each cell gives the soil moisture of the upper
# three layers, 9 cm, in m3 m-3. Cells without soil (oceans,
# lakes, glaciers) get the mean of the land: a step at the coasts would give large coefficients.
from importlib.resources import files

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr

from landda_hpc.curvelet import Curvelet2D

state = xr.open_dataset(str(files("landda_hpc.data") / "spun_up_1p4deg.nc")).isel(time=3)
soil = state.isel(patch=state.patchtype.values == 0)
row = np.round((soil.lat.values + 89.297) / 1.40625).astype(int)
column = np.floor((soil.lon.values % 360) / 1.40625).astype(int)
three_layers = slice(5, 8)  # after five layers of snow; 9.06 cm of soil
water = (soil.wliq_soisno + soil.wice_soisno).isel(soilsnow=three_layers).sum("soilsnow")  # kg m-2, that is mm
image = np.full((128, 256), np.nan)
image[row, column] = water / 90.6

# %%
# The frame continues the image over the poles, as a function on the sphere has to be (``double_fourier_sphere``). It is
# tight: the inverse is the transpose of the transform, and energies of coefficients add up to the energy of the image.
frame = Curvelet2D(image.shape, finest="curvelets", boundary="double_fourier_sphere")
filled = np.where(np.isnan(image), np.nanmean(image), image)
scales = frame.scales(filled - filled.mean())
print(f"{scales.shape[0]} scales, redundancy {frame.redundancy:.2f}")
print(f"sum of the scales minus the image: at most {np.abs(scales.sum(axis=0) - filled + filled.mean()).max():.1e}")

# %%
fig, axes = plt.subplots(2, 2, figsize=(10, 5.6), layout="constrained")
panels = {
    "soil moisture, 0-9 cm": image,
    "scales 0 and 1": scales[:2].sum(axis=0),
    "scale 2": scales[2],
    "scales 3 and finer": scales[3:].sum(axis=0),
}
for number, (axis, (title, field)) in enumerate(zip(axes.flat, panels.items(), strict=True)):
    limits = (
        {"vmin": 0.0, "vmax": 0.45, "cmap": "YlGnBu"} if number == 0 else {"vmin": -0.12, "vmax": 0.12, "cmap": "BrBG"}
    )
    shown = axis.imshow(np.where(np.isnan(image), np.nan, field), origin="lower", extent=(0, 360, -90, 90), **limits)
    axis.set(title=title, xticks=range(0, 361, 90), yticks=range(-60, 61, 30))
    fig.colorbar(shown, ax=axis, label="m3 m-3", shrink=0.8)
plt.show()
