"""``landda curvelet``: decompose images into curvelets, and examine the transform itself."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

app = typer.Typer(no_args_is_help=True, help="Curvelets: decompose an image, draw the frame, print its guarantees.")


class Finest(StrEnum):
    """Kinds of the finest scale."""

    curvelets = "curvelets"
    wavelets = "wavelets"


class Boundary(StrEnum):
    """Boundary condition of the image."""

    none = "none"
    reflect = "reflect"
    double_fourier_sphere = "double_fourier_sphere"


_Finest = Annotated[Finest, typer.Option(help="Functions at the finest scale: curvelets or wavelets.")]
_Boundary = Annotated[Boundary, typer.Option(help="Boundary condition of the image.")]
_Scales = Annotated[int | None, typer.Option(help="Number of scales; default: from the size of the image.")]
_Angles = Annotated[int, typer.Option(help="Number of angles at the coarsest directional scale.")]


@app.command()
def decompose(
    file: Annotated[Path, typer.Argument(metavar="IMAGE", help="netCDF image of soil moisture, m3 m-3.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="PNG file to write.")] = Path("decomposition.png"),
    variable: Annotated[str | None, typer.Option(help="Variable of IMAGE; by default its only image.")] = None,
    finest: _Finest = Finest.curvelets,
    boundary: _Boundary = Boundary.none,
    scales: _Scales = None,
    angles: _Angles = 16,
) -> None:
    """Draw an image, its modes, partial sums of the modes, and the energy by direction.

    Cells without a value (ocean) are set to the mean of the others before the transform and stay empty in the figure.
    The energy of every scale is printed.
    """
    import numpy as np

    from landda_hpc.curvelet import Curvelet2D
    from landda_hpc.formats.cf.image import read_image
    from landda_hpc.studies.curvelet_plots import Rose, draw_decomposition

    image = read_image(file, variable)
    known = np.isfinite(image.values)
    mean = float(image.values[known].mean())
    anomaly = np.where(known, image.values - mean, 0.0)
    frame = Curvelet2D(anomaly.shape, angles, finest.value, scales, boundary=boundary.value)
    coefficients = frame.forward(anomaly)
    modes = frame.scales(anomaly)
    modes[0] += mean
    roses = []
    for scale in range(1, frame.n_scales):
        if frame.angles[scale] > 1:
            directions, energies = frame.rose(coefficients, scale)
            roses.append(Rose(scale, directions, energies / energies.sum()))
    wedges = frame.wedge_energies(coefficients)
    blocks_of = [[i for i, b in enumerate(frame.blocks) if b.scale == scale] for scale in range(frame.n_scales)]
    shares = np.array([wedges[mine].sum() for mine in blocks_of]) / wedges.sum()
    draw_decomposition(image.values, modes, shares, image.grid, output, roses, f"{image.variable} in {file.name}")

    table = Table(
        title=f"{frame.shape[0]} x {frame.shape[1]} image, its mean {mean:.4f} m3 m-3 removed", title_justify="left"
    )
    for heading in ("mode", "wedges", "coefficients", "energy, %", "main direction"):
        table.add_column(heading, justify="right")
    for scale, mine in enumerate(blocks_of):
        rose = next((r for r in roses if r.scale == scale), None)
        table.add_row(
            str(scale + 1),
            str(frame.angles[scale]),
            str(sum(frame.blocks[i].var_size * frame.blocks[i].multiplicity for i in mine)),
            f"{100.0 * shares[scale]:.2f}",
            f"{rose.directions[np.argmax(rose.shares)]:.0f}° from east" if rose is not None else "",
        )
    console = Console()
    console.print(table)
    console.print(f"Written: {output}", highlight=False)


@app.command()
def tiling(
    output: Annotated[Path, typer.Option("--output", "-o", help="PNG file to write.")] = Path("tiling.png"),
    shape: Annotated[tuple[int, int], typer.Option(help="Rows and columns of the images.")] = (128, 256),
    finest: _Finest = Finest.curvelets,
    scales: _Scales = None,
    angles: _Angles = 16,
) -> None:
    """Draw the windows of scales and wedges in the wavenumber plane, and one curvelet of each scale."""
    from landda_hpc.curvelet import Curvelet2D
    from landda_hpc.studies.curvelet_plots import draw_tiling

    frame = Curvelet2D(shape, angles, finest.value, scales)
    atoms = []
    for scale in range(frame.n_scales):
        wedges = [b for b in frame.blocks if b.scale == scale]
        block = wedges[len(wedges) // 8]
        name = f"scale {scale}" + (f", wedge {block.wedge} of {frame.angles[scale]}" if frame.angles[scale] > 1 else "")
        atoms.append((name, frame.atom(scale, block.wedge, (block.shape[0] // 2, block.shape[1] // 2))))
    title = f"Curvelets of {shape[0]} x {shape[1]} images: {frame.n_scales} scales, {frame.angles} wedges"
    draw_tiling(*frame.frequency_tiling(), atoms, output, title)
    Console().print(f"{frame}\nWritten: {output}", highlight=False)


@app.command()
def guarantees(
    seed: Annotated[int, typer.Option(help="Seed of the random images.")] = 0,
) -> None:
    """Measure the guarantees of the transform: exactness, single precision, reproducible bits, variances, leakage.

    The errors are maxima over odd, even, prime, square and oblong images, both finest scales and all boundaries.
    """
    from landda_hpc.curvelet.guarantees import measure_guarantees

    table = Table(title="largest error found", title_justify="left")
    for heading in ("", "measured", "promised"):
        table.add_column(heading, justify="right" if heading else "left")
    found = measure_guarantees(seed)
    for item in found:
        table.add_row(item.name, f"{item.measured:.1e}" if item.measured else "0", item.promise)
    Console().print(table)
    if not all(item.is_kept for item in found):
        raise typer.Exit(1)
