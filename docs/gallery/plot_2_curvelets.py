"""
One curvelet of each scale
==========================

A curvelet is a short wave packet. Finer curvelets are narrower than they are long, so that few of them follow a border.
"""

# %%
import matplotlib.pyplot as plt
import numpy as np

from landda_hpc.curvelet import Curvelet2D

frame = Curvelet2D((128, 256), finest="curvelets")
coefficients = frame.forward(np.zeros(frame.shape))
fig, axes = plt.subplots(1, 3, figsize=(9.6, 2.4), layout="constrained")
for scale, axis in enumerate(axes, start=1):
    n_rows, n_columns = frame.block(coefficients, scale, 1).shape
    packet = frame.atom(scale, 1, (n_rows // 2, n_columns // 2))
    axis.imshow(packet, origin="lower", cmap="PuOr", vmin=-abs(packet).max(), vmax=abs(packet).max())
    axis.set(title=f"scale {scale}", xticks=[], yticks=[])
plt.show()
