"""Decodes one still picture with OpenCV, without accepting half a file.

Damage that the checks before decoding miss shows in the pixels; libjpeg may print a line about it.
"""

import os
from pathlib import Path
from typing import Any, BinaryIO

import cv2
import numpy as np
from numpy.typing import NDArray

from fomm_rt.errors import MediaError
from fomm_rt.media.read.picture_format import PictureKind, find_damage, find_orientation
from fomm_rt.media.read.pixels import lay_over_white, orient_by_exif

# More than any picture that OpenCV accepts takes, compressed.
_LARGEST_BYTES = 1 << 30


def decode_still(path: Path, file: BinaryIO, kind: PictureKind | None) -> NDArray[np.uint8] | None:
    """Decodes an open picture file upright and opaque to (H, W, 3) uint8 RGB; None if OpenCV does not know its format.

    `kind` is None if only OpenCV may know the format.

    Raises:
        MediaError: The file is damaged, cut off, or too large to decode.
    """
    size = file.seek(0, os.SEEK_END)
    if size > _LARGEST_BYTES:
        raise MediaError(
            f"{path} has {size >> 20} MiB; a {_name(kind)} picture of at most {_LARGEST_BYTES >> 20} was expected. "
            "Make it smaller or convert it to MP4."
        )
    file.seek(0)
    content = file.read()
    damage = find_damage(content, kind) if kind else None
    if damage:
        raise MediaError(f"{path} is not a complete {_name(kind)} picture: {damage}. Copy or export it again.")
    try:
        decoded = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise MediaError(
            f"{path} is a {_name(kind)} picture that OpenCV refuses to decode: it has more than 2^30 pixels or an "
            "unusual form. Scale it down or convert it to an ordinary PNG or JPEG."
        ) from error
    if decoded is None:
        return None
    pixels = _to_rgb(path, decoded)
    # OpenCV turns TIFF pictures itself; other formats it leaves as stored, with IMREAD_UNCHANGED.
    if kind is not None and kind is not PictureKind.TIFF:
        pixels = orient_by_exif(pixels, find_orientation(content, kind))
    return np.ascontiguousarray(pixels)


def _to_rgb(path: Path, decoded: NDArray[Any]) -> NDArray[np.uint8]:
    """Converts (H, W), (H, W, 1), (H, W, 3) BGR or (H, W, 4) BGRA of any depth to (H, W, 3) uint8 RGB."""
    if decoded.dtype.kind == "f":
        decoded = np.rint(np.nan_to_num(decoded).clip(0.0, 1.0) * 255).astype(np.uint8)
    if decoded.dtype not in (np.dtype(np.uint8), np.dtype(np.uint16)):
        raise MediaError(f"{path} has {decoded.dtype} pixels; 8 or 16 bits were expected. Convert it to PNG.")
    if decoded.ndim == 2:
        decoded = decoded[..., None]
    channels = decoded.shape[2]
    colour = decoded[..., :1].repeat(3, axis=2) if channels < 3 else decoded[..., 2::-1]
    if channels in (2, 4):
        colour = lay_over_white(colour, decoded[..., -1])
    if colour.dtype == np.uint16:
        colour = ((colour.astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8)
    return colour


def _name(kind: PictureKind | None) -> str:
    return kind.value if kind else "unknown"
