"""Output for all depths: images of every scored layer, and profiles at places."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from landda_hpc.constants import FloatArray
from landda_hpc.instances.domain import Domain
from landda_hpc.io.atomic import storage_errors
from landda_hpc.storage.image_files import Provenance, write_image


def layer_folder(images: Path, layer: str) -> Path:
    """Folder of the images of one scored layer: '10-40 cm' -> images/10-40cm."""
    return images / layer.replace(" ", "")


def layer_images(
    images: Path,
    depths_m: Iterable[tuple[float, float]],
    domain: Domain,
    run: str,
    time: datetime,
    layers: Mapping[str, Mapping[str, FloatArray]],
    provenance: Provenance,
) -> Iterator[Callable[[], Path]]:
    """Functions that write one file per scored layer: the run's state, and the truth of a twin. Local: a root.

    Parameters
    ----------
    depths_m : the scored layers.
    layers : by layer and name, ``forecast`` of the run after the analysis, if there was one, and ``truth`` of the
        nature run, if there is one; m3 m-3, (n_cells,).

    Raises
    ------
    StorageError : the folder cannot be made.
    """
    for layer, depth in zip(domain.depth_names, depths_m, strict=True):
        folder = layer_folder(images, layer)
        with storage_errors(folder, "making the folder"):
            folder.mkdir(exist_ok=True)
        yield partial(
            write_image,
            folder,
            run,
            domain.grid,
            time,
            {name: (domain.cells.to_image(values), {}) for name, values in layers[layer].items()},
            provenance,
            depth_m=depth,
            is_land=domain.is_land,
        )


def profile_cells(domain: Domain, places: Iterable[tuple[float, float]]) -> list[int]:
    """Numbers of the scored land cells nearest to places (degrees_north, degrees_east)."""
    row, column = np.divmod(domain.cells.cell, domain.grid.shape[1])
    lat, lon = np.radians(domain.grid.lat[row]), np.radians(domain.grid.lon[column])
    is_scored = domain.cells.from_mask(domain.is_scored)
    found = []
    for place in places:
        y, x = np.radians(place)
        nearness = np.sin(y) * np.sin(lat) + np.cos(y) * np.cos(lat) * np.cos(lon - x)
        found.append(int(np.argmax(np.where(is_scored, nearness, -2.0))))
    return found


def profile_records(
    cycle: int,
    time: datetime,
    domain: Domain,
    cells: list[int],
    owned: slice,
    states: Iterable[tuple[str, FloatArray]],
) -> Iterator[tuple[tuple[int, int], dict[str, Any]]]:
    """Lines of profiles.jsonl for the places in a root's own cells, each with the numbers of instance and place.

    Parameters
    ----------
    cells : from ``profile_cells``.
    owned : the root's own cells.
    states : instances with their cell means in these cells, after the analysis, if there was one.

    Yields
    ------
    Per place and instance: cycle, time, run ('nature' is the truth), place (its number), lat, lon (of the cell,
    degrees), water (m3 m-3, of every soil layer from the top down).
    """
    n_lon = domain.grid.shape[1]
    for of_instance, (run, rows) in enumerate(states):
        for number, cell in enumerate(cells):
            if not owned.start <= cell < owned.stop:
                continue
            row, column = divmod(int(domain.cells.cell[cell]), n_lon)
            yield (
                (of_instance, number),
                {
                    "cycle": cycle,
                    "time": time.isoformat(),
                    "run": run,
                    "place": number,
                    "lat": float(domain.grid.lat[row]),
                    "lon": float(domain.grid.lon[column]),
                    "water": [float(value) for value in domain.columns.soil(rows)[cell - owned.start]],
                },
            )
