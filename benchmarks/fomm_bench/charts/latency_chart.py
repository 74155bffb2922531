"""The distribution of latencies."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fomm_bench.charts.style import MUTED, chart, colour_of, label_rows, log_ticks, save, short, write_value
from fomm_bench.results.run_result import RunResult

WIDE = 12
"""Ratio of the largest to the smallest sample that makes the axis logarithmic."""


def draw_latency(run: RunResult, folder: Path, name: str) -> list[Path]:
    """Draws every frame as a dot, p50 as a stroke with its value, p50 to p99 as a line; returns the files."""
    contestants = run.by_speed()
    samples = {c.name: np.array([sample for frames in c.rounds_ms for sample in frames]) for c in contestants}
    smallest, largest = (float(f([f(s) for s in samples.values()])) for f in (min, max))
    is_wide = largest > WIDE * smallest
    title = "Latency of a frame, ms (logarithmic)" if is_wide else "Latency of a frame, ms"
    note = "dot: a frame; stroke and value: p50; line: p50 to p99"
    rng = np.random.default_rng(0)
    with chart(1.15 * len(contestants), title, run, note) as (figure, axes):
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
