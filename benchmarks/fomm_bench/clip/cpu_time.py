"""CPU time of each part of `animate`, from a run in which the parts follow one another.

`animate` decodes and encodes in parallel with the networks, so wall-clock times do not show what a part costs. Here the
same reader, animator and writer take turns on a few frames at a time, and the CPU time of all threads counts for one
part.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from fomm_bench.machine.cpu_clock import CpuClock
from fomm_bench.model.bench_media import BenchMedia
from fomm_bench.results.samples import Spread, spread_of
from fomm_rt.animator import Animator
from fomm_rt.clip.driving import DrivingFrame, open_driving
from fomm_rt.media.read.frame_pixels import FramePixels
from fomm_rt.media.read.picture import read_picture
from fomm_rt.media.write.encoded_video import EncodedVideoWriter
from fomm_rt.media.write.video_writer import VideoTarget

DECODE, TO_RGB, RESIZE, AROUND, NETWORKS, TO_YUV, ENCODE = PARTS = (
    "decode",
    "to RGB",
    "crop and resize",
    "around the networks",
    "networks",
    "to YUV",
    "encode",
)
"""Parts in the order that a frame passes them.

"around the networks": image to network input, motion transfer, prediction to image.
"""
CONVERSIONS = (TO_RGB, RESIZE, AROUND, TO_YUV)

FRAMES_AT_A_TIME = 16
"""Frames of a turn: enough to keep turns of a decoder's threads rare, few enough for the memory."""


@dataclass(frozen=True)
class CpuRun:
    """The number of animated frames, and part -> CPU time of all threads."""

    frames: int
    seconds: Mapping[str, float]


@dataclass(frozen=True)
class CpuTime:
    """CPU time over several runs.

    Attributes:
        ms_per_frame: Part -> milliseconds of CPU time per frame.
        shares: Part -> share of all CPU time.
        outside_networks_without_codecs: Share of colour conversion, resizing and copies in the CPU time without codecs.
        outside_networks_with_codecs: Share of everything but the networks in all CPU time.
    """

    runs: list[CpuRun]
    ms_per_frame: dict[str, Spread]
    shares: dict[str, Spread]
    outside_networks_without_codecs: Spread
    outside_networks_with_codecs: Spread

    @classmethod
    def of(cls, runs: Sequence[CpuRun]) -> CpuTime:
        """Summarizes at least one run."""

        def share(run: CpuRun, parts: Sequence[str], of: Sequence[str]) -> float:
            return sum(run.seconds[part] for part in parts) / sum(run.seconds[part] for part in of)

        outside = tuple(part for part in PARTS if part != NETWORKS)
        return cls(
            list(runs),
            {part: spread_of([run.seconds[part] / run.frames * 1e3 for run in runs]) for part in PARTS},
            {part: spread_of([share(run, (part,), PARTS) for run in runs]) for part in PARTS},
            spread_of([share(run, CONVERSIONS, (*CONVERSIONS, NETWORKS)) for run in runs]),
            spread_of([share(run, outside, PARTS) for run in runs]),
        )


def measure_cpu(animator: Animator, media: BenchMedia, output: Path) -> CpuRun:
    """Animates a clip, part after part.

    "networks" is the time in ONNX Runtime; with other backends, all the time in the backend.
    It replaces the source of the animator and the .mp4 file of the output.

    Raises MediaError or OutputError if a file cannot be read or written.
    """
    clock, frames = CpuClock(*PARTS), 0
    animator.set_source(read_picture(media.picture))
    animator.clear_reference()
    with ExitStack() as stack:
        driving = stack.enter_context(open_driving(media.clip))
        writer = stack.enter_context(VideoTarget(output).open(driving.timing, driving.audio_from))
        backend_part = _separate_networks(animator, clock, stack)
        # Reader and writer convert in the calling thread; the codecs may have threads of their own.
        stack.enter_context(clock.wrapping(FramePixels, "convert", TO_RGB))
        stack.enter_context(clock.wrapping(EncodedVideoWriter, "_convert", TO_YUV))
        frames_left = iter(driving)
        while chunk := _decoded(frames_left, clock):
            with clock(RESIZE):
                framed = [f.driving if f.pixels is None else animator.frame_driving(f.pixels) for f in chunk]
            with clock(backend_part):
                predictions = [animator.animate(driving_frame) for driving_frame in framed]
            with clock(ENCODE):
                for frame, prediction in zip(chunk, predictions, strict=True):
                    writer.write(prediction, frame.time)
            frames += len(chunk)
        with clock(ENCODE):
            writer.commit()
    return CpuRun(frames, clock.seconds)


def render_cpu(cpu: CpuTime) -> list[str]:
    """The CPU time as lines of text."""
    lines = ["CPU time per frame, all threads, from a run in which the parts follow one another:"]
    for part, spread in cpu.ms_per_frame.items():
        span = f"({spread.low:.2f} to {spread.high:.2f})"
        lines.append(f"  {part:<20}{spread.median:8.2f} ms  {span:<18}{cpu.shares[part].median:6.1%}")
    outside, outside_with_codecs = (
        f"{spread.median:.1%} ({spread.low:.1%} to {spread.high:.1%})"
        for spread in (cpu.outside_networks_without_codecs, cpu.outside_networks_with_codecs)
    )
    return [
        *lines,
        f"outside the networks: colour conversion, resizing and copies are {outside} of the CPU time without the "
        "codecs",
        f"with decoding and encoding: {outside_with_codecs} of all CPU time",
    ]


def _decoded(frames: Iterator[DrivingFrame], clock: CpuClock) -> list[DrivingFrame]:
    with clock(DECODE):
        return list(islice(frames, FRAMES_AT_A_TIME))


def _separate_networks(animator: Animator, clock: CpuClock, stack: ExitStack) -> str:
    """Counts calls of ONNX Runtime as networks until the stack closes; returns the part of the other work."""
    if not animator.backend.name.startswith("onnxruntime"):
        return NETWORKS
    from fomm_rt.machine.onnx_runtime import onnxruntime

    for method in ("run", "run_with_iobinding"):
        stack.enter_context(clock.wrapping(onnxruntime.InferenceSession, method, NETWORKS, threads=True))
    return AROUND
