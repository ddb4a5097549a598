"""Memory of analysis methods: every bit comes back, and the digest knows of it."""

from __future__ import annotations

import json

import numpy as np
import pytest

from landda_hpc.errors import StorageError
from landda_hpc.storage.method_memory import KEY, decode_memory, encode_memory


def test_memory_survives_json_bit_for_bit() -> None:
    rng = np.random.default_rng(1)
    memory = {
        "a": {"mean": rng.normal(size=(3, 4)), "count": np.array([0.0, -0.0, np.nan, np.inf])},
        "b": {"x": np.zeros(())},
    }
    records = json.loads(json.dumps({KEY: encode_memory(memory)}))
    back = decode_memory(records)
    assert set(back) == {"a", "b"}
    for run, arrays in memory.items():
        for name, array in arrays.items():
            assert back[run][name].shape == array.shape and back[run][name].tobytes() == array.tobytes()
    assert decode_memory({}) == {}


def test_malformed_memory_is_told() -> None:
    for bad in (
        {"a": {"m": {"shape": [2], "float64": "AAAA"}}},
        {"a": {"m": 3}},
        {"a": {"m": {"shape": [1], "float64": "!"}}},
    ):
        with pytest.raises(StorageError, match="malformed"):
            decode_memory({KEY: bad})
