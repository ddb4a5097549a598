"""Logarithms and exponentials of all layers of a soil column at once.

One after the other, the functions of the C library take half of the time of the soil-water equation. These loops have
no branches, so the compiler computes several values at once. Argument reduction and coefficients are those of fdlibm
(Sun Microsystems 1993); the error is at most one unit in the last place. No function of the C library is called: the
bits depend neither on it nor on the processor.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from landda_hpc.compiled_code import compiled
from landda_hpc.model.column.records import N_POWER, Record

_LN2_HIGH: Final = 6.93147180369123816490e-01
_LN2_LOW: Final = 1.90821492927058770002e-10
_PER_LN2: Final = 1.44269504088896338700
_SQRT2: Final = 1.41421356237309514547
_TO_INTEGER: Final = 6755399441055744.0  # 1.5 * 2^52: a sum with it has the nearest integer in its lowest bits
_TO_NUMBER: Final = 4503599627370496.0  # 2^52
_LARGEST: Final = 700.0  # of an exponent
_MANTISSA: Final = np.uint64(0x000FFFFFFFFFFFFF)
_ONE_BITS: Final = np.uint64(0x3FF0000000000000)
_TO_NUMBER_BITS: Final = np.uint64(0x4330000000000000)
_BIAS: Final = np.uint64(1023)
_EXPONENT: Final = np.uint64(52)  # position of the exponent

_L1: Final = 6.666666666666735130e-01
_L2: Final = 3.999999999940941908e-01
_L3: Final = 2.857142874366239149e-01
_L4: Final = 2.222219843214978396e-01
_L5: Final = 1.818357216161805012e-01
_L6: Final = 1.531383769920937332e-01
_L7: Final = 1.479819860511658591e-01
_P1: Final = 1.66666666666666019037e-01
_P2: Final = -2.77777777770155933842e-03
_P3: Final = 6.61375632143793436117e-05
_P4: Final = -1.65339022054652515390e-06
_P5: Final = 4.13813679705723846039e-08


@compiled()
def take_logarithms(water: Record) -> None:
    """Write the natural logarithms of ``water.wetness``, which are positive and not denormal, to ``log_wetness``."""
    for i in range(N_POWER):
        bits = np.float64(water.wetness[i]).view(np.uint64)
        exponent = np.uint64((bits >> _EXPONENT) | _TO_NUMBER_BITS).view(np.float64) - (_TO_NUMBER + 1023.0)
        mantissa = np.uint64((bits & _MANTISSA) | _ONE_BITS).view(np.float64)
        is_upper = mantissa > _SQRT2
        f = (0.5 * mantissa if is_upper else mantissa) - 1.0
        k = exponent + 1.0 if is_upper else exponent
        s = f / (2.0 + f)
        z = s * s
        r = z * (_L1 + z * (_L2 + z * (_L3 + z * (_L4 + z * (_L5 + z * (_L6 + z * _L7))))))
        half = 0.5 * f * f
        water.log_wetness[i] = k * _LN2_HIGH - ((half - (s * (half + r) + k * _LN2_LOW)) - f)


@compiled()
def take_exponentials(water: Record) -> None:
    """Replace ``water.power`` by its exponentials; arguments beyond -700 and 700 are set to these."""
    for i in range(N_POWER):
        x = min(_LARGEST, max(-_LARGEST, water.power[i]))
        shifted = x * _PER_LN2 + _TO_INTEGER
        k = shifted - _TO_INTEGER
        high = x - k * _LN2_HIGH
        low = k * _LN2_LOW
        r = high - low
        t = r * r
        c = r - t * (_P1 + t * (_P2 + t * (_P3 + t * (_P4 + t * _P5))))
        scale = np.uint64((np.float64(shifted).view(np.uint64) + _BIAS) << _EXPONENT).view(np.float64)
        water.power[i] = (1.0 - ((low - (r * c) / (2.0 - c)) - high)) * scale
