"""Frames per second of `animate` from file to file, with decoding and encoding."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from fomm_bench.clip.cpu_time import CpuRun, CpuTime, measure_cpu, render_cpu
from fomm_bench.model.bench_media import BenchMedia
from fomm_bench.results.samples import Spread, spread_of
from fomm_bench.run.plan import Progress
from fomm_rt.animator import Animator
from fomm_rt.clip.animate_file import AnimationReport, animate_file


@dataclass(frozen=True)
class ClipSpeed:
    """A clip animated several times.

    Attributes:
        frames: Frames of the clip.
        runs: For each run, "seconds", "fps" and "stage_s": wall-clock seconds of "decode" and "encode", which run in
            parallel with the rest, of "networks" and of "waiting".
        cpu: CPU time by part, from runs without parallel parts.
    """

    frames: int
    runs: list[dict[str, Any]]
    cpu: CpuTime

    @property
    def fps(self) -> Spread:
        """Frames per second over the runs."""
        return spread_of([run["fps"] for run in self.runs])

    @property
    def shares(self) -> dict[str, Spread]:
        """Stage -> its share of a run's seconds; stages run in parallel and add up to more than 1."""
        return {
            name: spread_of([run["stage_s"][name] / run["seconds"] for run in self.runs])
            for name in dict.fromkeys(name for run in self.runs for name in run["stage_s"])
        }

    def as_json(self) -> dict[str, Any]:
        """Fields and derived figures, as JSON values."""
        figures = msgspec.to_builtins({"fps": self.fps, "shares": self.shares})
        return {"frames": self.frames, "runs": self.runs, **figures, "cpu": self.cpu.as_json()}


def time_clip(animator: Animator, media: BenchMedia, runs: int, progress: Progress) -> ClipSpeed:
    """Animates a clip to a temporary file several times, each time as `animate` does and then part after part.

    Raises:
        MediaError: The picture or the clip cannot be read.
        OutputError: The temporary folder cannot be written.
    """
    reports: list[AnimationReport] = []
    cpu: list[CpuRun] = []
    with tempfile.TemporaryDirectory(prefix="fomm-rt-bench-clip-") as folder:
        output = Path(folder) / "result.mp4"
        for number in range(runs):
            progress("animating", number, runs)
            reports.append(animate_file(media.picture, media.clip, output, animator=animator))
            cpu.append(measure_cpu(animator, media, output))
    return ClipSpeed(
        reports[0].frames,
        [{"seconds": report.seconds, "fps": report.fps, "stage_s": report.stage_s} for report in reports],
        CpuTime(cpu),
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
