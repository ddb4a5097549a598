"""Curvelets of images: an exact, fast and reproducible Parseval frame.

A curvelet is a small oriented wave: a coefficient measures how much structure of a certain size and direction an
image has at a certain place. This package computes the fast discrete curvelet transform by wrapping (Candes,
Demanet, Donoho, Ying 2006) of real or complex images of any N1 x N2, 17 cells a side or more. For statistics of
images it also provides exact variances of coefficients, sums over ensembles that never store coefficients, and
boundaries for regions and for the sphere. It needs NumPy, numba and ducc0 or SciPy, and of this project only the
exceptions, the compiled loops and the choice of the Fourier library.

Use
---
>>> import numpy as np
>>> from landda_hpc.curvelet import Curvelet2D
>>> frame = Curvelet2D((128, 256), finest="curvelets", boundary="double_fourier_sphere")
>>> image = np.random.default_rng(0).standard_normal((128, 256))
>>> c = frame.forward(image)  # flat, (n_coef,); a batch (..., N1, N2) gives (..., n_coef)
>>> bool(np.allclose(frame.inverse(c), image, atol=1e-13))
True
>>> bool(np.isclose(np.sum(c * c), np.sum(image * image), rtol=1e-13))
True

One wedge, as a view; a per-wedge gain; a gain that is never expanded into stored coefficients:

>>> wedge = frame.block(c, scale=2, wedge=5)  # complex, (L1, L2)
>>> gain = np.ones(frame.n_var)
>>> for block in frame.blocks:
...     gain[block.variances] = 0.5 ** block.scale
>>> smoothed = frame.apply_gain(image, gain)  # C^T diag(gain) C x

Error statistics, exact and sampled:

>>> exact = frame.variance(np.full((128, 256), 0.15**2))  # E|c|^2, independent errors of variance sigma^2(x)
>>> sampled = np.zeros(frame.n_var)
>>> for seed in range(10):
...     error = 0.15 * np.random.default_rng(seed).standard_normal((128, 256))
...     frame.accumulate_energy(error, sampled)
>>> bool(abs(np.sum(sampled / 10) / np.sum(exact) - 1) < 0.01)
True

Stored numbers
--------------
Coefficients are one flat array: scale 0, then scale 1 wedge by wedge, and so on; every wedge is a
C-contiguous L1 x L2 array whose place is given by `frame.blocks`. Of a real image half of the wedges is
stored (the others are their complex conjugates), scaled by sqrt 2, as (re, im) pairs in an array of real
numbers; scale 0 and finest wavelets are real. So the plain dot product of coefficients is the dot product of
images, and real linear algebra (variational methods) applies. Variances and gains have their own layout, one
real number per coefficient: `block.coefficients` and `block.variances` are the slices of a wedge in the two.
`frame.wedges(c)` is the full set, unscaled, in the usual nesting.

Guarantees
----------
||C x|| = ||x||, C^T C = 1 and <C x, c> = <x, C^T c> to 1e-13 (float64) or 1e-5 (float32), through every
boundary. With `sizes="curvelab"` the coefficients are those of the reference implementation to 1e-10. A batch
gives the bits of a loop, whatever the number of threads: each member is transformed separately with one thread
inside each FFT, the other loops run in index order. `frame.variance` equals sum_x |phi(x)|^2 sigma^2(x), atom
by atom.

C is redundant: C C^T is a projection, and coefficients of an image are correlated. A diagonal covariance of
coefficients is an approximation of the methods that use it, not a property of the frame.

Boundaries
----------
The FFT joins opposite edges. A smooth field on the sphere (a quadratic polynomial of the Cartesian
coordinates, 128 x 256) has 0.95 % of its energy in the finest scale then; with `double_fourier_sphere` less
than 1e-25. `reflect` is for regions. Both enlarge the transformed image (2 and 4 times) and stay exact
Parseval frames.

Cost
----
N log N time; memory of a plan: 3 bytes per stored number, shared by equal frames. The first use in a new
installation compiles the loops (one second, cached on disk). `landda bench curvelet` measures the cost,
`landda curvelet guarantees` checks the statements above, and `landda curvelet tiling` draws the frame.

Other packages' transforms
--------------------------
`landda_hpc.curvelet.backends.make_frame` returns frames that use `curvelops` (CurveLab) or `curvelets` (UDCT) if
they are installed, with the methods that analyses need.

References
----------
Candes, Demanet, Donoho, Ying (2006), *Fast Discrete Curvelet Transforms*, SIAM Multiscale Model. Simul. 5(3),
861-899.
"""

from landda_hpc.curvelet.boundary import Boundary, extend, extended_shape, fold
from landda_hpc.curvelet.frame import Curvelet2D
from landda_hpc.curvelet.plan import Block
from landda_hpc.curvelet.windows import Finest, Sizes

__all__ = ["Block", "Boundary", "Curvelet2D", "Finest", "Sizes", "extend", "extended_shape", "fold"]
