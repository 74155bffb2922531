"""Reads a picture from a picture file or from the first frame of a video."""

import logging
import os
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from fomm_rt.errors import MediaError
from fomm_rt.media.read.input_file import HEAD_BYTES, name_content, open_file
from fomm_rt.media.read.limits import Limits, TooLargeError
from fomm_rt.media.read.picture_format import PictureKind, find_picture
from fomm_rt.media.read.reduction import choose_reduction
from fomm_rt.media.read.still_picture import decode_still
from fomm_rt.media.read.video_reader import VideoReader

_logger = logging.getLogger("fomm_rt")


def read_picture(path: str | os.PathLike[str], *, max_pixels: int | None = None) -> NDArray[np.uint8]:
    """Reads a picture upright, in colour and without transparency.

    The orientation that the file states is applied, grey becomes RGB, transparency is composited over white, and
    samples of any depth are rounded to 8 bits. Of a video or an animation the first frame is taken, with a warning in
    the log.

    Args:
        path: A PNG, JPEG, WebP, AVIF, TIFF, GIF, BMP, JPEG 2000, Netpbm, PFM, Radiance HDR or Sun raster file, or a
            video.
        max_pixels: Pixels of the largest picture or frame to decode, see `fomm_rt.media.read.limits`; by default 100
            million of a picture, and fewer if it is deeper than 8 bits, and 35 million of a frame.

    Returns:
        (H, W, 3) uint8 RGB, contiguous.

    Raises:
        MediaError: The file is missing, empty, a folder, not permitted, damaged, too large or not a picture.
    """
    return _read(Path(path), max_pixels, reduces=False)[0]


def read_reduced(path: Path, *, max_pixels: int | None = None) -> tuple[NDArray[np.uint8], int]:
    """Reads a picture of which only a square is used; a very large JPEG is reduced to 1/2, 1/4 or 1/8 of its size.

    It stays large enough that no face in it loses detail, see `fomm_rt.media.read.reduction`.

    Returns:
        The picture as from `read_picture`, and the divisor of its sides: 1, 2, 4 or 8.

    Raises:
        MediaError: See `read_picture`.
    """
    return _read(path, max_pixels, reduces=True)


def _read(path: Path, max_pixels: int | None, *, reduces: bool) -> tuple[NDArray[np.uint8], int]:
    limits = Limits.of(max_pixels)
    reduction = 1
    with open_file(path) as file:
        kind, animated = find_picture(file)
        if kind is PictureKind.HEIC:
            raise MediaError(f"{path} is a HEIC picture, which cannot be read; export it as JPEG or PNG.")
        # Of an AVIF sequence OpenCV reads the still picture beside it, with transparency, which FFmpeg ignores.
        if kind is None or (animated and kind is not PictureKind.AVIF):
            return _read_moving(path, file, max_pixels), reduction
        if reduces and kind is PictureKind.JPEG:
            reduction = choose_reduction(file, limits)
        pixels = decode_still(path, file, kind, limits, reduction)
    if pixels is None:
        raise MediaError(
            f"{path} is a {kind.value} picture that is damaged or stored in an unusual form; copy it again, or convert "
            "it to an ordinary PNG or JPEG."
        )
    if animated:
        _warn_of_first_frame(path)
    return pixels, reduction


def _read_moving(path: Path, file: BinaryIO, max_pixels: int | None) -> NDArray[np.uint8]:
    """Reads the first frame of a video or an animation."""
    try:
        pixels = _read_first_frame(path, max_pixels)
    except TooLargeError:
        raise
    except MediaError as refusal:
        file.seek(0)
        content = name_content(file.read(HEAD_BYTES))
        if content is not None:
            raise MediaError(f"{path} is {content}, not a picture; give a PNG, JPEG or WebP file.") from None
        raise MediaError(
            f"{path} is neither a picture nor a readable video; give a PNG, JPEG or WebP file."
        ) from refusal
    _warn_of_first_frame(path)
    return pixels


def _read_first_frame(path: Path, max_pixels: int | None) -> NDArray[np.uint8]:
    with VideoReader(path, max_pixels=max_pixels) as reader:
        for frame in reader:
            return frame.pixels
    raise MediaError(f"{path} is damaged: no frame of it can be decoded; copy or download it again.")


def _warn_of_first_frame(path: Path) -> None:
    _logger.warning("%s is a video; its first frame is used as the picture", path)
