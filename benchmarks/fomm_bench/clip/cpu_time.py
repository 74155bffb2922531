"""Which part of `animate` takes how much CPU time, in a run where the parts follow one another.

`animate` itself decodes and encodes beside the networks, so that its wall-clock times say nothing of what each part
costs. Here the same reader, animator and writer take turns on a few frames at a time: all threads' CPU time passes for
one part.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

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
"""In the order a frame goes through them. "around the networks": picture to network input, motion transfer, prediction
to picture."""
CODECS = (DECODE, ENCODE)
CONVERSIONS = (TO_RGB, RESIZE, AROUND, TO_YUV)

FRAMES_AT_A_TIME = 16
"""Of each part's turn: enough for a decoder's threads to be the exception, few enough to hold."""


@dataclass(frozen=True)
class CpuRun:
    """One run.

    Attributes:
        frames: How many it animated.
        seconds: PARTS to CPU time, of all threads.
    """

    frames: int
    seconds: Mapping[str, float]

    @property
    def outside(self) -> float:
        """Share of colour conversion, resizing and copies in all CPU time but that of the codecs."""
        conversions = self._sum(CONVERSIONS)
        return conversions / (conversions + self.seconds[NETWORKS])

    @property
    def outside_with_codecs(self) -> float:
        """Share of everything but the networks in all CPU time, decoding and encoding included."""
        return 1 - self.seconds[NETWORKS] / self._sum(PARTS)

    def _sum(self, parts: Sequence[str]) -> float:
        return sum(self.seconds[part] for part in parts)


@dataclass(frozen=True)
class CpuTime:
    """A clip animated several times; at least once."""

    runs: list[CpuRun]

    @property
    def ms_per_frame(self) -> dict[str, Spread]:
        """PARTS to milliseconds of CPU time a frame, over the runs."""
        return {part: _spread([run.seconds[part] / run.frames * 1e3 for run in self.runs]) for part in PARTS}

    @property
    def shares(self) -> dict[str, Spread]:
        """PARTS to their share in all CPU time, over the runs."""
        return {part: _spread([run.seconds[part] / sum(run.seconds.values()) for run in self.runs]) for part in PARTS}

    @property
    def outside(self) -> Spread:
        """See `CpuRun.outside`."""
        return _spread([run.outside for run in self.runs])

    @property
    def outside_with_codecs(self) -> Spread:
        """See `CpuRun.outside_with_codecs`."""
        return _spread([run.outside_with_codecs for run in self.runs])

    def as_json(self) -> dict[str, Any]:
        """The runs, and what is made of them, as plain JSON values."""
        return {
            "runs": [asdict(run) for run in self.runs],
            "ms_per_frame": {part: asdict(spread) for part, spread in self.ms_per_frame.items()},
            "shares": {part: asdict(spread) for part, spread in self.shares.items()},
            "outside_networks_without_codecs": asdict(self.outside),
            "outside_networks_with_codecs": asdict(self.outside_with_codecs),
        }


def measure_cpu(animator: Animator, media: BenchMedia, output: Path) -> CpuRun:
    """Animates a clip, part after part.

    What the backend does is told apart where ONNX Runtime runs the networks; of others all of it counts as networks.

    Args:
        animator: Its source and reference are replaced.
        media: What is animated.
        output: The result, an .mp4; replaced.

    Raises:
        MediaError: The picture or the clip cannot be read.
        OutputError: The result cannot be written.
    """
    clock, frames = CpuClock(*PARTS), 0
    animator.set_source(read_picture(media.picture))
    animator.clear_reference()
    with ExitStack() as stack:
        driving = stack.enter_context(open_driving(media.clip))
        writer = stack.enter_context(VideoTarget(output).open(driving.timing, driving.audio_from))
        backend_part = _tell_networks_apart(animator, clock, stack)
        # Reader and writer convert in the thread that calls them; the codecs may have threads of their own.
        stack.enter_context(clock.wrapping(FramePixels, "convert", TO_RGB))
        stack.enter_context(clock.wrapping(EncodedVideoWriter, "_convert", TO_YUV))
        coming = iter(driving)
        while chunk := _decoded(coming, clock):
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
    """Lines for people."""
    lines = ["CPU time of a frame, all threads, in a run where parts follow one another:"]
    shares = cpu.shares
    for part, spread in cpu.ms_per_frame.items():
        span = f"({spread.low:.2f} to {spread.high:.2f})"
        lines.append(f"  {part:<20}{spread.median:8.2f} ms  {span:<18}{shares[part].median:6.1%}")
    lines += [
        f"outside the networks: colour conversion, resizing and copies are {_percent(cpu.outside)} of the CPU time "
        "without the codecs'",
        f"decoding and encoding included: {_percent(cpu.outside_with_codecs)} of all CPU time",
    ]
    return lines


def _decoded(coming: Iterator[DrivingFrame], clock: CpuClock) -> list[DrivingFrame]:
    with clock(DECODE):
        return list(islice(coming, FRAMES_AT_A_TIME))


def _tell_networks_apart(animator: Animator, clock: CpuClock, stack: ExitStack) -> str:
    """Counts calls of ONNX Runtime as networks while the stack is open; returns what the rest of a call counts as."""
    if not animator.backend.name.startswith("onnxruntime"):
        return NETWORKS
    from onnxruntime import InferenceSession

    for method in ("run", "run_with_iobinding"):
        stack.enter_context(clock.wrapping(InferenceSession, method, NETWORKS, threads=True))
    return AROUND


def _percent(spread: Spread) -> str:
    return f"{spread.median:.1%} ({spread.low:.1%} to {spread.high:.1%})"


def _spread(values: list[float]) -> Spread:
    spread = spread_of(values)
    assert spread is not None
    return spread
