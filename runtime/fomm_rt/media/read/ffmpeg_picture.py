"""Decodes single pictures with FFmpeg, where OpenCV does not know a format or some of its forms."""

from __future__ import annotations

import io
from typing import Any

import av
from av.video.frame import VideoFrame as CodedFrame
from av.video.reformatter import ColorRange, VideoReformatter
from numpy.typing import NDArray

from fomm_rt.media.read.frame_pixels import EXACT
from fomm_rt.media.read.input_container import decoder_options
from fomm_rt.media.read.picture_format import PictureKind
from fomm_rt.media.read.seekable_file import SeekableFile

_BILINEAR = 0x0002
_DEMUXERS = {
    PictureKind.PNG: "png_pipe",
    PictureKind.JPEG: "jpeg_pipe",
    PictureKind.WEBP: "webp_pipe",
    PictureKind.GIF: "gif",
    PictureKind.TIFF: "tiff_pipe",
    PictureKind.BMP: "bmp_pipe",
    PictureKind.AVIF: "mov",
    PictureKind.JPEG_2000: "j2k_pipe",
}


def decode_with_ffmpeg(content: bytes, kind: PictureKind, max_pixels: int) -> NDArray[Any] | None:
    """Decodes the first picture of a file, as stored: not turned, transparency not applied.

    Not even a file whose header lies is decoded to more than `max_pixels`.

    Returns:
        (H, W, 3) RGB or (H, W, 4) RGBA, uint8 or uint16 over its whole range; None if FFmpeg cannot decode it.
    """
    if kind not in _DEMUXERS:
        return None
    try:
        options = decoder_options(max_pixels)
        file = SeekableFile(io.BytesIO(content))
        with av.open(file, "r", format=_DEMUXERS[kind], options=options) as container:
            container.streams.video[0].codec_context.options = options
            frame = next(container.decode(video=0), None)
            return None if frame is None else _to_rgb(frame)
    except (av.FFmpegError, IndexError, ValueError):
        return None


def _to_rgb(frame: CodedFrame) -> NDArray[Any]:
    form = frame.format
    has_alpha = any(component.is_alpha for component in form.components) or form.has_palette
    is_deep = max(component.bits for component in form.components) > 8
    converted = VideoReformatter().reformat(
        frame,
        format=("rgba64le" if has_alpha else "rgb48le") if is_deep else ("rgba" if has_alpha else "rgb24"),
        interpolation=EXACT | _BILINEAR,
        src_color_range=frame.color_range or ColorRange.JPEG,
        dst_color_range=ColorRange.JPEG,
        threads=1,
    )
    pixels: NDArray[Any] = converted.to_ndarray()
    return pixels
