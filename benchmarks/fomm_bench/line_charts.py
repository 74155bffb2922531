"""Throughput over the batch size, and latency over the frame's size."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fomm_bench.chart_style import FAINT, chart, colour_of, log_ticks, save, short
from fomm_bench.results import ContestantResult, Results
from fomm_bench.table import by_speed, throughput

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ROWS = 7.5
LINE_HEIGHT = 0.07
"""Of a label, as a share of the axes."""

Lines = dict[str, dict[int, float]]
"""Contestant to points (x, y)."""


def draw_throughput(run: Results, folder: Path, name: str) -> list[Path]:
    """Frames per second over the batch size; who takes one frame at a time is a dot at 1. Returns the files."""
    lines = {c.name: throughput(c) or _single(c) for c in run.measured}
    sizes = sorted({size for line in lines.values() for size in line})
    note = "a lone dot takes one frame at a time"
    with chart(ROWS, "Frames per second over batch size", run, note) as (figure, axes):
        _for_lines(axes)
        axes.set_xscale("log", base=2)
        axes.set_xticks(sizes, [f"batch {size}" for size in sizes])
        axes.minorticks_off()
        axes.set_xlim(sizes[0] * 0.94, sizes[-1] * 1.06)
        axes.set_ylim(0, max(rate for line in lines.values() for rate in line.values()) * 1.06)
        _draw_lines(axes, lines, run)
        return save(figure, folder, name)


def draw_scaling(runs: Sequence[Results], folder: Path, name: str) -> list[Path]:
    """Median latency over the size, of runs of one model and machine, the smallest first; returns the files."""
    sizes = [run.model["size"] for run in runs]
    lines: Lines = {}
    for size, run in zip(sizes, runs, strict=True):
        for contestant in run.measured:
            if contestant.latency is not None:
                lines.setdefault(contestant.name, {})[size] = contestant.latency.p50
    values = [value for line in lines.values() for value in line.values()]
    title = "Latency of a frame over its size, p50 in ms (logarithmic)"
    with chart(ROWS, title, runs[-1], "each size is a run of its own", sized=False) as (figure, axes):
        _for_lines(axes)
        axes.set_xticks(sizes, [f"{size}×{size}" for size in sizes])
        margin = (sizes[-1] - sizes[0]) / 16
        axes.set_xlim(sizes[0] - margin, sizes[-1] + margin)
        axes.set_yscale("log")
        log_ticks(axes.yaxis, min(values) * 0.85, max(values) * 1.15)
        _draw_lines(axes, lines, runs[-1])
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


def _single(contestant: ContestantResult) -> dict[int, float]:
    return {} if contestant.latency is None else {1: contestant.latency.fps}


def _for_lines(axes: Axes) -> None:
    """Room for labels at the lines' right ends."""
    box = axes.get_position()
    axes.set_position((0.06, box.y0, 0.61, box.height))
    axes.grid(axis="y", color=FAINT, linewidth=0.7)
    axes.grid(visible=False, axis="x")
    axes.tick_params(axis="x", pad=6)


def _draw_lines(axes: Axes, lines: Lines, run: Results) -> None:
    """Every line with its name and last value: beside the axes, or where it ends before them."""
    contestants = [contestant for contestant in by_speed(run) if lines.get(contestant.name)]
    last = max(x for line in lines.values() for x in line)
    for ending_here in {max(line) for line in lines.values()}:
        group = [c for c in contestants if max(lines[c.name]) == ending_here]
        ends = [(float(ending_here), lines[c.name][ending_here]) for c in group]
        to_axes = axes.transData + axes.transAxes.inverted()
        heights = [np.asarray(to_axes.transform(end)) for end in ends]
        left = 1.04 if ending_here == last else float(heights[0][0]) + 0.03
        places = spaced([float(height[1]) for height in heights], LINE_HEIGHT)
        for contestant, place in zip(group, places, strict=True):
            _draw_line(axes, contestant, sorted(lines[contestant.name].items()), (left, place), run)


def _draw_line(
    axes: Axes,
    contestant: ContestantResult,
    points: list[tuple[int, float]],
    label_at: tuple[float, float],
    run: Results,
) -> None:
    """A line, and its label in shares of the axes."""
    colour, is_own = colour_of(contestant, run), contestant.name.startswith("fomm-rt")
    width = 2.6 if is_own else 1.8
    axes.plot(*zip(*points, strict=True), "o-", color=colour, linewidth=width, markersize=5.5, clip_on=False, zorder=3)
    axes.annotate(
        f"{contestant.name}  {short(points[-1][1])}",
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
