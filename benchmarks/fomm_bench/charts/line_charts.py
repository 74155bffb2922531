"""Throughput over the batch size; latency, and how many times as fast as the reference, over the frame's size."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fomm_bench.charts.style import FAINT, chart, colour_of, log_ticks, save, short
from fomm_bench.results.run_result import ContestantResult, Results
from fomm_bench.results.samples import Spread, spread_of
from fomm_bench.results.table import by_speed

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ROWS = 7.5
LINE_HEIGHT = 0.07
"""Of a label, as a share of the axes."""

SIZES_NOTE = "each size is a run of its own"


@dataclass(frozen=True, eq=False)
class Line:
    """One contestant's figures.

    Attributes:
        contestant: Whose they are.
        run: Where its name and colour are from.
        points: x to the figure there; at least one.
    """

    contestant: ContestantResult
    run: Results
    points: dict[int, Spread]

    @property
    def end(self) -> int:
        """Its last x."""
        return max(self.points)


def draw_throughput(run: Results, folder: Path, name: str) -> list[Path]:
    """Frames per second over the batch size, of the median round; least and largest as a line. Returns the files."""
    lines = [Line(c, run, c.throughput or _single(c)) for c in by_speed(run)]
    sizes = sorted({size for line in lines for size in line.points})
    note = "median, least and largest of the rounds; a lone dot takes one frame at a time"
    with chart(ROWS, "Frames per second over batch size", run, note) as (figure, axes):
        _for_lines(axes)
        axes.set_xscale("log", base=2)
        axes.set_xticks(sizes, [f"batch {size}" for size in sizes])
        axes.minorticks_off()
        axes.set_xlim(sizes[0] * 0.94, sizes[-1] * 1.06)
        axes.set_ylim(0, _highest(lines) * 1.06)
        _draw_lines(axes, lines)
        return save(figure, folder, name)


def draw_scaling(runs: Sequence[Results], folder: Path, name: str) -> list[Path]:
    """Median latency over the size, of runs of one model and machine, the smallest first; returns the files."""
    lines = _over_runs(runs, lambda _run, c: None if c.latency is None else spread_of([c.latency.p50]))
    values = [spread.median for line in lines for spread in line.points.values()]
    title = "Latency of a frame over its size, p50 in ms (logarithmic)"
    with chart(ROWS, title, runs[-1], SIZES_NOTE, sized=False) as (figure, axes):
        _over_sizes(axes, runs)
        axes.set_yscale("log")
        log_ticks(axes.yaxis, min(values) * 0.85, max(values) * 1.15)
        _draw_lines(axes, lines)
        return save(figure, folder, name)


def draw_scaling_ratio(runs: Sequence[Results], folder: Path, name: str) -> list[Path]:
    """How many times as fast as the reference over the size, each ratio within its run; returns the files."""
    lines = _over_runs(runs, lambda run, contestant: run.speedup(contestant))
    if not lines:
        return []
    note = f"{SIZES_NOTE}; median, least and largest over its rounds"
    title = "Times as fast as the reference over the size of a frame"
    with chart(ROWS, title, runs[-1], note, sized=False) as (figure, axes):
        _over_sizes(axes, runs)
        axes.set_ylim(0, _highest(lines) * 1.06)
        _draw_lines(axes, lines)
        return save(figure, folder, name)


def spaced(places: Sequence[float], least: float) -> list[float]:
    """Moves places apart until none is nearer than `least` to the next, as little as one pass up and down does."""
    order = sorted(range(len(places)), key=lambda i: places[i])
    moved = [places[i] for i in order]
    for i in range(1, len(moved)):
        moved[i] = max(moved[i], moved[i - 1] + least)
    excess = max(0.0, moved[-1] - max(1.0, *places)) if moved else 0.0
    for i in reversed(range(len(moved))):
        limit = moved[i + 1] - least if i + 1 < len(moved) else moved[i] - excess
        moved[i] = min(moved[i], limit)
    return [moved[order.index(i)] for i in range(len(places))]


def _single(contestant: ContestantResult) -> dict[int, Spread]:
    latency = contestant.latency
    return {} if latency is None else {1: Spread(latency.fps, latency.fps, latency.fps)}


def _over_runs(runs: Sequence[Results], figure: Callable[[Results, ContestantResult], Spread | None]) -> list[Line]:
    """A line for every contestant of any run, its points at the sizes of the runs that have it."""
    lines: dict[str, Line] = {}
    for run in reversed(runs):
        for contestant in by_speed(run):
            spread = figure(run, contestant)
            if spread is not None:
                line = lines.setdefault(contestant.name, Line(contestant, run, {}))
                line.points[run.model["size"]] = spread
    return list(lines.values())


def _highest(lines: Sequence[Line]) -> float:
    return max(spread.high for line in lines for spread in line.points.values())


def _for_lines(axes: Axes) -> None:
    """Room for labels at the lines' right ends."""
    box = axes.get_position()
    axes.set_position((0.06, box.y0, 0.61, box.height))
    axes.grid(axis="y", color=FAINT, linewidth=0.7)
    axes.grid(visible=False, axis="x")
    axes.tick_params(axis="x", pad=6)


def _over_sizes(axes: Axes, runs: Sequence[Results]) -> None:
    """An axis of the runs' sizes, the smallest first."""
    sizes = [run.model["size"] for run in runs]
    _for_lines(axes)
    axes.set_xticks(sizes, [f"{size}×{size}" for size in sizes])
    margin = (sizes[-1] - sizes[0]) / 16
    axes.set_xlim(sizes[0] - margin, sizes[-1] + margin)


def _draw_lines(axes: Axes, lines: Sequence[Line]) -> None:
    """Every line with its name and last value: beside the axes, or where it ends before them."""
    last = max(line.end for line in lines)
    for ending_here in sorted({line.end for line in lines}):
        group = [line for line in lines if line.end == ending_here]
        ends = [(float(ending_here), line.points[ending_here].median) for line in group]
        to_axes = axes.transData + axes.transAxes.inverted()
        heights = [np.asarray(to_axes.transform(end)) for end in ends]
        left = 1.04 if ending_here == last else float(heights[0][0]) + 0.03
        places = spaced([float(height[1]) for height in heights], LINE_HEIGHT)
        for line, place in zip(group, places, strict=True):
            _draw_line(axes, line, (left, place))


def _draw_line(axes: Axes, line: Line, label_at: tuple[float, float]) -> None:
    """A line, least to largest behind each point, and its label in shares of the axes."""
    colour, is_own = colour_of(line.contestant, line.run), line.contestant.name.startswith("fomm-rt")
    width = 2.6 if is_own else 1.8
    points = [(x, line.points[x].median) for x in sorted(line.points)]
    for x, spread in line.points.items():
        axes.plot((x, x), (spread.low, spread.high), color=colour, linewidth=1.2, alpha=0.6, clip_on=False)
    axes.plot(*zip(*points, strict=True), "o-", color=colour, linewidth=width, markersize=5.5, clip_on=False, zorder=3)
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
        arrowprops={
            "arrowstyle": "-",
            "color": colour,
            "linewidth": 0.7,
            "alpha": 0.6,
            "shrinkB": 4,
            "relpos": (0, 0.5),
        },
        zorder=4,
    )
