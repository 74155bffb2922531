"""Decodes one still picture with OpenCV or FFmpeg, and refuses partial files.

Damage that the checks before decoding miss shows in the pixels; libjpeg may print a line about it.
"""

from __future__ import annotations

import io
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import cv2
import numpy as np
from numpy.typing import NDArray

from fomm_rt.errors import MediaError
from fomm_rt.media.read.colour import ColourSpace, picture_in_bt709
from fomm_rt.media.read.ffmpeg_picture import decode_with_ffmpeg
from fomm_rt.media.read.formats import jpeg, netpbm
from fomm_rt.media.read.limits import Limits, PictureSize
from fomm_rt.media.read.picture_format import PictureKind, Storage, find_damage, find_size, find_storage
from fomm_rt.media.read.pixels import UPRIGHT, lay_over_white, row_bands, turned

_FLAGS = {
    1: cv2.IMREAD_UNCHANGED,
    2: cv2.IMREAD_REDUCED_COLOR_2 | cv2.IMREAD_IGNORE_ORIENTATION,
    4: cv2.IMREAD_REDUCED_COLOR_4 | cv2.IMREAD_IGNORE_ORIENTATION,
    8: cv2.IMREAD_REDUCED_COLOR_8 | cv2.IMREAD_IGNORE_ORIENTATION,
}
"""Reduction -> how OpenCV decodes; the picture is turned afterwards."""

_ALIGNMENT = 128
"""FFmpeg pads pictures to multiples of up to this."""


@dataclass(frozen=True, eq=False)
class _Samples:
    """A decoded picture as stored.

    Attributes:
        colour: (H, W, 1) grey or (H, W, 3), of any type.
        alpha: (H, W) opacity of the same type, None if the picture is opaque.
    """

    colour: NDArray[Any]
    alpha: NDArray[Any] | None

    @classmethod
    def of(cls, decoded: NDArray[Any]) -> _Samples:
        """Splits (H, W) or (H, W, 1 to 4); two and four channels end with opacity."""
        channels = decoded[..., None] if decoded.ndim == 2 else decoded
        count = channels.shape[2]
        return cls(channels[..., : 1 if count < 3 else 3], channels[..., -1] if count in (2, 4) else None)

    def rows(self, rows: slice) -> _Samples:
        """Some rows of the picture; no copy."""
        return _Samples(self.colour[rows], None if self.alpha is None else self.alpha[rows])


def decode_still(
    path: Path, file: BinaryIO, kind: PictureKind, limits: Limits, reduction: int = 1
) -> NDArray[np.uint8] | None:
    """Decodes an open picture file upright and opaque to (H, W, 3) uint8 RGB; None if it cannot be decoded.

    The sides of a JPEG are divided by `reduction`, which is 1, 2, 4 or 8.

    Raises:
        MediaError: The file is damaged, cut off, or too large to decode.
    """
    limits.check_picture(path, kind.value, file.seek(0, os.SEEK_END), None)
    file.seek(0)
    content = file.read()
    size = find_size(content, kind) if reduction == 1 else jpeg.find_size(content, reduction)
    if size is None:
        return None
    limits.check_picture(path, kind.value, len(content), size)
    damage = find_damage(content, kind)
    if damage:
        raise MediaError(f"{path} is not a complete {kind.value} picture: {damage}. Copy or export it again.")
    storage = find_storage(io.BytesIO(content), kind)
    decoded = _decode(path, content, kind, storage, size, reduction)
    del content  # no longer needed, and perhaps large
    if decoded is None:
        return None
    samples, storage = decoded
    del decoded
    picture = _to_rgb(path, samples, storage)
    del samples
    return np.ascontiguousarray(turned(picture, storage.turn))


def _decode(
    path: Path, content: bytes, kind: PictureKind, storage: Storage, size: PictureSize, reduction: int
) -> tuple[_Samples, Storage] | None:
    """Decodes a file with the decoder that is right for it; returns the samples and the conversion still to do."""
    samples = (
        _decode_with_opencv(path, content, kind, _FLAGS[reduction]) if _is_known_to_opencv(kind, storage) else None
    )
    if samples is not None and not _is_misread(samples, storage):
        return samples, _after_opencv(storage, samples)
    if _has_long_numbers(storage) or reduction > 1:
        return None
    if kind is PictureKind.NETPBM:
        decoded = netpbm.decode(content)
    else:
        decoded = decode_with_ffmpeg(content, kind, (size.width + _ALIGNMENT) * (size.height + _ALIGNMENT))
    return None if decoded is None else (_Samples.of(decoded), replace(storage, bits=16, tiff=None))


def _is_known_to_opencv(kind: PictureKind, storage: Storage) -> bool:
    """Returns False for files that OpenCV decodes wrongly without an error."""
    if kind in (PictureKind.NETPBM, PictureKind.JPEG_2000):  # samples of other depths than 8 and 16 bits
        return False
    layout = storage.tiff
    return layout is None or not (layout.samples == 2 or (layout.is_planar and layout.bits > 8))


def _is_misread(samples: _Samples, storage: Storage) -> bool:
    """Returns True if whole numbers were taken for floats, as older versions of OpenCV do with 32 bits."""
    return _has_long_numbers(storage) and samples.colour.dtype.kind == "f"


def _has_long_numbers(storage: Storage) -> bool:
    """Returns True for TIFF of whole numbers of more than 16 bits, which FFmpeg takes for floats."""
    return storage.tiff is not None and storage.tiff.bits > 16 and not storage.tiff.is_float


def _decode_with_opencv(path: Path, content: bytes, kind: PictureKind, flags: int) -> _Samples | None:
    try:
        decoded = cv2.imdecode(np.frombuffer(content, np.uint8), flags)
    except cv2.error as error:
        raise MediaError(
            f"{path} is a {kind.value} picture that OpenCV refuses to decode: it is damaged or has an unusual form. "
            "Convert it to an ordinary PNG or JPEG."
        ) from error
    if decoded is None:
        return None
    samples = _Samples.of(decoded)
    return replace(samples, colour=samples.colour[..., ::-1])


def _after_opencv(storage: Storage, samples: _Samples) -> Storage:
    """Returns the conversion still to do after OpenCV, which turns TIFF itself and scales its samples specially."""
    layout = storage.tiff
    if layout is None:
        return storage
    # libtiff multiplies 8-bit colours by their opacity.
    premultiplied = storage.premultiplied or (layout.transparency == "unassociated" and layout.bits == 8)
    # It inverts 8-bit samples itself, but no deeper ones.
    inverted = layout.is_inverted and samples.colour.dtype != np.uint8
    return replace(storage, turn=UPRIGHT, premultiplied=premultiplied, tiff=replace(layout, is_inverted=inverted))


def _to_rgb(path: Path, samples: _Samples, storage: Storage) -> NDArray[np.uint8]:
    """Converts samples of any depth to (H, W, 3) uint8 RGB, opaque but not yet turned upright."""
    form = samples.colour.dtype
    if form.kind not in "uf":
        raise MediaError(f"{path} has {form} pixels; whole numbers from 0 were expected. Convert it to PNG.")
    height, width = samples.colour.shape[:2]
    picture = np.empty((height, width, 3), np.uint8)
    for rows in row_bands(height, width):
        picture[rows] = _band_to_rgb(samples.rows(rows), storage, _white(form, storage))
    return picture


def _band_to_rgb(samples: _Samples, storage: Storage, white: int) -> NDArray[np.uint8]:
    colour = _full_range(samples.colour, white)
    if storage.tiff is not None and storage.tiff.is_inverted:
        colour = np.invert(colour)
    if colour.shape[2] == 1:
        colour = colour.repeat(3, axis=2)
    if storage.code_points is not None and (space := ColourSpace(*storage.code_points)).is_foreign:
        colour = picture_in_bt709(colour.astype(np.uint16) * 257 if colour.dtype == np.uint8 else colour, space)
    if samples.alpha is not None:
        alpha = _full_range(samples.alpha, white)
        if alpha.dtype != colour.dtype:
            alpha = alpha.astype(np.uint16) * 257
        colour = lay_over_white(colour, alpha, premultiplied=storage.premultiplied)
    if colour.dtype == np.uint16:
        colour = (colour.astype(np.uint32) * 255 + 32767) // 65535
    return np.asarray(colour, np.uint8)


def _white(form: np.dtype[Any], storage: Storage) -> int:
    """Returns the value of white: OpenCV shifts TIFF's samples of 10, 12 and 14 bits to the left, others it leaves."""
    room = 8 * form.itemsize
    if form.kind == "f" or not 8 < storage.bits < room:
        return int(2**room - 1)
    white = 2**storage.bits - 1
    return int(white if storage.tiff is None else white << (room - storage.bits))


def _full_range(samples: NDArray[Any], white: int) -> NDArray[Any]:
    """Scales samples to the whole range of uint8 or uint16; 1.0 is white in floats."""
    if samples.dtype.kind == "f":
        return np.asarray(np.rint(np.nan_to_num(samples).clip(0.0, 1.0) * 65535), np.uint16)
    if samples.dtype == np.uint8 or white == 65535:
        return samples
    return np.asarray((np.minimum(samples, white).astype(np.uint64) * 65535 + white // 2) // white, np.uint16)
