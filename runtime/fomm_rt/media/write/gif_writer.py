"""Animated GIF, written as the frames come: each frame has its own palette of 256 colours."""

import logging
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from types import TracebackType

import av
import numpy as np
from av.container import OutputContainer
from av.filter import Graph
from av.video.frame import VideoFrame as CodedFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from fomm_rt.errors import OutputError
from fomm_rt.files.staging import StagedOutput, reporting_failures
from fomm_rt.media.read.timing import FALLBACK_RATE, Timing
from fomm_rt.media.write.frame_size import check_frame

_logger = logging.getLogger("fomm_rt")

_TICK = Fraction(1, 100)
# Browsers show a frame of one tick for ten.
_SHORTEST_TICKS = 2


class GifWriter:
    """Writes an endlessly repeating GIF; times are rounded to hundredths of a second without drift."""

    def __init__(self, path: Path, timing: Timing) -> None:
        """Prepares the file.

        Args:
            path: Ends in .gif.
            timing: The timing of the input.

        Raises:
            OutputError: If the file cannot be written.
        """
        self._path = path
        self._timing = timing
        self._staged = StagedOutput(path)
        self._container: OutputContainer | None = None
        self._size: tuple[int, int] | None = None
        self._start = Fraction(0)
        self._latest = Fraction(0)
        self._step = Fraction(0)
        self._ticks = -_SHORTEST_TICKS
        self._count = 0
        self._waiting: NDArray[np.uint8] | None = None

    def __enter__(self) -> "GifWriter":
        self._staged.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            with suppress(Exception):
                self._close()
        finally:
            self._staged.__exit__(kind, error, trace)

    def write(self, pixels: NDArray[np.uint8], time: Fraction) -> None:
        """Encodes one frame.

        Args:
            pixels: (H, W, 3) uint8 RGB, of the first frame's size.
            time: Seconds from the start of the input's container.

        Raises:
            ImageError: If the pixels are not a picture.
            OutputError: If the size changed or the file cannot be written.
        """
        if self._size is None:
            self._start = time
        self._size = check_frame(self._path, self._size, pixels)
        with reporting_failures(self._path, av.FFmpegError):
            if self._container is None:
                self._open(*self._size)
            ticks = max(round((time - self._start) / _TICK), self._ticks + _SHORTEST_TICKS)
            if self._waiting is not None:
                self._encode(self._waiting, ticks - self._ticks)
            self._step = time - self._latest
            self._latest, self._ticks = time, ticks
            self._waiting = pixels.copy()
            self._count += 1

    def commit(self) -> None:
        """Finishes the file and gives it its name.

        Raises:
            OutputError: If no frame was written or the file cannot be finished.
        """
        if self._waiting is None:
            raise OutputError(f"{self._path} would hold no frame; nothing was written.")
        end = self._latest - self._start + self._last_duration()
        with reporting_failures(self._path, av.FFmpegError):
            self._encode(self._waiting, max(_SHORTEST_TICKS, round(end / _TICK) - self._ticks))
            self._mux(self._stream.encode(None), 0)
            self._close()
        late = self._ticks * _TICK - (self._latest - self._start)
        if late > 10 * _TICK:
            _logger.warning(
                "%s: a GIF shows at most 50 frames a second; it plays %.1f seconds longer than the input",
                self._path,
                late,
            )
        self._staged.commit()

    def _last_duration(self) -> Fraction:
        known = self._timing.last_duration_after(self._count)
        if known is not None:
            return known
        if self._timing.rate is not None:
            return 1 / self._timing.rate
        return self._step or 1 / FALLBACK_RATE

    def _open(self, height: int, width: int) -> None:
        graph = Graph()
        source = graph.add("buffer", f"video_size={width}x{height}:pix_fmt=rgb24:time_base=1/100:pixel_aspect=1/1")
        split = graph.add("split")
        palette = graph.add("palettegen", "stats_mode=single")
        apply = graph.add("paletteuse", "new=1:dither=floyd_steinberg")
        sink = graph.add("buffersink")
        source.link_to(split)
        split.link_to(apply, 0, 0)
        split.link_to(palette, 1, 0)
        palette.link_to(apply, 0, 1)
        apply.link_to(sink)
        graph.configure()
        self._graph = graph
        self._container = av.open(str(self._staged.path), mode="w", container_options={"loop": "0"})
        stream = self._container.add_stream("gif", rate=100)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height = width, height
        stream.pix_fmt = "pal8"
        stream.codec_context.time_base = stream.time_base = _TICK
        self._stream = stream

    def _encode(self, pixels: NDArray[np.uint8], duration: int) -> None:
        frame = CodedFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
        frame.pts, frame.time_base = self._ticks, _TICK
        self._graph.vpush(frame)
        while True:
            try:
                indexed = self._graph.vpull()
            except (av.BlockingIOError, av.EOFError):
                return
            indexed.time_base = _TICK
            self._mux(self._stream.encode(indexed), duration)

    def _mux(self, packets: "list[av.Packet[VideoStream]]", duration: int) -> None:
        assert self._container is not None
        for packet in packets:
            packet.duration = duration
            self._container.mux(packet)

    def _close(self) -> None:
        container, self._container = self._container, None
        if container is not None:
            container.close()
