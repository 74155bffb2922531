"""Animated GIF, written as the frames come: each frame has its own palette of 256 colours."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.filter import Graph
from av.video.frame import VideoFrame as CodedFrame
from av.video.stream import VideoStream
from typing_extensions import override

from fomm_rt.files.staging import Staged
from fomm_rt.image import Image
from fomm_rt.media.timing import FALLBACK_RATE, Timing
from fomm_rt.media.write.frame_writer import Clock, ContainerWriter

_logger = logging.getLogger("fomm_rt")

_TICK = Fraction(1, 100)
# Browsers show a frame of one tick for ten.
_SHORTEST_TICKS = 2


class GifWriter(ContainerWriter):
    """Writes an endlessly repeating GIF; times are rounded to hundredths of a second without drift.

    Args:
        path: The result, for messages.
        staged: Where it is written until it is committed.
        timing: The timing of the input.
    """

    _clock: _GifClock

    def __init__(self, path: Path, staged: Staged, timing: Timing) -> None:
        super().__init__(path, staged, _GifClock(timing))

    @override
    def _finish(self) -> None:
        super()._finish()
        if self._clock.late_s > 10 * _TICK:
            _logger.warning(
                "%s: a GIF shows at most 50 frames a second; it plays %.1f seconds longer than the input",
                self._path,
                self._clock.late_s,
            )

    @override
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

    @override
    def _convert(self, pixels: Image) -> CodedFrame:
        return CodedFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")

    @override
    def _filter(self, frame: CodedFrame) -> Iterator[CodedFrame]:
        self._graph.vpush(frame)
        while True:
            try:
                indexed = self._graph.vpull()
            except (av.BlockingIOError, av.EOFError):
                return
            indexed.time_base = _TICK
            yield indexed


class _GifClock(Clock):
    """Times in hundredths of a second from the first frame.

    Attributes:
        late_s: Seconds that the latest frame is shown later than in the input.
    """

    def __init__(self, timing: Timing) -> None:
        self.time_base = _TICK
        self.late_s = Fraction(0)
        self._timing = timing
        self._start = self._latest = self._step = Fraction(0)
        self._ticks = -_SHORTEST_TICKS
        self._count = 0

    @override
    def stamp(self, time: Fraction) -> int:
        if self._count == 0:
            self._start = time
        self._step, self._latest = time - self._latest, time
        self._ticks = max(round((time - self._start) / _TICK), self._ticks + _SHORTEST_TICKS)
        self.late_s = self._ticks * _TICK - (time - self._start)
        self._count += 1
        return self._ticks

    @override
    def last_duration(self) -> int:
        duration = self._timing.last_duration_after(self._count)
        if duration is None:
            duration = 1 / self._timing.rate if self._timing.rate else self._step or 1 / FALLBACK_RATE
        end = self._latest - self._start + duration
        return max(_SHORTEST_TICKS, round(end / _TICK) - self._ticks)
