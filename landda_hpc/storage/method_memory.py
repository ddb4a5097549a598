"""Memory of analysis methods between cycles, as text in a checkpoint's records that preserves every bit."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from landda_hpc.constants import FloatArray
from landda_hpc.errors import StorageError

KEY: Final = "memory"
"""Key in ``CheckpointHeader.records``; part of the state's digest if present."""

Memory = Mapping[str, Mapping[str, FloatArray]]
"""Arrays by run and name."""


def encode_memory(memory: Memory) -> dict[str, Any]:
    """Encode arrays as shape and base64 of their little-endian float64 bytes."""
    return {
        run: {
            name: {
                "shape": list(array.shape),
                "float64": base64.b64encode(np.ascontiguousarray(array, dtype="<f8").tobytes()).decode(),
            }
            for name, array in sorted(arrays.items())
        }
        for run, arrays in sorted(memory.items())
    }


def decode_memory(records: Mapping[str, Any]) -> dict[str, dict[str, FloatArray]]:
    """Decode the memory in a checkpoint's records; empty if there is none. StorageError if it is malformed."""
    try:
        return {
            run: {
                name: np.frombuffer(base64.b64decode(entry["float64"], validate=True), dtype="<f8")
                .astype(np.float64)
                .reshape(entry["shape"])
                for name, entry in arrays.items()
            }
            for run, arrays in records.get(KEY, {}).items()
        }
    except (KeyError, TypeError, AttributeError, ValueError, binascii.Error) as error:
        raise StorageError(f"the checkpoint's memory of analysis methods is malformed: {error!r}.") from error
