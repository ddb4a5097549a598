"""Context in which sections of methods and error models are built."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from landda_hpc.config.frame import FrameConfig
from landda_hpc.constants import FloatArray
from landda_hpc.formats.cf.image import read_image
from landda_hpc.grid import Grid
from landda_hpc.methods.base.curvelet_frame import make_frame
from landda_hpc.parallel.communicator import Communicator
from landda_hpc.parallel.pieces import PieceSharing
from landda_hpc.parallel.reduction import MemberReduction
from landda_hpc.regridding.regrid import Regridder

if TYPE_CHECKING:
    from landda_hpc.curvelet.backends import Frame


@dataclass(frozen=True, eq=False)
class MethodContext:
    """Grid, processes, seed and data of a method.

    Attributes
    ----------
    grid : the model grid.
    root_group : processes that share the images.
    seed : of the campaign; keys every random number.
    data_root : folder of external data.
    has_referee : whether the campaign has a referee, whose images the pairs of its analyses hold.
    """

    grid: Grid
    root_group: Communicator
    seed: int
    data_root: Path = Path()
    has_referee: bool = False

    def frame(self, config: FrameConfig) -> Frame:
        """Return the curvelet frame of a section on the model grid; ConfigError if its backend is not installed."""
        return make_frame(config, self.grid)

    def members(self, number: int) -> MemberReduction:
        """Distribution of a number of perturbed images over the root group."""
        return MemberReduction(self.root_group, number)

    def sharing(self) -> PieceSharing:
        """Distribution of independent pieces of a computation over the root group."""
        return PieceSharing(self.root_group)

    def std(self, value: float | Path) -> float | FloatArray:
        """Return a number, or the map in a file under ``data_root``, interpolated to the model grid if necessary.

        Raises
        ------
        MissingFileError, DataError : the file does not exist, or is not an image in m3 m-3.
        """
        if not isinstance(value, Path):
            return value
        image = read_image(self.data_root / value)
        if image.grid.same_points(self.grid):
            return image.values
        regridded: FloatArray = Regridder(image.grid, self.grid, "bilinear")(image.values)
        return regridded
