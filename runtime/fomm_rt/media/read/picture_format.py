"""Finds format, completeness and orientation of a picture in its bytes, without decoding."""

import os
import re
import struct
import zlib
from collections.abc import Iterator
from enum import Enum
from itertools import takewhile
from typing import BinaryIO

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"

_JPEG_START_OF_SCAN = 0xDA
_JPEG_END_OF_IMAGE = 0xD9
_JPEG_EXIF = 0xE1
# Inside a scan 0xFF is followed by a stuffed zero, a restart marker or a fill byte; all else ends the scan.
_JPEG_SCAN_END = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]", re.DOTALL)
_JPEG_BARE_MARKERS = frozenset({0x01, *range(0xD0, 0xD9)})

_ORIENTATION_TAG = 0x0112
_TIFF_SHORT = 3


class PictureKind(Enum):
    """Picture formats, recognized by their first bytes."""

    PNG = "PNG"
    JPEG = "JPEG"
    WEBP = "WebP"
    GIF = "GIF"
    TIFF = "TIFF"
    BMP = "BMP"
    AVIF = "AVIF"
    HEIC = "HEIC"


_STARTS = {
    PictureKind.PNG: re.compile(_PNG_SIGNATURE),
    PictureKind.JPEG: re.compile(rb"\xff\xd8\xff"),
    PictureKind.WEBP: re.compile(rb"RIFF....WEBP", re.DOTALL),
    PictureKind.GIF: re.compile(rb"GIF8[79]a"),
    PictureKind.TIFF: re.compile(rb"II\*\x00|MM\x00\*"),
    # The four bytes after the length are reserved and zero: two letters alone also begin plain text.
    PictureKind.BMP: re.compile(rb"BM....\x00{4}", re.DOTALL),
    PictureKind.AVIF: re.compile(rb"....ftypavif", re.DOTALL),
    PictureKind.HEIC: re.compile(rb"....ftyp(?:heic|heix|mif1)", re.DOTALL),
}


def find_picture(file: BinaryIO) -> tuple[PictureKind | None, bool]:
    """Returns the format of a picture file open at its start, or None, and True if it holds an animation.

    Takes constant memory. An animation that is cut off may count as a still picture.
    """
    head = file.read(32)
    kind = next((kind for kind, start in _STARTS.items() if start.match(head)), None)
    file.seek(0)
    return kind, kind is not None and is_animated(file, kind)


def is_animated(file: BinaryIO, kind: PictureKind) -> bool:
    """Returns True if a picture file of a format, open at its start, holds more than one frame."""
    if kind is PictureKind.PNG:
        return _has_png_animation(file)
    if kind is PictureKind.WEBP:
        head = file.read(21)
        return len(head) == 21 and head[12:16] == b"VP8X" and bool(head[20] & 0x02)
    return kind is PictureKind.GIF and _has_two_gif_frames(file)


def find_damage(content: bytes, kind: PictureKind) -> str | None:
    """Says what is missing or altered in a whole file, such as "its end is missing"; None if it looks complete.

    Decoders fill damage with grey instead of reporting it.
    """
    missing_end = "its end is missing"
    if kind is PictureKind.JPEG:
        has_end = any(marker == _JPEG_END_OF_IMAGE for marker, _ in _jpeg_segments(content))
        return None if has_end else missing_end
    if kind is PictureKind.PNG:
        last = b""
        for name, chunk, checksum in _png_chunks(content):
            if zlib.crc32(chunk, zlib.crc32(name)) != checksum:
                return "a checksum in it is wrong"
            last = name
        return None if last == b"IEND" else missing_end
    if kind is PictureKind.WEBP:
        declared = struct.unpack_from("<I", content, 4)[0] + 8 if len(content) >= 12 else 0
        return None if 12 < declared <= len(content) else missing_end
    return None


def find_orientation(content: bytes, kind: PictureKind) -> int:
    """Returns the EXIF orientation of a whole JPEG, PNG or WebP file, 1 to 8; 1, upright, if it has no valid one."""
    exif = b""
    if kind is PictureKind.JPEG:
        before_pixels = takewhile(lambda segment: segment[0] != _JPEG_START_OF_SCAN, _jpeg_segments(content))
        exif = next((body for marker, body in before_pixels if marker == _JPEG_EXIF and body[:4] == b"Exif"), b"")
    elif kind is PictureKind.PNG:
        exif = next((bytes(chunk) for name, chunk, _ in _png_chunks(content) if name == b"eXIf"), b"")
    elif kind is PictureKind.WEBP:
        exif = next((bytes(chunk) for name, chunk in _webp_chunks(content) if name == b"EXIF"), b"")
    return _parse_orientation(exif.removeprefix(b"Exif\x00\x00"))


def _parse_orientation(tiff: bytes) -> int:
    """Returns the orientation in the first directory of a TIFF structure, 1 if it is absent or malformed."""
    order = {b"II*\x00": "<", b"MM\x00*": ">"}.get(tiff[:4])
    if order is None:
        return 1
    try:
        (directory,) = struct.unpack_from(f"{order}I", tiff, 4)
        (entries,) = struct.unpack_from(f"{order}H", tiff, directory)
        for index in range(entries):
            tag, form, count, value = struct.unpack_from(f"{order}HHIH", tiff, directory + 2 + 12 * index)
            if (tag, form, count) == (_ORIENTATION_TAG, _TIFF_SHORT, 1):
                return value if 1 <= value <= 8 else 1
    except struct.error:
        pass
    return 1


def _jpeg_segments(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Yields markers with the bodies of their segments, up to the end marker of the picture, not of a thumbnail."""
    position = 2
    while position + 2 <= len(content):
        if content[position] != 0xFF:
            # Some cameras leave bytes between segments; decoders skip to the next marker.
            position = content.find(b"\xff", position)
            if position < 0:
                return
            continue
        marker = content[position + 1]
        if marker in (0xFF, 0x00):
            position += 1
            continue
        position += 2
        if marker in _JPEG_BARE_MARKERS:
            continue
        length = int.from_bytes(content[position : position + 2], "big")
        yield marker, content[position + 2 : position + length]
        if marker == _JPEG_END_OF_IMAGE:
            return
        position += length
        if marker == _JPEG_START_OF_SCAN:
            end = _JPEG_SCAN_END.search(content, position)
            if end is None:
                return
            position = end.start()


def _png_chunks(content: bytes) -> Iterator[tuple[bytes, memoryview, int]]:
    """Yields names, bodies and stored checksums of the complete chunks, up to IEND."""
    view = memoryview(content)
    position = len(_PNG_SIGNATURE)
    while position + 12 <= len(content):
        length, name = struct.unpack_from(">I4s", content, position)
        end = position + 8 + length
        if end + 4 > len(content):
            return
        yield name, view[position + 8 : end], struct.unpack_from(">I", content, end)[0]
        position = end + 4
        if name == b"IEND":
            return


def _webp_chunks(content: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """Yields names and bodies of the chunks inside the RIFF."""
    view = memoryview(content)
    position = 12
    while position + 8 <= len(content):
        name, length = struct.unpack_from("<4sI", content, position)
        yield name, view[position + 8 : position + 8 + length]
        position += 8 + length + length % 2


def _has_png_animation(file: BinaryIO) -> bool:
    """Returns True if there is an acTL chunk, which must come before the pixels."""
    file.seek(len(_PNG_SIGNATURE))
    while len(head := file.read(8)) == 8:
        length, name = struct.unpack(">I4s", head)
        if name in (b"acTL", b"IDAT", b"IEND"):
            return bool(name == b"acTL")
        file.seek(length + 4, os.SEEK_CUR)
    return False


def _has_two_gif_frames(file: BinaryIO) -> bool:
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
