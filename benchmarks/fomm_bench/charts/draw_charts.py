"""The pictures of one run, and of several how a frame's time grows with its size."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fomm_bench.charts.bar_charts import draw_ratio, draw_stages
from fomm_bench.charts.latency_chart import draw_latency
from fomm_bench.charts.line_charts import draw_scaling, draw_scaling_ratio, draw_throughput
from fomm_bench.machine.environment import same_machine
from fomm_bench.results.run_result import Results


def draw_charts(runs: Sequence[Results], folder: Path) -> list[Path]:
    """Draws every picture there are figures for.

    Args:
        runs: Of one run, its pictures; of several, each one's with its number in the name, and how they scale.
        folder: Where SVG and PNG files go.

    Returns:
        The files.

    Raises:
        OutputError: A file cannot be written.
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


def scaling_runs(runs: Sequence[Results]) -> list[Results]:
    """Runs of the first one's model and machine, one of each size, the smallest first."""
    by_size: dict[int, Results] = {}
    for run in runs:
        of_one_model = run.model["label"] == runs[0].model["label"]
        if run.measured and of_one_model and same_machine(run.environment, runs[0].environment):
            by_size.setdefault(run.model["size"], run)
    return [by_size[size] for size in sorted(by_size)]
