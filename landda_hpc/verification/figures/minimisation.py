"""Figure of the cost function and its gradient over the iterations of a minimisation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from matplotlib.ticker import MaxNLocator

from landda_hpc.errors import DataError
from landda_hpc.verification.figures import appearance
from landda_hpc.verification.run_styles import run_styles
from landda_hpc.verification.tables.score_records import parse_json_lines


@dataclass(frozen=True)
class KnownMinimisation:
    """Published or otherwise known values of a minimisation.

    Attributes
    ----------
    source : source of the values, for the legends.
    costs : pairs of iteration and cost function.
    iterations : number of iterations of the minimisation.
    """

    source: str
    costs: Sequence[tuple[int, float]]
    iterations: int


@dataclass(frozen=True)
class MinimisationRecord:
    """One minimisation.

    Attributes
    ----------
    cost : J at the start and after every iteration.
    gradient_norm : norm of the gradient, same length.
    parts : terms of J by name, same length each; may be empty.
    """

    cost: Sequence[float]
    gradient_norm: Sequence[float]
    parts: Mapping[str, Sequence[float]]

    @classmethod
    def from_diagnostics(cls, diagnostics: Mapping[str, float | list[float]]) -> MinimisationRecord:
        """Return the minimisation in the diagnostics of an analysis (or a line of ``cycles.jsonl``).

        Raises
        ------
        DataError : the diagnostics do not contain a minimisation.
        """
        lists = {key: value for key, value in diagnostics.items() if isinstance(value, list)}
        if not {"cost", "gradient_norm"} <= set(lists):
            raise DataError(
                f"no minimisation in the diagnostics ({', '.join(diagnostics) or 'empty'}): 'cost' and "
                "'gradient_norm' are recorded by the var3d methods."
            )
        parts = {key.removeprefix("cost_"): value for key, value in lists.items() if key.startswith("cost_")}
        return cls(lists["cost"], lists["gradient_norm"], {k: v for k, v in parts.items() if any(x > 0.0 for x in v)})


def read_minimisations(
    cycles: Path, since: datetime | None = None
) -> tuple[datetime | None, dict[str, MinimisationRecord]]:
    """Read the minimisations of one time from a campaign's ``cycles.jsonl``: the first time from ``since`` on.

    Returns
    -------
    The time, and the minimisation of each run at that time; (None, {}) if there is none.

    Raises
    ------
    MissingFileError, DataError : the file does not exist, or has a malformed line.
    """
    found: dict[datetime, dict[str, MinimisationRecord]] = {}
    for plain, where in parse_json_lines(cycles):
        if isinstance(plain.get("cost"), list):
            try:
                time, run = datetime.fromisoformat(plain["time"]), str(plain["run"])
            except (KeyError, TypeError, ValueError) as error:
                raise DataError(f"{where}: a minimisation without time or run ({error!r}).") from error
            found.setdefault(time, {})[run] = MinimisationRecord.from_diagnostics(plain)
    times = sorted(time for time in found if since is None or time >= since)
    return (times[0], found[times[0]]) if times else (None, {})


def draw_minimisation(
    records: Mapping[str, MinimisationRecord],
    path: Path,
    *,
    known: KnownMinimisation | None = None,
    tolerance: float | None = None,
    title: str = "Minimisation of the cost function",
) -> None:
    """Draw cost (left) and norm of the gradient (right) over the iterations; one PNG.

    Parameters
    ----------
    records : records by run. For one record the terms of the cost are also drawn; for several records the cost is
        shown as a fraction of its start if the starts differ by more than a factor of 20.
    path : file of the PNG.
    known : values to be marked.
    tolerance : tolerance of the gradient, drawn as a dashed line.

    Raises
    ------
    DataError : there is nothing to draw, or cost and gradient of a record differ in length.
    StorageError : the file cannot be written.
    """
    if not records or any(len(r.cost) != len(r.gradient_norm) or not r.cost for r in records.values()):
        raise DataError(f"no minimisation to draw in '{path}', or cost and gradient of different length.")
    figure = appearance.new_figure(9.6, 3.9, title, is_placed=True)
    left, right = figure.subplots(1, 2)
    appearance.place_panels(figure, left=0.78, right=0.2, top=0.56, bottom=0.5, column_gap=0.8)
    styles = run_styles(records)
    starts = [r.cost[0] for r in records.values()]
    is_share = max(starts) > 20.0 * max(min(starts), 1e-300) and known is None
    for name, record in records.items():
        iterations = range(len(record.cost))
        colour = styles[name][0]
        scale = 1.0 / record.cost[0] if is_share and record.cost[0] > 0.0 else 1.0
        n = len(record.cost) - 1
        end = f"{record.cost[0]:.4g} to {record.cost[-1]:.4g}, {n} iteration{'' if n == 1 else 's'}"
        left.plot(
            iterations,
            [scale * c for c in record.cost],
            color=colour,
            linewidth=1.5,
            marker="o",
            markersize=3.0,
            label=f"{name}: {end}",
        )
        right.semilogy(iterations, record.gradient_norm, color=colour, linewidth=1.5, marker="o", markersize=3.0)
        if len(records) == 1:
            for (part, values), dash in zip(record.parts.items(), ("--", ":", "-."), strict=False):
                left.plot(iterations, values, color=colour, linestyle=dash, linewidth=1.2, label=f"{part} term")
    if known is not None:
        left.plot(*zip(*known.costs, strict=True), "D", color="black", markersize=5.0, label=known.source)
        right.axvline(known.iterations, color="black", linewidth=1.0, label=f"{known.source}: {known.iterations}")
        right.legend(fontsize=appearance.SMALL_FONT, frameon=False, loc="center left")
    if tolerance is not None:
        right.axhline(tolerance, color=appearance.INK, linestyle="--", linewidth=0.8)
    left.set_ylim(bottom=0.0)
    left.legend(fontsize=appearance.SMALL_FONT, frameon=False)
    for ax, text, label in (
        (left, "(a)", "cost function" + (" / its start" if is_share else "")),
        (right, "(b)", "norm of its gradient"),
    ):
        appearance.panel_title(ax, text)
        ax.set_xlabel("iteration", fontsize=appearance.FONT)
        ax.set_ylabel(label, fontsize=appearance.FONT)
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        ax.tick_params(labelsize=appearance.SMALL_FONT, length=2.5, width=0.6)
        ax.grid(visible=True, color="#888888", linewidth=0.3, alpha=0.5)
    appearance.save(figure, path)
