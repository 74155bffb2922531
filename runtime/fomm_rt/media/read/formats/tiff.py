"""TIFF: size of the first picture, and how its pixels are stored. EXIF is a TIFF structure, too.

Source: TIFF revision 6.0, 1992.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from fomm_rt.media.read.limits import PictureSize, by_opencv

_BYTE_ORDERS = {b"II*\x00": "<", b"MM\x00*": ">"}
_SIZES = {1: "B", 3: "H", 4: "I"}
_BITS, _PHOTOMETRIC, _ORIENTATION, _SAMPLES, _PLANAR, _EXTRA, _FORMAT = 258, 262, 274, 277, 284, 338, 339
_WIDTH, _HEIGHT, _ROWS_PER_STRIP, _TILE_WIDTH, _TILE_HEIGHT = 256, 257, 278, 322, 323
_MIN_IS_WHITE = 0
_SEPARATE_PLANES = 2
_FLOATS = 3
_ASSOCIATED, _UNASSOCIATED = 1, 2
# More values of one tag are not needed, whatever a damaged file says.
_MOST_VALUES = 16


@dataclass(frozen=True)
class TiffLayout:
    """How a picture's pixels are stored.

    Attributes:
        bits: Bits of a sample.
        samples: Samples of a pixel: colours, then transparency.
        is_float: True if samples are floats, False for whole numbers.
        is_inverted: True if 0 is white.
        is_planar: True if each colour is stored apart from the others.
        transparency: "associated" if colours are already multiplied by it, "unassociated" if not, None if not stated.
    """

    bits: int
    samples: int
    is_float: bool
    is_inverted: bool
    is_planar: bool
    transparency: str | None


def find_size(content: bytes) -> PictureSize | None:
    """Returns the size of the picture in the first directory; None if it is absent or malformed.

    Strips and tiles are decoded one at a time into RGBA or samples of their own; one may be larger than the picture.
    """
    tags, layout = _directory(content), read_layout(content)
    width, height = _first(tags, _WIDTH, 0), _first(tags, _HEIGHT, 0)
    if not (width and height):
        return None
    strip = width * min(_first(tags, _ROWS_PER_STRIP, height), height)
    block = max(_first(tags, _TILE_WIDTH, 0) * _first(tags, _TILE_HEIGHT, 0), strip)
    sample_bytes = (layout.bits + 7) // 8
    channels = max(3, layout.samples)
    pixel_bytes = by_opencv(channels, sample_bytes)
    return PictureSize(width, height, pixel_bytes + max(4, channels * sample_bytes) * block / (width * height))


def find_orientation(content: bytes) -> int:
    """Returns the orientation in the first directory, 1 to 8; 1, upright, if it is absent or malformed."""
    orientation = _first(_directory(content), _ORIENTATION, 1)
    return orientation if 1 <= orientation <= 8 else 1


def read_layout(content: bytes) -> TiffLayout:
    """Reads the first directory; tags that are absent or malformed have the values that the standard gives them."""
    tags = _directory(content)
    transparency = {_ASSOCIATED: "associated", _UNASSOCIATED: "unassociated"}
    return TiffLayout(
        bits=max(tags.get(_BITS, ()), default=1),
        samples=_first(tags, _SAMPLES, 1),
        is_float=_first(tags, _FORMAT, 1) == _FLOATS,
        is_inverted=_first(tags, _PHOTOMETRIC, 1) == _MIN_IS_WHITE,
        is_planar=_first(tags, _PLANAR, 1) == _SEPARATE_PLANES,
        transparency=transparency.get(_first(tags, _EXTRA, 0)),
    )


def _first(tags: dict[int, tuple[int, ...]], tag: int, default: int) -> int:
    return next(iter(tags.get(tag, ())), default)


def _directory(content: bytes) -> dict[int, tuple[int, ...]]:
    """Returns the whole-number tags of the first directory, those up to damage."""
    tags: dict[int, tuple[int, ...]] = {}
    order = _BYTE_ORDERS.get(bytes(content[:4]))
    if order is None:
        return tags
    try:
        (directory,) = struct.unpack_from(f"{order}I", content, 4)
        (entries,) = struct.unpack_from(f"{order}H", content, directory)
        for index in range(entries):
            entry = directory + 2 + 12 * index
            tag, form, count = struct.unpack_from(f"{order}HHI", content, entry)
            if form in _SIZES and 0 < count <= _MOST_VALUES:
                values = f"{order}{count}{_SIZES[form]}"
                fits = struct.calcsize(values) <= 4
                place = entry + 8 if fits else struct.unpack_from(f"{order}I", content, entry + 8)[0]
                tags[tag] = struct.unpack_from(values, content, place)
    except struct.error:
        pass
    return tags
