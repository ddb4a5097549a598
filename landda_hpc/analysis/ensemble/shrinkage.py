"""Variances of coefficients from few members: shrinkage towards the mean of a group.

Let V be the sample variance of a coefficient of true variance s, from N members, and t u the target: u is the variance
of white errors of unit variance, and t the sum of V over the group divided by that of u. The estimate
(1 - a) V + a t u has the smallest mean square error, summed over the group, for

    a = E[sum (V - s)^2] / E[sum (V - t u)^2],

because V is unbiased and the noise of the target is negligible (it is a mean over many coefficients). For Gaussian
errors var(V) = 2 s^2 / d, where d = N - 1 degrees of freedom for a real coefficient and 2 (N - 1) for a complex one,
and E[V^2] = s^2 (1 + 2 / d). So 2 V^2 / (d + 2) is an unbiased estimate of the numerator's terms.

References
----------
Ledoit and Wolf (2004), J. Multivar. Anal., 88, 365-411; Efron and Morris (1973), J. Am. Stat. Assoc., 68, 117-130.
"""

from __future__ import annotations

import numpy as np

from landda_hpc.analysis.frame_protocol import ImageFrame
from landda_hpc.analysis.mixing import WedgeGroups
from landda_hpc.constants import FloatArray


def shrunk_variance(
    frame: ImageFrame, groups: WedgeGroups, variance: FloatArray, white: FloatArray, n_members: int
) -> tuple[FloatArray, FloatArray]:
    """Shrink sample variances of coefficients towards their groups.

    Parameters
    ----------
    frame, groups : the frame and its groups of coefficients.
    variance : sample variances, (n_var,), m6 m-6.
    white : variances of white errors of unit variance on the same cells, (n_var,).
    n_members : N.

    Returns
    -------
    Shrunk variances, (n_var,), with the same sum in each group; and the weight a of each group's target, (n,).
    """
    dof = (n_members - 1) * degrees_of_freedom(frame)
    noise = groups.sums(2.0 * variance**2 / (dof + 2.0))
    target = white * groups.expand(_ratio(groups.sums(variance), groups.sums(white)))
    distance = groups.sums((variance - target) ** 2)
    weight = np.minimum(_ratio(noise, distance, 1.0), 1.0)
    per_coefficient = groups.expand(weight)
    return (1.0 - per_coefficient) * variance + per_coefficient * target, weight


def degrees_of_freedom(frame: ImageFrame) -> FloatArray:
    """Real numbers of each coefficient, (n_var,): 2 for a complex one, 1 for a real one."""
    out = np.empty(frame.n_var)
    for block in frame.blocks:
        size = block.variances.stop - block.variances.start
        out[block.variances] = (block.coefficients.stop - block.coefficients.start) // size
    return out


def _ratio(above: FloatArray, below: FloatArray, otherwise: float = 0.0) -> FloatArray:
    return np.divide(above, below, out=np.full_like(above, otherwise), where=below > 0.0)
