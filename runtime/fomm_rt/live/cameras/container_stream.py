"""Reads a camera or a network stream that FFmpeg has opened: the newest frame, with the least delay."""

from __future__ import annotations

import statistics
from collections import deque
from collections.abc import Callable
from fractions import Fraction
from time import perf_counter, sleep

import av
from av.codec.context import Flags, ThreadType
from av.container import InputContainer
from av.video.frame import VideoFrame as CodedFrame
from av.video.stream import VideoStream

from fomm_rt.errors import CameraError
from fomm_rt.image import Image
from fomm_rt.live.cameras.capture_clock import CaptureClock
from fomm_rt.live.cameras.failures import stalled, unreadable
from fomm_rt.live.cameras.v4l2 import format_name
from fomm_rt.live.frames import CameraFrame
from fomm_rt.media.read.frame_pixels import FramePixels

FALLBACK_FPS = 30
LONGEST_SKIP_S = 0.25
"""A machine that cannot decode as fast as frames come still gets one in this time."""
WITHOUT_TIMES = frozenset({"mpjpeg", "mjpeg", "jpeg_pipe", "h264", "hevc", "m4v"})
"""Formats that carry no times; FFmpeg makes some up, at 25 frames per second."""
WAITED_S = 0.002
"""A packet that takes longer to get was not there yet."""
_INTERVALS = 30

Wait = Callable[[float], bool]
"""Waits for the next packet up to some seconds; returns True if it is there."""


class ContainerStream:
    """An open camera or network stream; see `CameraStream`.

    Args:
        container: What FFmpeg opened; belongs to the stream from now on.
        name: As a user would call the camera.
        clock: For the time stamps of this camera.
        patience_s: `read` fails after about so many seconds without a picture.
        explain: Turns an error of FFmpeg into the one to raise.
        wait: Waits for a packet; None if only reading waits.
        is_paced: True if the other end sends faster than frames follow each other, as a file on a server.

    Raises:
        CameraError: It has no pictures, or they cannot be decoded.
    """

    def __init__(
        self,
        container: InputContainer,
        name: str,
        clock: CaptureClock,
        patience_s: float,
        explain: Callable[[Exception], CameraError],
        *,
        wait: Wait | None = None,
        is_paced: bool = False,
    ) -> None:
        self._container, self._name, self._clock, self._explain = container, name, clock, explain
        # Ends before whoever watches `read` would give it up.
        self._patience_s = patience_s
        self._wait, self._is_paced = wait, is_paced
        video = _readable_video(container, name)
        self._context = video.codec_context
        # Threads that decode several frames at a time hold some back; threads within a frame do not.
        self._context.thread_type = ThreadType.SLICE
        self._context.flags |= Flags.low_delay
        self._is_intra_only = self._context.codec.intra_only
        self._time_base = video.time_base or Fraction(1, av.time_base)
        self._packets = container.demux(video)
        self._pixels = FramePixels(video.sample_aspect_ratio, is_exact=False)
        self._has_times = container.format.name not in WITHOUT_TIMES
        self._told_fps = video.average_rate if self._has_times else None
        self.interval_s = float(1 / (self._told_fps or FALLBACK_FPS))
        self._intervals: deque[float] = deque(maxlen=_INTERVALS)
        self._latest_s: float | None = None
        self._first: tuple[float, float] | None = None
        self._sequence = -1
        self._size = (self._context.width, self._context.height)

    @property
    def description(self) -> str:
        """Name, size, rate and format; see `CameraStream`."""
        width, height = self._size
        context = self._context
        code = format_name(context.pix_fmt or "" if context.name == "rawvideo" else context.name)
        is_known = self._told_fps or len(self._intervals) == _INTERVALS
        rate = f"{1 / self.interval_s:.3g} fps, " if is_known else ""
        return f"{self._name}, {width}×{height}, {rate}{code.upper()}"

    def read(self) -> CameraFrame | None:
        """Waits for the next frame and gives the newest; see `CameraStream`."""
        start_s = perf_counter()
        is_silent = True
        while True:
            asked_s = perf_counter()
            left_s = start_s + 0.9 * self._patience_s - asked_s
            if left_s <= 0 or (self._wait is not None and not self._wait(left_s)):
                raise stalled(self._name, self._patience_s) if is_silent else unreadable(self._name)
            packet = self._next_packet()
            is_silent = False
            arrived_s = perf_counter()
            has_waited = arrived_s - asked_s > WAITED_S
            may_skip = arrived_s - start_s < LONGEST_SKIP_S
            if self._is_intra_only:
                captured_s = self._note(packet.pts, arrived_s, has_waited)
                if may_skip and self._newer_waits():
                    self._sequence += 1
                    continue
            frames = self._decode(packet)
            if not frames:
                continue
            self._sequence += len(frames)
            if not self._is_intra_only:
                captured_s = self._note(frames[-1].pts, arrived_s, has_waited)
                if may_skip and self._newer_waits():
                    continue
            return CameraFrame(self._sequence, captured_s, self._convert(frames[-1]))

    def close(self) -> None:
        """Frees the device or ends the connection."""
        self._container.close()

    def _next_packet(self) -> av.Packet[VideoStream]:
        try:
            packet = next(self._packets, None)
        except (av.FFmpegError, OSError) as error:
            raise self._explain(error) from error
        if packet is None or not packet.size:  # the empty packet that flushes decoders comes at the end
            raise CameraError(f"{self._name} has ended; the other side closed it.")
        return packet

    def _decode(self, packet: av.Packet[VideoStream]) -> list[CodedFrame]:
        try:
            return self._context.decode(packet)
        except av.FFmpegError:
            return []  # one that was damaged on the way, or that needs a key frame which came before

    def _convert(self, frame: CodedFrame) -> Image:
        self._size = (frame.width, frame.height)
        return self._pixels.convert(frame)

    def _note(self, ticks: int | None, arrived_s: float, has_waited: bool) -> float:
        """Returns when a frame was taken; measures the interval between frames."""
        stamp_s = float(ticks * self._time_base) if self._has_times and ticks is not None else None
        if stamp_s is not None and self._is_paced:
            due_s = self._due(stamp_s, arrived_s)
            sleep(max(0.0, due_s - arrived_s))
            arrived_s, has_waited = max(due_s, arrived_s), due_s > arrived_s
        self._measure(arrived_s if stamp_s is None else stamp_s)
        return self._clock.captured_s(stamp_s, arrived_s, has_waited=has_waited)

    def _due(self, stamp_s: float, arrived_s: float) -> float:
        """When a frame of a file on a server is to be shown."""
        self._first = self._first or (stamp_s, arrived_s)
        return self._first[1] + stamp_s - self._first[0]

    def _measure(self, time_s: float) -> None:
        if self._latest_s is not None and time_s > self._latest_s:
            self._intervals.append(time_s - self._latest_s)
            if len(self._intervals) == _INTERVALS:
                self.interval_s = statistics.median(self._intervals)
        self._latest_s = time_s

    def _newer_waits(self) -> bool:
        """True if a newer frame has come already, or comes any moment."""
        return self._clock.late_s > self.interval_s or (self._wait is not None and self._wait(0))


def _readable_video(container: InputContainer, name: str) -> VideoStream:
    for stream in container.streams.video:
        if stream.codec_context is not None:
            return stream
    raise unreadable(name)
