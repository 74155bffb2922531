"""Lines: throughput over the batch size; latency and ratio to the reference over the size of a frame."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fomm_bench.charts.style import FAINT, chart, colour_of, log_ticks, save, short
from fomm_bench.results.contestant_result import ContestantResult
from fomm_bench.results.run_result import RunResult
from fomm_bench.results.samples import Spread, spread_of
from fomm_bench.results.table import describe_load

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ROWS = 7.5
LINE_HEIGHT = 0.07
"""Height of a label as a share of the axes."""

SIZES_NOTE = "each size is a separate run"


@dataclass(frozen=True, eq=False)
class Line:
    """The line of one contestant: x -> figure, at least one. The run decides its colour."""

    contestant: ContestantResult
    run: RunResult
    points: dict[int, Spread]

    @property
    def end(self) -> int:
        """The last x."""
        return max(self.points)


def draw_throughput(run: RunResult, folder: Path, name: str) -> list[Path]:
    """Draws frames per second over the batch size; returns the files."""
    lines = [Line(c, run, c.throughput or {1: spread_of([c.latency.fps])}) for c in run.by_speed() if c.latency]
    sizes = sorted({size for line in lines for size in line.points})
    note = "median, smallest and largest of the rounds; a lone dot takes one frame at a time"
    with chart(ROWS, "Frames per second over batch size", run, note, load=describe_load(run, of_batches=True)) as (
        figure,
        axes,
    ):
        _make_room(axes)
        axes.set_xscale("log", base=2)
        axes.set_xticks(sizes, [f"batch {size}" for size in sizes])
        axes.minorticks_off()
        axes.set_xlim(sizes[0] * 0.94, sizes[-1] * 1.06)
        axes.set_ylim(0, _highest(lines) * 1.06)
        _draw_lines(axes, lines)
        return save(figure, folder, name)


def draw_scaling(runs: Sequence[RunResult], folder: Path, name: str) -> list[Path]:
    """Draws median latency over size, for runs of one model and machine, the smallest first; returns the files."""
    lines = _over_runs(runs, lambda _run, c: None if c.latency is None else spread_of([c.latency.p50]))
    values = [spread.median for line in lines for spread in line.points.values()]
    title = "Latency of a frame over its size, p50 in ms (logarithmic)"
    with chart(ROWS, title, runs[-1], SIZES_NOTE, sized=False, load=_load_of_any(runs)) as (figure, axes):
        _over_sizes(axes, runs)
        axes.set_yscale("log")
        log_ticks(axes.yaxis, min(values) * 0.85, max(values) * 1.15)
        _draw_lines(axes, lines)
        return save(figure, folder, name)


def draw_scaling_ratio(runs: Sequence[RunResult], folder: Path, name: str) -> list[Path]:
    """Draws the ratio to the reference over size, each within its run; returns the files, none without ratios."""
    lines = _over_runs(runs, lambda run, contestant: run.speedup(contestant))
    if not lines:
        return []
    note = f"{SIZES_NOTE}; median, smallest and largest over its rounds"
    title = "Times as fast as the reference over the size of a frame"
    with chart(ROWS, title, runs[-1], note, sized=False, load=_load_of_any(runs)) as (figure, axes):
        _over_sizes(axes, runs)
        axes.set_ylim(0, _highest(lines) * 1.06)
        _draw_lines(axes, lines)
        return save(figure, folder, name)


def spaced(places: Sequence[float], least: float) -> list[float]:
    """Moves places apart to a distance of at least `least`, in one pass up and one pass down."""
    order = sorted(range(len(places)), key=lambda i: places[i])
    moved = [places[i] for i in order]
    for i in range(1, len(moved)):
        moved[i] = max(moved[i], moved[i - 1] + least)
    excess = max(0.0, moved[-1] - max(1.0, *places)) if moved else 0.0
    for i in reversed(range(len(moved))):
        limit = moved[i + 1] - least if i + 1 < len(moved) else moved[i] - excess
        moved[i] = min(moved[i], limit)
    return [moved[order.index(i)] for i in range(len(places))]


def _over_runs(runs: Sequence[RunResult], figure: Callable[[RunResult, ContestantResult], Spread | None]) -> list[Line]:
    """A line for every contestant of any run, with a point at the size of each run that has it."""
    lines: dict[str, Line] = {}
    for run in reversed(runs):
        for contestant in run.by_speed():
            spread = figure(run, contestant)
            if spread is not None:
                line = lines.setdefault(contestant.name, Line(contestant, run, {}))
                line.points[run.model.size] = spread
    return list(lines.values())


def _load_of_any(runs: Sequence[RunResult]) -> str | None:
    loads = [(run, run.others_load()) for run in runs]
    found = [
        f"{load.median:.2f} of {run.environment.cores_of_machine} at {run.model.size}" for run, load in loads if load
    ]
    return f"cores that other processes kept busy: {', '.join(found)}" if found else None


def _highest(lines: Sequence[Line]) -> float:
    return max(spread.high for line in lines for spread in line.points.values())


def _make_room(axes: Axes) -> None:
    """Makes room for labels at the right ends of the lines."""
    box = axes.get_position()
    axes.set_position((0.06, box.y0, 0.61, box.height))
    axes.grid(axis="y", color=FAINT, linewidth=0.7)
    axes.grid(visible=False, axis="x")
    axes.tick_params(axis="x", pad=6)


def _over_sizes(axes: Axes, runs: Sequence[RunResult]) -> None:
    """Sets up an axis of the runs' sizes, the smallest first."""
    sizes = [run.model.size for run in runs]
    _make_room(axes)
    axes.set_xticks(sizes, [f"{size}×{size}" for size in sizes])
    margin = (sizes[-1] - sizes[0]) / 16
    axes.set_xlim(sizes[0] - margin, sizes[-1] + margin)


def _draw_lines(axes: Axes, lines: Sequence[Line]) -> None:
    """Draws every line with its name and last value, beside the axes or where it ends before them."""
    last = max(line.end for line in lines)
    for end in sorted({line.end for line in lines}):
        group = [line for line in lines if line.end == end]
        to_axes = axes.transData + axes.transAxes.inverted()
        ends = [np.asarray(to_axes.transform((float(end), line.points[end].median))) for line in group]
        left = 1.04 if end == last else float(ends[0][0]) + 0.03
        places = spaced([float(height) for _, height in ends], LINE_HEIGHT)
        for line, place in zip(group, places, strict=True):
            _draw_line(axes, line, (left, place))


def _draw_line(axes: Axes, line: Line, label_at: tuple[float, float]) -> None:
    """Draws a line, smallest to largest behind each point, and its label at a share of the axes."""
    colour, is_own = colour_of(line.contestant, line.run), line.contestant.name.startswith("fomm-rt")
    width = 2.6 if is_own else 1.8
    points = [(x, line.points[x].median) for x in sorted(line.points)]
    for x, spread in line.points.items():
        axes.plot((x, x), (spread.low, spread.high), color=colour, linewidth=1.2, alpha=0.6, clip_on=False)
    axes.plot(*zip(*points, strict=True), "o-", color=colour, linewidth=width, markersize=5.5, clip_on=False, zorder=3)
    arrow = {"arrowstyle": "-", "color": colour, "linewidth": 0.7, "alpha": 0.6, "shrinkB": 4, "relpos": (0, 0.5)}
    axes.annotate(
        f"{line.contestant.name}  {short(points[-1][1])}",
        points[-1],
        label_at,
        textcoords="axes fraction",
        va="center",
        fontsize=9,
        color=colour,
        fontweight="bold" if is_own else "normal",
        annotation_clip=False,
        bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1},
        arrowprops=arrow,
        zorder=4,
    )
