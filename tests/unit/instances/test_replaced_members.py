"""The rule by which failed members of an ensemble are replaced."""

from __future__ import annotations

import pytest

from landda_hpc.config import METHODS
from landda_hpc.errors import ModelError
from landda_hpc.instances.colm_models import replacements
from landda_hpc.instances.instance import bare_instances

ENSEMBLE = {"members": 10, "forcing": None}
RUNS = [METHODS.make("control"), METHODS.make("control", ensemble=ENSEMBLE).model_copy(update={"name": "e"})]
INSTANCES = bare_instances(RUNS, has_nature=True)


def test_a_failed_member_takes_the_state_of_the_next_that_did_not_fail() -> None:
    failed = {"e_003": "why", "e_004": "why"}
    assert replacements(INSTANCES, failed) == {"e_003": "e_005", "e_004": "e_005"}
    assert replacements(INSTANCES, {"e_010": "why"}) == {"e_010": "e_001"}


def test_more_than_a_fifth_is_an_error_with_the_first_reason() -> None:
    with pytest.raises(
        ModelError, match=r"3 of 10 members of 'e' failed; at most 20% are replaced\. The first: no disk"
    ):
        replacements(INSTANCES, {"e_001": "no disk", "e_002": "b", "e_009": "c"})
