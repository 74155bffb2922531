"""Radiance HDR, Sun raster and PFM: size. OpenCV decodes them."""

import re
import struct

from fomm_rt.media.read.limits import PictureSize, by_opencv

RADIANCE = re.compile(rb"#\?(?:RADIANCE|RGBE)")
SUN_RASTER = re.compile(rb"\x59\xa6\x6a\x95")
PFM = re.compile(rb"P[Ff]\s+\d+\s+\d+\s")

_RADIANCE_SIZE = re.compile(rb"\n[-+]([XY]) (\d{1,9}) [-+][XY] (\d{1,9})\n")
_PFM_SIZE = re.compile(rb"P[Ff]\s+(\d{1,9})\s+(\d{1,9})\s")
_FLOAT_BYTES = 4


def find_radiance_size(content: bytes) -> PictureSize | None:
    """Returns the size by the last line of the header; None if there is none."""
    found = _RADIANCE_SIZE.search(content)
    return None if found is None else PictureSize(int(found[3]), int(found[2]), by_opencv(3, _FLOAT_BYTES))


def find_sun_raster_size(content: bytes) -> PictureSize | None:
    """Returns the size by the header; None if it is cut off."""
    if len(content) < 12:
        return None
    width, height = struct.unpack_from(">II", content, 4)
    return PictureSize(width, height, by_opencv(4))


def find_pfm_size(content: bytes) -> PictureSize | None:
    """Returns the size by the header; None if it is malformed."""
    found = _PFM_SIZE.match(content)
    return None if found is None else PictureSize(int(found[1]), int(found[2]), by_opencv(3, _FLOAT_BYTES))
