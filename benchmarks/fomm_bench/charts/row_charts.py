"""Charts with a row for each contestant: latencies, speed as a multiple of the reference's, stages of a frame."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fomm_bench.charts.style import (
    INK,
    MUTED,
    REFERENCE,
    STAGE_COLOURS,
    chart,
    colour_of,
    label_rows,
    log_ticks,
    save,
    short,
    write_value,
)
from fomm_bench.contestants.protocol import STAGES
from fomm_bench.results.run_result import RunResult
from fomm_bench.results.table import describe_load

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDE = 12
"""Ratio of the largest to the smallest sample that makes the axis logarithmic."""
BAR = 0.62
STAGE_NAMES = {"dense_motion": "dense motion", "networks": "all networks in one"}
KEY_INCHES = 0.28
LABELLED_SHARE = 0.06
"""Share of the axis from which a stage's bar has room for its value."""


def draw_latency(run: RunResult, folder: Path, name: str) -> list[Path]:
    """Draws every frame as a dot, p50 as a stroke with its value, p50 to p99 as a line; returns the files."""
    contestants = run.by_speed()
    samples = {c.name: np.array([sample for frames in c.rounds_ms for sample in frames]) for c in contestants}
    smallest, largest = (float(f([f(s) for s in samples.values()])) for f in (min, max))
    is_wide = largest > WIDE * smallest
    title = "Latency of a frame, ms (logarithmic)" if is_wide else "Latency of a frame, ms"
    note = "dot: a frame; stroke and value: p50; line: p50 to p99"
    rng = np.random.default_rng(0)
    with chart(1.15 * len(contestants), title, run, note, load=describe_load(run)) as (figure, axes):
        for row, contestant in enumerate(contestants):
            latency, colour = contestant.latency, colour_of(contestant, run)
            assert latency is not None
            frames = samples[contestant.name]
            axes.plot((latency.p50, latency.p99), (row, row), color=colour, linewidth=1.2, solid_capstyle="butt")
            jitter = row + rng.uniform(-0.17, 0.17, len(frames))
            axes.plot(frames, jitter, ".", color=colour, alpha=0.4, markersize=6, markeredgewidth=0)
            axes.plot((latency.p50, latency.p50), (row - 0.27, row + 0.27), color=colour, linewidth=2.6)
            write_value(axes, short(latency.p50), (latency.p50, row - 0.28), (0, 1), colour, 8.5)
        if is_wide:
            axes.set_xscale("log")
            log_ticks(axes.xaxis, smallest * 0.85, largest * 1.12)
        else:
            axes.set_xlim(0, largest * 1.04)
        axes.tick_params(axis="x", colors=MUTED)
        label_rows(axes, contestants, run)
        return save(figure, folder, name)


def draw_ratio(run: RunResult, folder: Path, name: str) -> list[Path]:
    """Draws the median over the rounds as a bar, smallest to largest as a line; returns the files."""
    spreads = {contestant.name: run.speedup(contestant) for contestant in run.measured}
    contestants = sorted(run.measured, key=lambda c: spread.median if (spread := spreads[c.name]) else 0.0)
    references = {found.description for c in run.measured if (found := run.reference_of(c)) is not None}
    reference = references.pop() if len(references) == 1 else "the reference of the same device"
    note = "bar: median over the rounds of the ratio within a round; line: smallest to largest"
    with chart(len(contestants), f"Times as fast as {reference}", run, note, load=describe_load(run)) as (figure, axes):
        furthest = 1.0
        for row, contestant in enumerate(contestants):
            spread, colour = spreads[contestant.name], colour_of(contestant, run)
            if spread is None:
                continue
            is_reference = run.is_reference(contestant)
            axes.barh(row, spread.median, height=BAR, color=colour)
            if not is_reference:
                axes.plot((spread.low, spread.high), (row, row), color=INK, linewidth=1.2, alpha=0.7)
            value = "1" if is_reference else f"{spread.median:.2f}"
            write_value(axes, value, (1 if is_reference else spread.high, row), (6, 0), colour, 9.5)
            furthest = max(furthest, spread.high)
        axes.axvline(1, color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
        axes.set_xlim(0, furthest * 1.1)
        label_rows(axes, contestants, run)
        return save(figure, folder, name)


def draw_stages(run: RunResult, folder: Path, name: str) -> list[Path]:
    """Draws the medians of the stages, one after another; returns the files."""
    contestants = [contestant for contestant in run.by_speed() if contestant.stages]
    note = "medians of each stage; the encoder runs only without a cached source"
    with chart(len(contestants), "Stages of a frame, ms", run, note, KEY_INCHES, load=describe_load(run)) as (
        figure,
        axes,
    ):
        longest = max(sum(contestant.stages.values()) for contestant in contestants) or 1.0
        for row, contestant in enumerate(contestants):
            left = 0.0
            for stage in sorted(contestant.stages, key=_order):
                milliseconds = contestant.stages[stage]
                colour = STAGE_COLOURS.get(stage, REFERENCE)
                axes.barh(row, milliseconds, left=left, height=BAR, color=colour, edgecolor="white", linewidth=0.8)
                if milliseconds > LABELLED_SHARE * longest:
                    middle = left + milliseconds / 2
                    axes.text(middle, row, short(milliseconds), ha="center", va="center", fontsize=8)
                left += milliseconds
            write_value(axes, short(left), (left, row), (5, 0), colour_of(contestant, run), 9)
        axes.set_xlim(0, longest * 1.1)
        label_rows(axes, contestants, run)
        _stage_key(figure, sorted({stage for c in contestants for stage in c.stages}, key=_order))
        return save(figure, folder, name)


def _order(stage: str) -> int:
    return STAGES.index(stage) if stage in STAGES else len(STAGES)


def _stage_key(figure: Figure, stages: list[str]) -> None:
    """Writes the stages' names above the bars, each beside its colour; stages of one colour share an entry."""
    from matplotlib.patches import Patch

    names: dict[str, list[str]] = {}
    for stage in stages:
        names.setdefault(STAGE_COLOURS.get(stage, REFERENCE), []).append(STAGE_NAMES.get(stage, stage))
    figure.legend(
        [Patch(color=colour) for colour in names],
        [" / ".join(shared) for shared in names.values()],
        loc="upper left",
        bbox_to_anchor=(0.005, 1 - 0.42 / figure.get_figheight()),
        ncols=len(names),
        frameon=False,
        fontsize=8.5,
        handlelength=0.9,
        handleheight=0.9,
        handletextpad=0.4,
        columnspacing=1.3,
        borderaxespad=0,
    )
