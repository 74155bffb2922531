"""The driving side of an animation: a video, a picture, or a recorded motion file."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path

from fomm_rt.clip.motion_file import Motion, load_motion
from fomm_rt.errors import MotionError
from fomm_rt.image import Image
from fomm_rt.media.part import Part, Seconds, find_part, seconds
from fomm_rt.media.read.video_reader import VideoReader
from fomm_rt.media.timing import FALLBACK_RATE, Timing
from fomm_rt.model.manifest import Manifest
from fomm_rt.motion.keypoints import Keypoints

_log = logging.getLogger("fomm_rt")


@dataclass(frozen=True)
class Seen:
    """What a driving frame shows.

    Attributes:
        contrast: Grey levels between its dark and bright parts.
        awkwardness: How badly its face serves as the reference, from 0; None if it shows no face or none was looked
            for.
    """

    contrast: float
    awkwardness: float | None = None


@dataclass(frozen=True)
class DrivingFrame:
    """One driving frame: a picture to find keypoints in, (H, W, 3) uint8 RGB, or recorded keypoints.

    The index counts from 0; the time is in seconds from the start of the clip. `shown` is the picture for views, if it
    differs from the driving picture. `seen` is what the picture showed whose keypoints were recorded; None if that is
    unknown, and for a picture.
    """

    index: int
    time: Fraction
    driving: Image | Keypoints
    shown: Image | None = None
    seen: Seen | None = None

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
        path: The file.
        timing: When the frames are shown.
        audio_from: The file whose sound belongs to them, if any.
        weights: Identity of the weights that found recorded keypoints; None for pictures.
        source: Where the frames come from.
        part: The part of the source that they are; None for all of it.
    """

    path: Path
    timing: Timing
    audio_from: Path | None
    weights: str | None
    source: VideoReader | Motion
    part: Part | None = None

    @property
    def frame_size(self) -> tuple[int, int] | None:
        """Height and width of a frame in pixels; None for a motion file."""
        return (self.source.height, self.source.width) if isinstance(self.source, VideoReader) else None

    @property
    def skipped_packets(self) -> int:
        """Broken packets of the latest iteration."""
        return self.source.skipped_packets if isinstance(self.source, VideoReader) else 0

    @property
    def missing_frames(self) -> int:
        """Approximate number of frames missing in the latest iteration, see `VideoReader.missing_frames`."""
        return self.source.missing_frames if isinstance(self.source, VideoReader) else 0

    def left_out(self, *, audio: bool) -> tuple[str, ...]:
        """Parts of the driving file that results lack, see `LeftOut`; without its sound if `audio` is False."""
        if not isinstance(self.source, VideoReader):
            return ()
        left = self.source.left_out
        return (*(left.sound if audio else ()), *left.others)

    def __iter__(self) -> Iterator[DrivingFrame]:
        if isinstance(self.source, VideoReader):
            for frame in self.source if self.part is None else self.source.read_part(self.part):
                yield DrivingFrame(frame.index, frame.time, frame.pixels)
        else:
            for index, (time, keypoints) in enumerate(_inside(self.part, self.source)):
                yield DrivingFrame(index, time, keypoints)

    def describe(self) -> str:
        """One phrase for a log, such as "25 frames, 25 fps, 64×64 pixels, with sound, from 1.50 s"."""
        rate = "varying times" if self.timing.rate is None else f"{float(self.timing.rate):.3f} fps"
        words = [f"{self.timing.frame_count or 'unknown'} frames", rate]
        if isinstance(self.source, VideoReader):
            words.append(f"{self.source.width}×{self.source.height} pixels")
        words += ["with sound"] if self.audio_from is not None else []
        words += [] if self.part is None else [f"from {float(self.part.start):.2f} s"]
        return ", ".join(words)

    def sample(self, interval: int) -> Iterator[DrivingFrame]:
        """Yields every `interval`-th frame; skipping costs little."""
        if isinstance(self.source, VideoReader):
            for frame in self.source.sample(interval, self.part):
                yield DrivingFrame(frame.index, frame.time, frame.pixels)
        else:
            yield from islice(self, 0, None, interval)

    def check_architecture(self, model: Manifest) -> None:
        """Checks that recorded keypoints are as many as the model's. Raises MotionError if they are not."""
        if isinstance(self.source, Motion):
            self.source.check_architecture(self.path, model)

    def check(self, model: Manifest) -> None:
        """As `check_architecture`; warns of keypoints that another model found."""
        self.check_architecture(model)
        if self.weights not in (None, model.weights.identity):
            _log.warning(
                "%s was recorded with another model; its keypoints may mean other parts of the picture", self.path
            )

    def check_frame(self, number: int) -> None:
        """Checks that there is a frame of this number, counted from 0.

        Raises:
            MotionError: There is none.
        """
        count = self.timing.frame_count
        if count is not None and number >= count:
            raise MotionError(no_such_frame(number, count))


def no_such_frame(number: int, count: int) -> str:
    """The message for a reference frame that the driving side does not have."""
    return (
        f"there is no frame {number}: the driving side has {count} frame{'s' * (count != 1)}, counted from 0; choose "
        "one of them, or auto"
    )


@contextmanager
def open_driving(
    path: Path, start: Seconds = 0, duration: Seconds | None = None, *, max_pixels: int | None = None
) -> Iterator[Driving]:
    """Opens a motion file by its ending (.npz), anything else as a video or picture; all of it, or a part.

    Args:
        path: The file.
        start: Seconds from its start; the first frame is the one shown then. Frames and times count from there.
        duration: Seconds; to the end if None.
        max_pixels: As in `VideoReader`.

    Raises:
        MediaError: The file cannot be read, or has no such part.
        MotionError: It is a motion file that cannot be read.
    """
    begin, length = seconds("start", start), None if duration is None else seconds("duration", duration)
    is_whole = begin == 0 and length is None
    if path.suffix.lower() == ".npz":
        motion = load_motion(path)
        timing = _timing_of(motion)
        part = None if is_whole else find_part(path, motion.times, timing, begin, length)
        yield Driving(path, part.timing if part else timing, None, motion.weights, motion, part)
        return
    with VideoReader(path, max_pixels=max_pixels) as reader:
        part = None if is_whole else reader.find_part(begin, length)
        timing = part.timing if part else reader.timing
        yield Driving(path, timing, path if reader.has_audio else None, None, reader, part)


def _inside(part: Part | None, motion: Motion) -> Iterator[tuple[Fraction, Keypoints]]:
    for time, keypoints in zip(motion.times, motion, strict=True):
        if part is None:
            yield time, keypoints
        elif not (part.is_before(time) or part.is_behind(time)):
            yield part.time_of(time), keypoints


def _timing_of(motion: Motion) -> Timing:
    if motion.rate is not None:
        return Timing.constant(motion.rate, len(motion), motion.last_duration)
    times = motion.times
    last = motion.last_duration or times[-1] - times[max(0, len(motion) - 2)] or 1 / FALLBACK_RATE
    return Timing(None, motion.time_base, len(motion), times[-1] - times[0] + last, last)
