"""GIF: size and animation."""

import os
import struct
from typing import BinaryIO

from fomm_rt.media.read.limits import PictureSize

_BYTES_PER_PIXEL = 13
"""Of OpenCV: indices, RGBA, and copies of it."""


def find_size(content: bytes) -> PictureSize | None:
    """Returns the size of the screen; None if the file is cut off before it."""
    if len(content) < 10:
        return None
    width, height = struct.unpack_from("<HH", content, 6)
    return PictureSize(width, height, _BYTES_PER_PIXEL)


def is_animated(file: BinaryIO) -> bool:
    """Returns True if a second image block begins; a damaged file counts up to the damage."""

    def skip_blocks() -> None:
        while length := file.read(1):
            if not length[0]:
                return
            file.seek(length[0], os.SEEK_CUR)

    def skip_palette(flags: int) -> None:
        if flags & 0x80:
            file.seek(3 << (flags & 7) + 1, os.SEEK_CUR)

    frames = 0
    screen = file.read(13)
    if len(screen) < 13:
        return False
    skip_palette(screen[10])
    while introducer := file.read(1):
        if introducer == b"\x2c":
            frames += 1
            descriptor = file.read(9)
            if frames > 1 or len(descriptor) < 9:
                return frames > 1
            skip_palette(descriptor[8])
            file.seek(1, os.SEEK_CUR)
        elif introducer == b"\x21":
            file.seek(1, os.SEEK_CUR)
        else:
            return False
        skip_blocks()
    return False
