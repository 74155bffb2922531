"""PNG and APNG: size, completeness, animation, EXIF and colour code points."""

import os
import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from fomm_rt.media.read.limits import PictureSize, by_opencv

_GREY, _RGB = 0, 2
SIGNATURE = b"\x89PNG\r\n\x1a\n"


def is_animated(file: BinaryIO) -> bool:
    """Returns True if there is an acTL chunk, which must come before the pixels."""
    return _find(file, b"acTL", before=b"IDAT") is not None


def find_size(content: bytes) -> PictureSize | None:
    """Returns what IHDR, the first chunk, says; None if it is damaged."""
    if len(content) < len(SIGNATURE) + 18 or content[12:16] != b"IHDR":
        return None
    width, height, bits, colours = struct.unpack_from(">IIBB", content, len(SIGNATURE) + 8)
    has_alpha = colours not in (_GREY, _RGB) or b"tRNS" in content[: content.find(b"IDAT")]
    return PictureSize(width, height, by_opencv(4 if has_alpha else 3, 2 if bits > 8 else 1))


def find_damage(content: bytes) -> str | None:
    """Says what is wrong with a whole file; None if it looks complete."""
    last = b""
    for name, chunk, checksum in _chunks(content):
        if zlib.crc32(chunk, zlib.crc32(name)) != checksum:
            return "a checksum in it is wrong"
        last = name
    return None if last == b"IEND" else "its end is missing"


def find_exif(file: BinaryIO) -> bytes:
    """Returns the body of the EXIF chunk, empty if there is none."""
    return _find(file, b"eXIf", before=b"IEND") or b""


def find_code_points(file: BinaryIO) -> tuple[int, int] | None:
    """Returns primaries and transfer of the cICP chunk by their numbers in ITU-T H.273, None if there is none."""
    body = _find(file, b"cICP", before=b"IDAT") or b""
    return (body[0], body[1]) if len(body) == 4 else None


def _find(file: BinaryIO, wanted: bytes, before: bytes) -> bytes | None:
    """Returns the body of the first chunk of a name, None if another name or the end comes before."""
    file.seek(len(SIGNATURE))
    while len(head := file.read(8)) == 8:
        length, name = struct.unpack(">I4s", head)
        if name == wanted:
            return file.read(length)
        if name == before:
            return None
        file.seek(length + 4, os.SEEK_CUR)
    return None


def _chunks(content: bytes) -> Iterator[tuple[bytes, memoryview, int]]:
    """Yields names, bodies and stored checksums of the complete chunks, up to IEND."""
    view = memoryview(content)
    position = len(SIGNATURE)
    while position + 12 <= len(content):
        length, name = struct.unpack_from(">I4s", content, position)
        end = position + 8 + length
        if end + 4 > len(content):
            return
        yield name, view[position + 8 : end], struct.unpack_from(">I", content, end)[0]
        position = end + 4
        if name == b"IEND":
            return
