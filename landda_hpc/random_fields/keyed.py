"""Random numbers keyed by their purpose, so that no draw depends on rank, order or history."""

from __future__ import annotations

import hashlib

import numpy as np


def keyed_generator(seed: int, *key: str | int) -> np.random.Generator:
    """Return the random generator of a purpose.

    Parameters
    ----------
    seed : the campaign's seed.
    key : purpose of the numbers, e.g. ``("observation error", "2022-06-02T06:00", member)``. The same key
        always gives the same numbers; different keys give independent streams.

    Notes
    -----
    Local: no communication. Philox4x64 is counter-based (Salmon et al. 2011, SC'11); its 128-bit key is
    the BLAKE2b digest of seed and key, which makes streams distinct for all practical purposes.
    """
    text = "\x1f".join([str(int(seed)), *(f"{type(part).__name__}:{part}" for part in key)])
    digest = hashlib.blake2b(text.encode(), digest_size=16).digest()
    return np.random.Generator(np.random.Philox(key=int.from_bytes(digest, "little")))
