"""Reads the newest frame of a camera or network stream that FFmpeg has opened, with the least delay."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from time import perf_counter
from typing import cast

import av
from av.codec.context import Flags, ThreadType
from av.container import InputContainer
from av.video.frame import VideoFrame as CodedFrame
from av.video.stream import VideoStream

from fomm_rt.errors import CameraError
from fomm_rt.image import Image
from fomm_rt.live.cameras.capture_clock import CaptureClock
from fomm_rt.live.cameras.failures import stalled, unreadable
from fomm_rt.live.cameras.frame_times import FrameTimes
from fomm_rt.live.cameras.v4l2 import format_name
from fomm_rt.live.frames import CameraFrame
from fomm_rt.media.read.frame_pixels import FramePixels

LONGEST_SKIP_S = 0.25
"""A machine that decodes slower than frames arrive still gets one frame in this time."""
SHARE_OF_PATIENCE = 0.9
"""`read` gives up a silent camera before `Capture` does, so the camera is closed and not left behind."""

STALE_INTERVALS = 3
"""After a long pause, the driver's buffers hold its oldest frames. If the last of them is older than this many
intervals, the next frame is the newest."""

# Devices whose packets are buffers of the driver. FFmpeg returns them through the container, and crashes if that is
# closed by then, so packets are copied at once and none is kept.
_LENDERS = frozenset({"v4l2", "video4linux2,v4l2"})
# Formats without timestamps: FFmpeg invents some, at 25 frames per second.
_WITHOUT_TIMES = frozenset({"mpjpeg", "mjpeg", "jpeg_pipe", "h264", "hevc", "m4v"})

Wait = Callable[[float], bool]
"""Waits for the next packet up to some seconds; returns True if it is there."""


class ContainerStream:
    """An open camera or network stream; see `CameraStream`.

    Args:
        container: The container that FFmpeg opened; the stream closes it, even if it cannot be read.
        name: As a user would call the camera.
        clock: For the time stamps of this camera.
        patience_s: `read` fails after about this many seconds without a picture.
        explain: Turns an error of FFmpeg into the one to raise.
        wait: Waits for a packet; None if only reading waits.
        is_paced: True if the sender is faster than the frame rate, like a file on a server, so reading must wait.

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
        self._container, self._name, self._explain, self._wait = container, name, explain, wait
        self._patience_s = patience_s
        video = next((stream for stream in container.streams.video if stream.codec_context is not None), None)
        if video is None:
            container.close()
            raise unreadable(name)
        self._context = video.codec_context
        # Frame threading holds frames back; slice threading does not.
        self._context.thread_type = ThreadType.SLICE
        self._context.flags |= Flags.low_delay
        self._is_intra_only = self._context.codec.intra_only
        self._packets = container.demux(video)
        self._pixels = FramePixels(video.sample_aspect_ratio, is_exact=False)
        self._is_lent = container.format.name in _LENDERS
        has_times = container.format.name not in _WITHOUT_TIMES
        time_base = video.time_base or Fraction(1, av.time_base)
        self._times = FrameTimes(
            clock, time_base if has_times else None, video.average_rate if has_times else None, is_paced=is_paced
        )
        self._sequence = -1
        self._size = (self._context.width, self._context.height)

    @property
    def interval_s(self) -> float:
        """Seconds between two frames; see `CameraStream`."""
        return self._times.interval_s

    @property
    def description(self) -> str:
        """Name, size, rate and format; see `CameraStream`."""
        width, height = self._size
        context = self._context
        code = format_name(context.pix_fmt or "" if context.name == "rawvideo" else context.name)
        rate = f"{1 / self.interval_s:.3g} fps, " if self._times.is_rate_known else ""
        return f"{self._name}, {width}×{height}, {rate}{code.upper()}"

    def read(self) -> CameraFrame:
        """Waits for the next frame and gives the newest; see `CameraStream`."""
        start_s = perf_counter()
        has_come = has_skipped = False
        while True:
            left_s = start_s + SHARE_OF_PATIENCE * self._patience_s - self._times.ask()
            if left_s <= 0 or (self._wait is not None and not self._wait(left_s)):
                raise unreadable(self._name) if has_come else stalled(self._name, self._patience_s)
            packet = self._next_packet()
            has_come = True
            arrived_s = perf_counter()
            may_skip = arrived_s - start_s < LONGEST_SKIP_S
            if self._is_intra_only:
                # An old picture that no later one needs is skipped before it is decoded.
                captured_s = self._times.captured_s(packet.pts, arrived_s)
                if may_skip and self._newer_waits(arrived_s - captured_s if has_skipped else 0):
                    self._sequence += 1
                    has_skipped = True
                    continue
            frames = self._decode(packet)
            if not frames:
                continue
            self._sequence += len(frames)
            if not self._is_intra_only:
                captured_s = self._times.captured_s(frames[-1].pts, arrived_s)
                if may_skip and self._newer_waits(arrived_s - captured_s if has_skipped else 0):
                    has_skipped = True
                    continue
            return CameraFrame(self._sequence, captured_s, self._convert(frames[-1]))

    def close(self) -> None:
        """Frees the device or ends the connection."""
        self._packets = iter(())  # releases the latest packet
        self._container.close()

    def _next_packet(self) -> av.Packet[VideoStream]:
        try:
            packet = next(self._packets, None)
        except (av.FFmpegError, OSError) as error:
            raise self._explain(error) from error
        if packet is None:
            raise CameraError(f"{self._name} has ended; the other side closed it.")
        return _copied(packet) if self._is_lent and packet.size else packet

    def _decode(self, packet: av.Packet[VideoStream]) -> list[CodedFrame]:
        """The frames of a packet; none if it was damaged in transfer or needs a key frame that was missed."""
        if not packet.size:
            return []
        try:
            return self._context.decode(packet)
        except av.FFmpegError:
            return []

    def _convert(self, frame: CodedFrame) -> Image:
        self._size = (frame.width, frame.height)
        try:
            return self._pixels.convert(frame)
        except (av.FFmpegError, OSError, ValueError) as error:
            raise unreadable(self._name) from error

    def _newer_waits(self, age_s: float) -> bool:
        """True if a newer frame is there, or due at once after frames as old as this one."""
        due_s = self.interval_s if age_s > STALE_INTERVALS * self.interval_s else 0
        return self._times.is_late or (self._wait is not None and self._wait(due_s))


def _copied(packet: av.Packet[VideoStream]) -> av.Packet[VideoStream]:
    own = av.Packet(bytes(packet))
    own.pts, own.dts, own.time_base = packet.pts, packet.dts, packet.time_base
    return cast("av.Packet[VideoStream]", own)
