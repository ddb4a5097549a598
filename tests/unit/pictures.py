"""What the figure tests share: a check of PNG files, and plausible images."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from landda_hpc.constants import BoolArray, FloatArray
    from landda_hpc.grid import Grid


class Pictures:
    """Functions of the figure tests."""

    @staticmethod
    def png_size(path: Path) -> tuple[int, int]:
        """Width and height of a PNG whose every chunk is whole."""
        data = path.read_bytes()
        assert data[:8] == b"\x89PNG\r\n\x1a\n"
        at, kinds = 8, []
        while at < len(data):
            (length,) = struct.unpack(">I", data[at : at + 4])
            kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
            assert struct.unpack(">I", data[at + 8 + length : at + 12 + length])[0] == zlib.crc32(kind + body)
            kinds.append(kind)
            at += 12 + length
        assert kinds[0] == b"IHDR"
        assert kinds[-1] == b"IEND"
        width, height = struct.unpack(">II", data[16:24])
        return width, height

    @staticmethod
    def example_land(grid: Grid) -> BoolArray:
        """Continents of no particular planet."""
        lon, lat = np.meshgrid(np.deg2rad(grid.lon), np.deg2rad(grid.lat))
        return np.asarray(np.sin(2.0 * lon + 1.0) * np.cos(lat) + 0.4 * np.sin(5.0 * lat) > 0.0)

    @staticmethod
    def example_images(grid: Grid, land: BoolArray, names: tuple[str, ...]) -> dict[str, FloatArray]:
        """Noisy climates, NaN over water."""
        rng = np.random.default_rng(1)
        zonal = 0.22 + 0.12 * np.cos(np.deg2rad(3.0 * grid.lat))[:, None]
        images = {name: np.where(land, zonal + 0.05 * rng.normal(size=grid.shape), np.nan) for name in names}
        if "increment" in images:
            images["increment"] = images["increment"] - zonal
        return images
