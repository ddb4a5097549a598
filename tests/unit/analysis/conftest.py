"""What the tests of the analysis share."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from landda_hpc.analysis.protocol import ImagePair, MemberSums
from landda_hpc.constants import BoolArray, FloatArray
from landda_hpc.parallel.communicator import SerialCommunicator
from landda_hpc.parallel.reduction import MemberReduction


@pytest.fixture
def members() -> Callable[[int], MemberSums]:
    """So many realisations, all on this process."""
    return lambda n: MemberReduction(SerialCommunicator(), n)


@pytest.fixture
def pair_of() -> Callable[..., ImagePair]:
    """A pair with given innovations, observed in the given cells."""

    def make(innovation: FloatArray, observed: BoolArray, domain: BoolArray, time_key: str = "t") -> ImagePair:
        background = np.where(domain, 0.25, np.nan)
        return ImagePair(background, np.where(observed, 0.25 + innovation, np.nan), domain, time_key)

    return make
