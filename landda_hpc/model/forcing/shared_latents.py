"""Latent images of weather, each computed by one rank of a group and given to all ranks for their own cells.

The same holds for the fields by which the weather of members is perturbed.

Every rank would otherwise compute every image. A synthesis cannot be restricted to the rows that a rank needs, because
the bits of a row depend on the rows that are transformed with it. Complete images are therefore distributed over the
ranks in time: an image depends on the valid time alone, so that ranks can compute later ones in advance. A rank
computes successive steps, because they share most of their innovations.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np

from landda_hpc.model.forcing.latent import EPOCH, STEP
from landda_hpc.parallel.together import together

if TYPE_CHECKING:
    from landda_hpc.constants import FloatArray, IntArray
    from landda_hpc.parallel.communicator import Communicator

_STEPS: Final = 8
_STEPS_OF_GROUP: Final = 64
"""Smallest number of successive steps that a rank, and a group, compute at a time. The first of a rank need all
innovations of their moving average, which take as long as eight steps."""

_BYTES: Final = 64_000_000
"""Largest size of what a rank sends at a time, and of what it keeps of one block."""


class Images(Protocol):
    """Images that depend on their name and the step alone."""

    @property
    def names(self) -> tuple[str, ...]: ...

    def one(self, name: str, step: int) -> FloatArray:
        """The image of a name at a step (``latent.step_number``), (n_lat, n_lon). Local."""
        ...


class SharedLatents:
    """Latent fields in the cells of this rank.

    Parameters
    ----------
    latents : computes an image.
    group : ranks that share the work.
    cells : flat indices of the cells of every rank of the group, in rank order.
    n_alike : number of such objects of the group, which share the largest size of a block.
    """

    def __init__(self, latents: Images, group: Communicator, cells: Sequence[IntArray], n_alike: int = 1) -> None:
        self._latents, self._group, self._cells = latents, group, cells
        of_step = 8 * len(latents.names) * sum(mine.size for mine in cells)
        wanted = max(_STEPS, _STEPS_OF_GROUP // group.size)
        self._steps = max(1, min(wanted, _BYTES // max(n_alike * of_step, 1)))
        self._origin: int | None = None
        self._blocks: dict[int, dict[str, FloatArray]] = {}

    def prepare_period(self, start: datetime, end: datetime, margin: int = 0) -> None:
        """Compute the images of a period and of some steps before and after it; see ``prepare``. Collective."""
        self.prepare(range((start - EPOCH) // STEP - margin, -((EPOCH - end) // STEP) + margin))

    def prepare(self, steps: Iterable[int]) -> None:
        """Compute the images of steps, and of later ones as many as make a block. Collective over the group.

        Blocks of other steps are released.
        """
        asked = sorted(steps)
        if self._origin is None and asked:
            self._origin = asked[0]
        wanted = sorted({(step - self._first) // self._in_block for step in asked})
        self._blocks = {n: self._blocks[n] if n in self._blocks else self._make(n) for n in wanted}

    def one(self, name: str, step: int) -> FloatArray | None:
        """A field at a step in the rank's cells, (n_cells,); None if the step was not prepared."""
        number, within = divmod(step - self._first, self._in_block)
        block = self._blocks.get(number)
        return None if block is None else block[name][within]

    @property
    def _first(self) -> int:
        """The step with which the first block begins: the first that was asked for."""
        return 0 if self._origin is None else self._origin

    @property
    def _in_block(self) -> int:
        return self._steps * self._group.size

    def _make(self, number: int) -> dict[str, FloatArray]:
        """A block of steps, of which each rank computes successive ones; by name, (n_steps, n_cells)."""
        first = self._first + number * self._in_block + self._group.rank * self._steps
        names = self._latents.names
        outgoing: list[FloatArray] = []
        with together(self._group, "computing the weather"):
            given = [np.empty((len(names), self._steps, of_rank.size)) for of_rank in self._cells]
            for i, name in enumerate(names):
                for k in range(self._steps):
                    image = self._latents.one(name, first + k).ravel()
                    for values, of_rank in zip(given, self._cells, strict=True):
                        values[i, k] = image[of_rank]
            outgoing = given
        size, mine = self._group.size, self._cells[self._group.rank].size
        counts = dict.fromkeys(range(size), len(names) * self._steps * mine)
        received = self._group.exchange(dict(enumerate(outgoing)), counts).reshape(size, len(names), self._steps, mine)
        return {name: received[:, i].reshape(size * self._steps, mine) for i, name in enumerate(names)}
