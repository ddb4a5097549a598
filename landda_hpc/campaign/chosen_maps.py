"""Maps of chosen runs, times, images and layers of a campaign."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from landda_hpc.campaign.depths import layer_folder
from landda_hpc.campaign.final_report import default_times
from landda_hpc.config import Run
from landda_hpc.errors import ConfigError, DataError
from landda_hpc.instances.domain import depth_name
from landda_hpc.storage.campaign_folder import CampaignFolder
from landda_hpc.storage.image_files import list_images
from landda_hpc.verification.figures.figure_style import MapKind

if TYPE_CHECKING:
    from landda_hpc.constants import FloatArray
    from landda_hpc.verification.figures.map_layout import Kind
    from landda_hpc.verification.figures.report_figures import MapFrame

MINUS = " minus "


@dataclass(frozen=True)
class MapChoice:
    """The maps to draw; an empty field selects those of the campaign's report.

    Attributes
    ----------
    runs : names.
    times : as text, e.g. 2022-06-02T06, or 'all'.
    variables : names of images, or 'a minus b'.
    layer : a scored layer, e.g. '10-40 cm'; the observed one if empty.
    """

    runs: Sequence[str] = ()
    times: Sequence[str] = ()
    variables: Sequence[str] = ()
    layer: str = ""


@dataclass(frozen=True)
class StoredImages:
    """Images of a campaign that can be drawn.

    Attributes
    ----------
    by_run : files by run and time.
    layers : scored layers that have separate images.
    variables : images in the first and last files of the chosen layer.
    """

    by_run: Mapping[str, Mapping[datetime, Path]]
    layers: Sequence[str] = field(default_factory=tuple)
    variables: Sequence[str] = field(default_factory=tuple)


def stored_images(
    folder: CampaignFolder,
    runs: Sequence[Run],
    observed_m: tuple[float, float],
    scored_m: Sequence[tuple[float, float]],
    layer: str = "",
) -> StoredImages:
    """Find the images of a campaign. Local.

    Parameters
    ----------
    observed_m, scored_m : observed depth and scored layers, m.
    layer : name of the layer whose images are looked at; the observed one if empty.

    Raises
    ------
    ConfigError : no such layer, or it has no images.
    DataError : the campaign has no images, or the newest of them cannot be read.
    """
    from landda_hpc.verification.figures.image_set import read_images

    observed = depth_name(observed_m)
    scored = [depth_name(depth) for depth in scored_m]
    layers = [name for name in scored if layer_folder(folder.images, name).is_dir()]
    place = folder.images
    if layer and layer.replace(" ", "") != observed.replace(" ", ""):
        known = {name.replace(" ", ""): name for name in layers}
        if layer.replace(" ", "") not in known:
            hint = "" if layers else " Images of scored layers are written with output.layers: true."
            raise ConfigError(f"--layer {layer}: {_unknown(layer, [observed, *layers])}{hint}")
        place = layer_folder(folder.images, known[layer.replace(" ", "")])
    found = {run.name: list_images(place, run.name) for run in runs} if place.is_dir() else {}
    found = {name: files for name, files in found.items() if files}
    if not found:
        raise DataError(f"campaign '{folder.path}' has no images{' of ' + layer if layer else ''} to draw.")
    # The last time may be of the free forecast, which has other images than an analysis.
    looked_at = [path for files in found.values() for path in (min(files.items())[1], max(files.items())[1])]
    variables = dict.fromkeys(name for path in looked_at for name in read_images(path)[0].images)
    return StoredImages(found, [observed, *(n for n in layers if n != observed)], tuple(variables))


def draw_chosen(
    stored: StoredImages,
    choice: MapChoice,
    window: tuple[datetime, datetime],
    frame: MapFrame,
    output: Path,
    kind: MapKind = "maps",
) -> Iterator[Path]:
    """Draw one figure of maps for each chosen run and time. Local.

    The bands of differences and increments are those that fit all runs at the times of the report, whatever is chosen.

    Parameters
    ----------
    stored : images of the chosen layer.
    window : first and last analysis time that counts.
    frame : what all maps have in common.
    output : folder of the figures; made if it is missing.
    kind : which maps; images without an increment, or without a panel of regions, are left out.

    Yields
    ------
    Each figure when it is complete; its files have the suffixes of the formats.

    Raises
    ------
    ConfigError : a run, time or variable that the campaign does not have; says which there are.
    DataError, StorageError : an image cannot be read, a figure not be written.
    """
    from landda_hpc.regions import GLOBE
    from landda_hpc.verification.figures.image_set import read_images
    from landda_hpc.verification.figures.maps import MapStyle, common_reach, default_panels, draw_maps, reach_of
    from landda_hpc.verification.figures.report_figures import REGIONAL
    from landda_hpc.verification.statistics.region_windows import covers

    def load(run: str, time: datetime) -> tuple[dict[str, FloatArray], Sequence[str]]:
        images = dict(read_images(stored.by_run[run][time])[0].images)
        if choice.variables:
            return images, [_panel(name, tuple(images), f"{run} at {_words(time)}") for name in choice.variables]
        if kind == "maps":
            return images, default_panels(images)
        return images, [name for name in (("increment",) if kind == "increments" else REGIONAL) if name in images]

    def reach(of: Sequence[tuple[str, datetime]]) -> dict[Kind, float]:
        found = []
        for run, time in of:
            images = read_images(stored.by_run[run][time])[0].images
            panels = choice.variables or default_panels(images)
            known = [name for name in panels if all(part in images for part in name.split(MINUS))]
            found.append(reach_of(images, frame.ground.land, known))
        return common_reach(found)

    runs = [_known("--run", name, list(stored.by_run)) for name in choice.runs] or list(stored.by_run)
    wanted = [(run, time) for run in runs for time in _times(choice.times, stored.by_run[run], window)]
    layer = choice.layer or frame.layer
    for run, time in wanted:
        load(run, time)  # names that do not exist are reported before anything is drawn
    of_report = [(run, time) for run, files in stored.by_run.items() for time in default_times(files, window)]
    bands = reach(wanted) | reach(of_report)
    covered = tuple(region for region in frame.regions if covers(frame.ground.grid, region))
    regions = covered if kind == "regions" else (GLOBE,)
    what = f"{'Increment of soil moisture' if kind == 'increments' else 'Soil moisture'} {layer}"
    for run, time in wanted:
        images, panels = load(run, time)
        begin = {"maps": "map", "increments": "increments", "regions": "regions"}[kind]
        name = f"{begin}_{run}{'_' + layer.replace(' ', '') if choice.layer else ''}_{time:%Y%m%dT%H}.png"
        if panels and regions:
            style = MapStyle(f"{what}, {run}", time, reach=bands)
            draw_maps(images, frame.ground, output / name, style, panels=panels, regions=regions)
            yield output / name


def _times(asked: Sequence[str], stored: Mapping[datetime, Path], window: tuple[datetime, datetime]) -> list[datetime]:
    """The requested times, or those of the report if none is given."""
    if not asked:
        return default_times(stored, window)
    if "all" in asked:
        return list(stored)
    return sorted({_time(text, list(stored)) for text in asked})


def _time(text: str, stored: Sequence[datetime]) -> datetime:
    try:
        time = datetime.fromisoformat(text.removesuffix("Z"))
    except ValueError as error:
        raise ConfigError(f"--time {text}: expected a time as 2022-06-02T06, UTC, or all") from error
    if time.tzinfo is not None:
        raise ConfigError(f"--time {text}: times are UTC and carry no offset: write 2022-06-02T06")
    if time not in stored:
        nearest = min(stored, key=lambda one: abs(one - time))
        raise ConfigError(
            f"--time {text}: no images exist at that time; the nearest of {len(stored)} times is "
            f"{_words(nearest)}. List them with --list."
        )
    return time


def _panel(name: str, images: Sequence[str], of: str) -> str:
    try:
        parts = [_known("--variable", part.strip(), images) for part in name.split(MINUS)]
    except ConfigError as error:
        raise ConfigError(f"{error} These are the images of {of}; list others with --list.") from error
    if len(parts) > 2:
        raise ConfigError(f"--variable {name}: expected one image, or 'a minus b'")
    return MINUS.join(parts)


def _known(option: str, name: str, known: Sequence[str]) -> str:
    if name not in known:
        raise ConfigError(f"{option} {name}: {_unknown(name, known)}")
    return name


def _unknown(name: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    hint = f" Did you mean '{close[0]}'?" if close else ""
    return f"'{name}' is not one of {', '.join(known)}.{hint}"


def listed(stored: StoredImages) -> list[str]:
    """Lists of runs, times, variables and layers that can be drawn, one line each."""
    lines = []
    for run, files in stored.by_run.items():
        times = list(files)
        steps = {later - earlier for earlier, later in pairwise(times)}
        if len(times) > 6 and len(steps) == 1:
            hours = steps.pop().total_seconds() / 3600.0
            words = f"{_words(times[0])}, every {hours:g} h, to {_words(times[-1])} ({len(times)} times)"
        else:
            words = ", ".join(_words(time) for time in times)
        lines.append(f"run {run}: {words}")
    lines.append(f"variables: {', '.join(stored.variables)}; differences as 'analysis minus observation'")
    lines.append(f"layers: {', '.join(stored.layers)}")
    return lines


def _words(time: datetime) -> str:
    return f"{time:%Y-%m-%dT%H}"
