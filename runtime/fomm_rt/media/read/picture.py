"""Reads a picture from a picture file or from the first frame of a video."""

import logging
import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fomm_rt.errors import MediaError
from fomm_rt.media.read.input_file import name_content, read_head, require_file
from fomm_rt.media.read.picture_format import PictureKind, find_kind
from fomm_rt.media.read.still_picture import decode_still, find_still
from fomm_rt.media.read.video_reader import VideoReader

_logger = logging.getLogger("fomm_rt")

# A picture of unknown format is read whole to be tried; a file larger than this is no picture.
_LARGEST_UNKNOWN_BYTES = 256 * 1024 * 1024


def read_picture(path: str | os.PathLike[str]) -> NDArray[np.uint8]:
    """Reads a picture upright, in colour and without transparency.

    EXIF orientation is honoured, grey becomes RGB, transparency is laid over white and 16 bits become 8 by
    rounding. Of a video or an animation the first frame is taken and a warning is logged.

    Args:
        path: A PNG, JPEG, WebP, TIFF, BMP, GIF or AVIF file or whatever else OpenCV decodes, or a video.

    Returns:
        (H, W, 3) uint8 RGB, contiguous.

    Raises:
        MediaError: If the file is missing, empty, a folder, not permitted, damaged or no picture.
    """
    file = require_file(path)
    kind = find_still(file)
    if kind is PictureKind.HEIC:
        raise MediaError(f"{file} is a HEIC picture, which cannot be read; export it as JPEG or PNG.")
    if kind is not None:
        pixels = decode_still(file, kind)
        # AVIF and GIF are missing from some builds of OpenCV; FFmpeg reads them as videos of one frame.
        if pixels is None and kind in (PictureKind.AVIF, PictureKind.GIF):
            pixels = _read_first_frame(file)
        if pixels is None:
            raise MediaError(f"{file} is a damaged {kind.value} picture; copy or export it again.")
        return pixels
    if find_kind(read_head(file)) is PictureKind.WEBP:
        pixels = decode_still(file, PictureKind.WEBP)
        if pixels is None:
            raise MediaError(f"{file} is an animated WebP, which cannot be read; convert it to GIF or PNG.")
        _warn_of_first_frame(file)
        return pixels
    return _read_unknown(file)


def _read_unknown(file: Path) -> NDArray[np.uint8]:
    """First frame of a video or an animation, else whatever OpenCV can make of the file."""
    try:
        pixels = _read_first_frame(file)
    except MediaError as refusal:
        found = name_content(file)
        if found is None and file.stat().st_size <= _LARGEST_UNKNOWN_BYTES:
            decoded = decode_still(file, None)
            if decoded is not None:
                return decoded
        if found is not None:
            raise MediaError(f"{file} is {found}, not a picture; give a PNG, JPEG or WebP file.") from None
        raise MediaError(
            f"{file} is neither a picture nor a readable video; give a PNG, JPEG or WebP file."
        ) from refusal
    _warn_of_first_frame(file)
    return pixels


def _read_first_frame(file: Path) -> NDArray[np.uint8]:
    with VideoReader.of_moving_picture(file) as reader:
        return next(iter(reader)).pixels


def _warn_of_first_frame(file: Path) -> None:
    _logger.warning("%s is a video; its first frame is used as the picture", file)
