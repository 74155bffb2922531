"""The base of all writers of video formats."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import ClassVar

import av
from av.container import OutputContainer
from av.video.frame import VideoFrame as CodedFrame
from av.video.stream import VideoStream
from typing_extensions import Self, override

from fomm_rt.errors import OutputError
from fomm_rt.files.staging import Staged, reporting_failures
from fomm_rt.image import Image, check_image
from fomm_rt.media.write.frame_clock import FrameClock, GifClock


class FrameWriter(ABC):
    """Takes frames and keeps them only if committed; leaving the context without `commit` discards them.

    `path` is the result, for messages; `staged`, where it is written until then, is entered and left with this writer.

    Attributes:
        left_out: Parts of the input that the result lacks, with a warning: "sound".
    """

    has_one_size: ClassVar[bool] = True
    """True if all frames must have the size of the first."""

    def __init__(self, path: Path, staged: Staged) -> None:
        self._path = path
        self._staged = staged
        self._count = 0
        self._size = (0, 0)
        self.left_out: list[str] = []

    def __enter__(self) -> Self:
        self._staged.__enter__()
        return self

    def __exit__(self, *details: object) -> None:
        try:
            # Closing a container writes its trailer, which fails again on a full disk. The file is removed anyway.
            with suppress(Exception):
                self._close()
        finally:
            self._staged.__exit__(*details)

    def write(self, pixels: Image, time: Fraction) -> None:
        """Writes one frame, (H, W, 3) uint8 RGB, with its time in seconds from the start of the input's container."""
        check_image(pixels)
        height, width = pixels.shape[:2]
        if self._count == 0:
            self._size = height, width
        elif self.has_one_size and self._size != (height, width):
            raise OutputError(
                f"{self._path} has frames of {self._size[1]}x{self._size[0]} pixels; one of {width}x{height} cannot "
                "follow. Write frames of one size."
            )
        self._count += 1
        with reporting_failures(self._path, av.FFmpegError):
            self._write(pixels, time)

    def commit(self) -> None:
        """Finishes the result and puts it in place of an old one."""
        if self._count == 0:
            raise OutputError(f"{self._path} would hold no frame; nothing was written.")
        with reporting_failures(self._path, av.FFmpegError):
            self._finish()
            self._close()
        self._staged.commit()

    @abstractmethod
    def _write(self, pixels: Image, time: Fraction) -> None:
        """Writes a frame that was checked."""

    @abstractmethod
    def _finish(self) -> None:
        """Writes the rest after the last frame."""

    @abstractmethod
    def _close(self) -> None:
        """Closes what is open; may be called again."""


class ContainerWriter(FrameWriter):
    """Encodes frames into a container, each with its own duration."""

    _stream: VideoStream

    def __init__(self, path: Path, staged: Staged, clock: FrameClock | GifClock) -> None:
        super().__init__(path, staged)
        self._clock = clock
        self._container: OutputContainer | None = None
        self._waiting: CodedFrame | None = None
        self._durations: dict[int, int] = {}

    @abstractmethod
    def _open(self, height: int, width: int) -> None:
        """Opens the container, with a video stream, for frames of a size."""

    @abstractmethod
    def _convert(self, pixels: Image) -> CodedFrame:
        """Returns a frame in the form that the encoder, or `_filter`, takes."""

    def _filter(self, frame: CodedFrame) -> Iterator[CodedFrame]:
        """Passes a frame through a filter in front of the encoder."""
        yield frame

    @override
    def _write(self, pixels: Image, time: Fraction) -> None:
        if self._container is None:
            self._open(*self._size)
        frame = self._convert(pixels)
        frame.pts = self._clock.stamp(time)
        frame.time_base = self._clock.time_base
        # A frame waits for the next one, which determines its duration.
        if self._waiting is not None:
            self._encode(self._waiting, frame.pts - (self._waiting.pts or 0))
        self._waiting = frame

    @override
    def _finish(self) -> None:
        if self._waiting is not None:
            self._encode(self._waiting, self._clock.last_duration())
            self._waiting = None
        self._mux(self._stream.encode(None))

    @override
    def _close(self) -> None:
        container, self._container = self._container, None
        if container is not None:
            container.close()

    def _encode(self, frame: CodedFrame, duration: int) -> None:
        assert frame.pts is not None
        self._durations[frame.pts] = duration
        for filtered in self._filter(frame):
            self._mux(self._stream.encode(filtered))

    def _mux(self, packets: list[av.Packet[VideoStream]]) -> None:
        assert self._container is not None
        for packet in packets:
            if packet.pts is not None:
                packet.duration = self._durations.pop(packet.pts, packet.duration)
            self._container.mux(packet)
