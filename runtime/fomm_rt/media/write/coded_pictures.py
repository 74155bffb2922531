"""Converts pictures for video encoders: 4:2:0 chroma, limited range, with colour tags."""

from __future__ import annotations

import numpy as np
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame as CodedFrame
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter

from fomm_rt.image import Image
from fomm_rt.media.read.frame_pixels import EXACT, guess_colorspace

_SCALING = EXACT | 0x0004

# Numbers of ITU-T H.273. Pixels have the primaries and nearly the transfer of BT.709 at every size; only the matrix
# follows the height, because players that read no tags guess it so.
_BT709 = 1
_MATRICES = {Colorspace.ITU709: 1, Colorspace.ITU601: 6}


class CodedPictures:
    """Converts pictures of one height, which decides about their matrix."""

    def __init__(self, height: int) -> None:
        self._colorspace = guess_colorspace(height)
        self._reformatter = VideoReformatter()

    def tag(self, context: VideoCodecContext) -> None:
        """Tags an encoder, and so its file, with the colours of the pictures."""
        context.colorspace = _MATRICES[self._colorspace]
        context.color_primaries = context.color_trc = _BT709
        context.color_range = ColorRange.MPEG

    def convert(self, pixels: Image) -> CodedFrame:
        """Converts a picture, (H, W, 3) uint8 RGB of even sizes, to yuv420p."""
        frame = self._reformatter.reformat(
            CodedFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24"),
            format="yuv420p",
            dst_colorspace=self._colorspace,
            interpolation=_SCALING,
            src_color_range=ColorRange.JPEG,
            dst_color_range=ColorRange.MPEG,
            threads=1,
        )
        frame.color_primaries = frame.color_trc = _BT709
        return frame
