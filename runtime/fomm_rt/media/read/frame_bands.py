"""Bands of rows of decoded frames, to convert large frames in little memory."""

from __future__ import annotations

from itertools import pairwise

from av.filter import Graph
from av.video.frame import VideoFrame as CodedFrame

BAND_PIXELS = 1 << 20
OVERLAP = 8
"""Rows around a band that are converted with it, because chroma is interpolated between rows."""


class FrameBand:
    """Some rows of frames of one size and format.

    Attributes:
        rows: The rows of a frame.
        kept: Those rows among the ones that `cut` returns.
    """

    def __init__(self, frame: CodedFrame, first: int, last: int, height: int) -> None:
        """Takes the rows from `first`, an even number, to before `last`, in cuts of a height."""
        top = min(max(0, first - OVERLAP), frame.height - height) // 2 * 2
        self.rows = slice(first, last)
        self.kept = slice(first - top, last - top)
        graph = Graph()
        size = f"video_size={frame.width}x{frame.height}:pix_fmt={frame.format.name}:time_base=1/1"
        tags = f":colorspace={frame.colorspace}:range={frame.color_range}"
        chain = (
            graph.add("buffer", size + tags),
            graph.add("crop", f"w=iw:h={height}:x=0:y={top}:exact=1"),
            graph.add("buffersink"),
        )
        for one, other in pairwise(chain):
            one.link_to(other)
        graph.configure()
        self._graph, self._source, self._sink = graph, chain[0], chain[-1]

    def cut(self, frame: CodedFrame) -> CodedFrame:
        """Returns the rows with some around them; they share the frame's memory."""
        frame.pts = 0
        self._source.push(frame)
        band = self._sink.pull()
        assert isinstance(band, CodedFrame)
        return band


def split(frame: CodedFrame) -> list[FrameBand]:
    """Splits frames like this one into bands whose cuts have one size."""
    rows = max(2, BAND_PIXELS // frame.width // 2 * 2)
    height = min(frame.height, rows + 2 * OVERLAP)
    return [FrameBand(frame, first, min(frame.height, first + rows), height) for first in range(0, frame.height, rows)]
