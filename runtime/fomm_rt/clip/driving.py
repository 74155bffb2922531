"""What drives an animation: a video, a picture, or a recorded motion file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Protocol

from fomm_rt.clip.motion_file import Motion, load_motion
from fomm_rt.image import Image
from fomm_rt.media.read.video_reader import VideoReader
from fomm_rt.media.timing import Timing
from fomm_rt.motion.keypoints import Keypoints


@dataclass(frozen=True)
class DrivingFrame:
    """One driving frame: a picture to find keypoints in, or recorded keypoints.

    Attributes:
        index: Counts from 0.
        time: Seconds from the start of the clip.
        driving: (H, W, 3) uint8 RGB, or the keypoints of a motion file; as `Animator.animate` takes it.
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


class Driving(Protocol):
    """Frames that drive an animation; every iteration starts from the first."""

    @property
    def timing(self) -> Timing:
        """Rate and number of frames."""

    @property
    def audio_from(self) -> Path | None:
        """The file whose sound belongs to the frames."""

    @property
    def weights(self) -> str | None:
        """Identity of the weights that found recorded keypoints; None for pictures."""

    @property
    def skipped_packets(self) -> int:
        """Broken packets of the latest iteration."""

    @property
    def missing_frames(self) -> int:
        """Frames that a damaged file announces and the latest iteration did not find, about; 0 where unknown."""

    def __iter__(self) -> Iterator[DrivingFrame]:
        """Frames from the first to the last, in constant memory."""


@contextmanager
def open_driving(path: Path) -> Iterator[Driving]:
    """Opens a motion file by its ending (.npz), anything else as a video or picture.

    Raises:
        MediaError: Not a video or picture that can be read.
        MotionError: Not a motion file that can be read.
    """
    if path.suffix.lower() == ".npz":
        yield _RecordedDriving(load_motion(path))
        return
    with VideoReader(path) as reader:
        yield _VideoDriving(reader)


class _VideoDriving:
    weights = None

    def __init__(self, reader: VideoReader) -> None:
        self._reader = reader
        self.timing = reader.timing
        self.audio_from = reader.path if reader.has_audio else None

    @property
    def skipped_packets(self) -> int:
        return self._reader.skipped_packets

    @property
    def missing_frames(self) -> int:
        return self._reader.missing_frames

    def __iter__(self) -> Iterator[DrivingFrame]:
        for frame in self._reader:
            yield DrivingFrame(frame.index, frame.time, frame.pixels)


class _RecordedDriving:
    audio_from = None
    skipped_packets = 0
    missing_frames = 0

    def __init__(self, motion: Motion) -> None:
        self._motion = motion
        self.weights = motion.weights
        if motion.rate is not None:
            self.timing = Timing.constant(motion.rate, len(motion), motion.last_duration)
        else:
            last = motion.last_duration or motion.times[-1] - motion.times[max(0, len(motion) - 2)] or Fraction(1, 25)
            duration = motion.times[-1] - motion.times[0] + last
            self.timing = Timing(None, motion.time_base, len(motion), duration, last)

    def __iter__(self) -> Iterator[DrivingFrame]:
        for index, (keypoints, time) in enumerate(zip(self._motion, self._motion.times, strict=True)):
            yield DrivingFrame(index, time, keypoints)
