"""A video file as a camera: frames arrive when a player would show them."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

from fomm_rt.errors import CameraError, MediaError
from fomm_rt.image import Image
from fomm_rt.live.cameras.playback import Playback
from fomm_rt.live.cameras.protocol import CameraStream
from fomm_rt.media.part import Part, seconds
from fomm_rt.media.read.video_reader import VideoReader
from fomm_rt.media.timing import FALLBACK_RATE, Timing


@dataclass(frozen=True)
class FileCamera:
    """Plays a video file as if it were a camera; see `Camera`.

    Attributes:
        path: The file.
        loops: True to start over at the end, without a gap; False to end there.
        start_s: Seconds from the start of the file, where playing starts, also when it starts over.
        title: What to call it; None for its path.
    """

    path: Path
    loops: bool = True
    start_s: float = 0.0
    title: str | None = None
    reconnects: bool = False
    patience_s: float | None = None

    @property
    def name(self) -> str:
        """Its title, or its path."""
        return self.title or str(self.path)

    def open(self) -> CameraStream:
        """Opens the file; the first frame is due when it is asked for."""
        try:
            reader = VideoReader(self.path)
            start = seconds("start", self.start_s)
            part = reader.find_part(start, None) if start else None
        except MediaError as error:
            raise CameraError(str(error)) from error
        timing = reader.timing if part is None else part.timing
        interval_s = _interval_s(timing)
        schedule = _schedule(reader, part, timing, loops=self.loops)
        description = f"{self.name}, {reader.width}×{reader.height}, {1 / interval_s:.3g} fps, a file"
        return Playback(schedule, interval_s, description, reader.close)


def _interval_s(timing: Timing) -> float:
    """Seconds between two frames; on average, if it varies."""
    if timing.rate is None and timing.duration and timing.frame_count:
        return float(timing.duration / timing.frame_count)
    return float(1 / (timing.rate or FALLBACK_RATE))


def _schedule(
    reader: VideoReader, part: Part | None, timing: Timing, *, loops: bool
) -> Generator[tuple[float, Image | None], None, None]:
    """Yields the frames with their times from the first one, then the end of the last one."""
    begin_s = 0.0
    while True:
        first_s = last_s = None
        for frame in reader if part is None else reader.read_part(part):
            last_s = float(frame.time)
            first_s = last_s if first_s is None else first_s
            yield begin_s + last_s - first_s, frame.pixels
        if first_s is None or last_s is None:
            raise MediaError(f"{reader.path} holds no frame that can be read.")
        # A damaged file may hold less or more than it declares.
        shown_s = last_s - first_s + _last_s(timing)
        begin_s += max(shown_s, float(timing.duration or 0))
        if not loops:
            yield begin_s, None
            return


def _last_s(timing: Timing) -> float:
    """Seconds that the last frame is shown."""
    return float(timing.last_duration) if timing.last_duration else _interval_s(timing)
