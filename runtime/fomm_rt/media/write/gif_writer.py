"""Writes animated GIFs frame by frame, each frame with its own palette of up to 256 colours."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
from av.filter import Graph
from av.video.frame import VideoFrame as CodedFrame
from av.video.stream import VideoStream
from typing_extensions import override

from fomm_rt.files.staging import Staged
from fomm_rt.image import Image
from fomm_rt.media.timing import Timing
from fomm_rt.media.write.frame_clock import GIF_TICK, GifClock
from fomm_rt.media.write.frame_writer import ContainerWriter
from fomm_rt.media.write.quality import DEFAULT_QUALITY, gif_colours

_logger = logging.getLogger("fomm_rt")


class GifWriter(ContainerWriter):
    """Writes an endlessly repeating GIF; times are rounded to hundredths of a second without drift."""

    _clock: GifClock

    def __init__(self, path: Path, staged: Staged, timing: Timing, quality: int = DEFAULT_QUALITY) -> None:
        super().__init__(path, staged, GifClock(timing))
        self._colours = gif_colours(quality)

    @override
    def _finish(self) -> None:
        super()._finish()
        if self._clock.late_s > 10 * GIF_TICK:
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
        palette = graph.add("palettegen", f"stats_mode=single:max_colors={self._colours}")
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
        stream.codec_context.time_base = stream.time_base = GIF_TICK
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
            indexed.time_base = GIF_TICK
            yield indexed
