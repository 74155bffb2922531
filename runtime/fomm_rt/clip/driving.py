"""The driving side of an animation: a video, a picture, or a recorded motion file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from fomm_rt.clip.motion_file import Motion, load_motion
from fomm_rt.image import Image
from fomm_rt.media.read.video_reader import VideoReader
from fomm_rt.media.timing import FALLBACK_RATE, Timing
from fomm_rt.motion.keypoints import Keypoints


@dataclass(frozen=True)
class DrivingFrame:
    """One driving frame: a picture to find keypoints in, (H, W, 3) uint8 RGB, or recorded keypoints.

    The index counts from 0; the time is in seconds from the start of the clip.
    """

    index: int
    time: Fraction
    driving: Image | Keypoints

    @property
    def pixels(self) -> Image | None:
        """The picture; None for a motion file."""
        return None if isinstance(self.driving, Keypoints) else self.driving

    def find_keypoints(self, detect: Callable[[Image], Keypoints]) -> Keypoints:
        """Returns the recorded keypoints, or those that `detect` finds in the picture."""
        return self.driving if isinstance(self.driving, Keypoints) else detect(self.driving)


@dataclass(frozen=True)
class Driving:
    """Driving frames; every iteration starts from the first, in constant memory.

    Attributes:
        timing: When the frames are shown.
        audio_from: The file whose sound belongs to them, if any.
        weights: Identity of the weights that found recorded keypoints; None for pictures.
        source: Where the frames come from.
    """

    timing: Timing
    audio_from: Path | None
    weights: str | None
    source: VideoReader | Motion

    @property
    def skipped_packets(self) -> int:
        """Broken packets of the latest iteration."""
        return self.source.skipped_packets if isinstance(self.source, VideoReader) else 0

    @property
    def missing_frames(self) -> int:
        """Approximate number of frames missing in the latest iteration, see `VideoReader.missing_frames`."""
        return self.source.missing_frames if isinstance(self.source, VideoReader) else 0

    def __iter__(self) -> Iterator[DrivingFrame]:
        if isinstance(self.source, VideoReader):
            for frame in self.source:
                yield DrivingFrame(frame.index, frame.time, frame.pixels)
        else:
            for index, (keypoints, time) in enumerate(zip(self.source, self.source.times, strict=True)):
                yield DrivingFrame(index, time, keypoints)


@contextmanager
def open_driving(path: Path) -> Iterator[Driving]:
    """Opens a motion file by its ending (.npz), anything else as a video or picture."""
    if path.suffix.lower() == ".npz":
        motion = load_motion(path)
        yield Driving(_timing_of(motion), None, motion.weights, motion)
        return
    with VideoReader(path) as reader:
        yield Driving(reader.timing, reader.path if reader.has_audio else None, None, reader)


def _timing_of(motion: Motion) -> Timing:
    if motion.rate is not None:
        return Timing.constant(motion.rate, len(motion), motion.last_duration)
    times = motion.times
    last = motion.last_duration or times[-1] - times[max(0, len(motion) - 2)] or 1 / FALLBACK_RATE
    return Timing(None, motion.time_base, len(motion), times[-1] - times[0] + last, last)
