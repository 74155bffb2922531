"""End to end: how many frames per second `animate` does with decoding and encoding, and where the time goes."""

from __future__ import annotations

import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fomm_bench.clip.cpu_time import CpuRun, CpuTime, measure_cpu, render_cpu
from fomm_bench.model.bench_media import BenchMedia
from fomm_bench.results.samples import Spread, spread_of
from fomm_bench.run.comparison import Progress
from fomm_rt.animator import Animator
from fomm_rt.clip.animate_file import AnimationReport, animate_file


@dataclass(frozen=True)
class ClipSpeed:
    """A clip animated several times.

    Attributes:
        frames: Of the clip.
        runs: Of each run, "seconds", "fps" and "stage_s": wall-clock seconds of "decode" and "encode", which run beside
            the others, of "networks" and of "waiting".
        cpu: CPU time by part, of runs where nothing runs beside anything.
    """

    frames: int
    runs: list[dict[str, Any]]
    cpu: CpuTime

    @property
    def fps(self) -> Spread:
        """Frames per second over the runs."""
        spread = spread_of([run["fps"] for run in self.runs])
        assert spread is not None
        return spread

    @property
    def shares(self) -> dict[str, Spread]:
        """Of each stage, its seconds as a share of the run's; stages that run side by side add up to more than 1."""
        names = list(dict.fromkeys(name for run in self.runs for name in run["stage_s"]))
        spreads = {name: spread_of([run["stage_s"][name] / run["seconds"] for run in self.runs]) for name in names}
        return {name: spread for name, spread in spreads.items() if spread is not None}

    def as_json(self) -> dict[str, Any]:
        """The fields, and what is made of them, as plain JSON values."""
        return {
            "frames": self.frames,
            "runs": self.runs,
            "fps": asdict(self.fps),
            "shares": {name: asdict(spread) for name, spread in self.shares.items()},
            "cpu": self.cpu.as_json(),
        }


def time_clip(animator: Animator, media: BenchMedia, runs: int, progress: Progress) -> ClipSpeed:
    """Animates a clip to a temporary file, again and again: as `animate` does, and part after part.

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
    """Lines for people."""
    fps, runs = speed.fps, len(speed.runs)
    lines = [
        f"{speed.frames} frames, {runs} runs: {fps.median:.1f} fps (median; {fps.low:.1f} to {fps.high:.1f})",
        "wall-clock time during which each was busy; decode and encode run beside the networks:",
    ]
    for name, share in speed.shares.items():
        lines.append(f"  {name:<10} {share.median:4.0%} of the time ({share.low:.0%} to {share.high:.0%})")
    return [*lines, *render_cpu(speed.cpu)]
