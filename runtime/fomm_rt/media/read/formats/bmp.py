"""BMP: size."""

import struct

from fomm_rt.media.read.limits import PictureSize, by_opencv

_OLD_HEADER_BYTES = 12


def find_size(content: bytes) -> PictureSize | None:
    """Returns the size by the header; None if it is cut off."""
    if len(content) < 30:
        return None
    is_old = struct.unpack_from("<I", content, 14)[0] == _OLD_HEADER_BYTES
    width, height = struct.unpack_from("<HH" if is_old else "<ii", content, 18)
    (bits,) = struct.unpack_from("<H", content, 24 if is_old else 28)
    return PictureSize(abs(width), abs(height), by_opencv(4 if bits in (16, 32) else 3))
