"""Frames per second of `animate` from file to file, with decoding and encoding."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fomm_bench.clip.cpu_time import CpuRun, CpuTime, measure_cpu, render_cpu
from fomm_bench.model.bench_media import BenchMedia
from fomm_bench.results.samples import Spread, spread_of
from fomm_bench.run.plan import Progress
from fomm_rt.animator import Animator
from fomm_rt.clip.animate_file import animate_file
from fomm_rt.clip.report import AnimationReport


@dataclass(frozen=True)
class ClipSpeed:
    """A clip animated several times.

    Attributes:
        runs: For each run, "seconds", "fps" and "stage_s": wall-clock seconds of "decode" and "encode", which run in
            parallel with the rest, of "networks" and of "waiting".
        fps: Frames per second over the runs.
        shares: Stage -> its share of a run's seconds; stages run in parallel and add up to more than 1.
        cpu: CPU time by part, from runs without parallel parts.
    """

    frames: int
    runs: list[dict[str, Any]]
    fps: Spread
    shares: dict[str, Spread]
    cpu: CpuTime

    @classmethod
    def of(cls, frames: int, runs: list[dict[str, Any]], cpu: Sequence[CpuRun]) -> ClipSpeed:
        """Summarizes at least one run."""
        shares = {
            name: spread_of([run["stage_s"][name] / run["seconds"] for run in runs])
            for name in dict.fromkeys(name for run in runs for name in run["stage_s"])
        }
        return cls(frames, runs, spread_of([run["fps"] for run in runs]), shares, CpuTime.of(cpu))


def time_clip(animator: Animator, media: BenchMedia, runs: int, progress: Progress) -> ClipSpeed:
    """Animates a clip to a temporary file several times, each time as `animate` does and then part after part.

    Raises MediaError or OutputError if a file cannot be read or written.
    """
    reports: list[AnimationReport] = []
    cpu: list[CpuRun] = []
    with tempfile.TemporaryDirectory(prefix="fomm-rt-bench-clip-") as folder:
        output = Path(folder) / "result.mp4"
        for number in range(runs):
            progress("animating", number, runs)
            reports.append(animate_file(media.picture, media.clip, output, animator=animator))
            cpu.append(measure_cpu(animator, media, output))
    return ClipSpeed.of(
        reports[0].frames,
        [{"seconds": report.seconds, "fps": report.fps, "stage_s": report.stage_s} for report in reports],
        cpu,
    )


def render_clip(speed: ClipSpeed) -> list[str]:
    """The speed as lines of text."""
    fps, runs = speed.fps, len(speed.runs)
    lines = [
        f"{speed.frames} frames, {runs} runs: {fps.median:.1f} fps (median; {fps.low:.1f} to {fps.high:.1f})",
        "wall-clock time that each part was busy; decode and encode run in parallel with the networks:",
    ]
    for name, share in speed.shares.items():
        lines.append(f"  {name:<10} {share.median:4.0%} of the time ({share.low:.0%} to {share.high:.0%})")
    return [*lines, *render_cpu(speed.cpu)]
