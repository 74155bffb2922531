"""JPEG 2000: size."""

import struct

from fomm_rt.media.read.limits import RESULT_BYTES, PictureSize

_SIZE_MARKER = b"\xff\x4f\xff\x51"
_BYTES_PER_SAMPLE = 6
"""Of FFmpeg: coefficients of 32 bits, and samples of up to 16."""


def find_size(content: bytes) -> PictureSize | None:
    """Returns the size by the segment SIZ, which begins the code stream; None if there is none."""
    place = content.find(_SIZE_MARKER)
    if place < 0 or len(content) < place + 42:
        return None
    right, lower, left, upper = struct.unpack_from(">4I", content, place + 8)
    (components,) = struct.unpack_from(">H", content, place + 40)
    pixel_bytes = _BYTES_PER_SAMPLE * max(components, 3) + RESULT_BYTES
    return PictureSize(max(0, right - left), max(0, lower - upper), pixel_bytes)
