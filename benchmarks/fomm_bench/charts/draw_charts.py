"""All charts of one run, and of several runs at different sizes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fomm_bench.charts.line_charts import draw_scaling, draw_scaling_ratio, draw_throughput
from fomm_bench.charts.row_charts import draw_latency, draw_ratio, draw_stages
from fomm_bench.results.run_result import RunResult


def draw_charts(runs: Sequence[RunResult], folder: Path) -> list[Path]:
    """Draws every chart that has figures as SVG and PNG; returns the files.

    With several runs, the names of their charts end in a number, and scaling charts join them.

    Raises OutputError if a file cannot be written.
    """
    paths = []
    for number, run in enumerate(runs, 1):
        suffix = "" if len(runs) == 1 else f"-{number}"
        if run.measured:
            paths += draw_latency(run, folder, f"latency{suffix}")
            paths += draw_ratio(run, folder, f"ratio{suffix}")
        if any(contestant.stages for contestant in run.measured):
            paths += draw_stages(run, folder, f"stages{suffix}")
        if any(contestant.batches_ms for contestant in run.measured):
            paths += draw_throughput(run, folder, f"throughput{suffix}")
    scaling = scaling_runs(runs)
    if len(scaling) > 1:
        paths += draw_scaling(scaling, folder, "scaling")
        paths += draw_scaling_ratio(scaling, folder, "scaling-ratio")
    return paths


def scaling_runs(runs: Sequence[RunResult]) -> list[RunResult]:
    """Runs of the first run's model and machine, one of each size, the smallest first."""
    by_size: dict[int, RunResult] = {}
    for run in runs:
        is_same_model = run.model.label == runs[0].model.label
        if run.measured and is_same_model and run.environment.machine == runs[0].environment.machine:
            by_size.setdefault(run.model.size, run)
    return [by_size[size] for size in sorted(by_size)]
