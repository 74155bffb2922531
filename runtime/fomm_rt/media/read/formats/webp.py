"""WebP: size, completeness, EXIF, and the frames of an animation.

A RIFF of chunks: each a name, the length of its body in 32 bits, and the body, padded to an even length. An animation
is VP8X (flags and size of the canvas), ANIM, then one ANMF per frame. Source: RFC 9649.
"""

from __future__ import annotations

import io
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import BinaryIO

from fomm_rt.media.read.limits import PictureSize, by_opencv

_FIRST_CHUNK = 12
_ALPHA, _ANIMATION = 0x10, 0x02
_FRAME_HEAD = 16
_LARGEST_SIDE = 16383
_TICK = Fraction(1, 1000)


@dataclass(frozen=True)
class Frame:
    """A frame of an animation: a part of the canvas.

    Attributes:
        position, size: The place of its bitstream in the file, in bytes.
        x, y, width, height: The part of the canvas, in pixels.
        duration: Seconds, as stored.
        blends: True to blend it with the canvas, False to replace the part.
        clears: True to clear the part before the next frame.
    """

    position: int
    size: int
    x: int
    y: int
    width: int
    height: int
    duration: Fraction
    blends: bool
    clears: bool


@dataclass(frozen=True)
class Animation:
    """The frames of an animation up to its end or to damage, and the size of its canvas in pixels."""

    width: int
    height: int
    frames: tuple[Frame, ...]
    is_cut_short: bool


def is_animated(file: BinaryIO) -> bool:
    """Returns True if a file, open at its start, has the flag of an animation."""
    head = file.read(21)
    return len(head) == 21 and head[12:16] == b"VP8X" and bool(head[20] & _ANIMATION)


def find_size(content: bytes) -> PictureSize | None:
    """Returns the largest of the sizes that the headers of the canvas and of the picture say; None without any."""
    sizes = []
    for name, position, _ in _chunks(io.BytesIO(content)):
        head = content[position : position + 10]
        if len(head) < 10:
            break
        if name == b"VP8X":
            sizes.append((_uint24(head, 4) + 1, _uint24(head, 7) + 1))
        elif name == b"VP8L":
            bits = int.from_bytes(head[1:5], "little")
            sizes.append(((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1))
        elif name == b"VP8 ":
            width, height = struct.unpack_from("<HH", head, 6)
            sizes.append((width & 0x3FFF, height & 0x3FFF))
    if not sizes:
        return None
    return PictureSize(max(width for width, _ in sizes), max(height for _, height in sizes), by_opencv(4))


def find_damage(content: bytes) -> str | None:
    """Says what is wrong with a whole file; None if it looks complete."""
    declared = struct.unpack_from("<I", content, 4)[0] + 8 if len(content) >= _FIRST_CHUNK else 0
    return None if _FIRST_CHUNK < declared <= len(content) else "its end is missing"


def find_exif(file: BinaryIO) -> bytes:
    """Returns the body of the EXIF chunk, empty if there is none."""
    for name, position, size in _chunks(file):
        if name == b"EXIF":
            file.seek(position)
            return file.read(size)
    return b""


def read_animation(file: BinaryIO) -> Animation | None:
    """Lists the frames of an animation without decoding them; None if the file is damaged before its first frame.

    A canvas may be larger than the largest picture; such a file counts as damaged.
    """
    width = height = 0
    frames = []
    file_bytes = file.seek(0, os.SEEK_END)
    end = 0
    for name, position, size in _chunks(file):
        end = position + size
        file.seek(position)
        if name == b"VP8X":
            head = file.read(10)
            if len(head) == 10:
                width, height = _uint24(head, 4) + 1, _uint24(head, 7) + 1
        elif name == b"ANMF" and end <= file_bytes:
            frame = _read_frame(file.read(_FRAME_HEAD), position, size)
            if frame is None or frame.x + frame.width > width or frame.y + frame.height > height:
                break
            frames.append(frame)
    if not frames or max(width, height) > _LARGEST_SIDE:
        return None
    return Animation(width, height, tuple(frames), end > file_bytes)


def still_of(file: BinaryIO, frame: Frame) -> bytes:
    """Returns a frame's bitstream as a WebP file of its own."""
    file.seek(frame.position)
    chunks = file.read(frame.size)
    if chunks[:4] == b"ALPH":
        size = struct.pack("<I", frame.width - 1)[:3] + struct.pack("<I", frame.height - 1)[:3]
        chunks = b"VP8X" + struct.pack("<II", 10, _ALPHA) + size + chunks
    return b"RIFF" + struct.pack("<I", len(chunks) + 4) + b"WEBP" + chunks


def _read_frame(head: bytes, position: int, size: int) -> Frame | None:
    if len(head) < _FRAME_HEAD:
        return None
    x, y, width, height, milliseconds = (_uint24(head, 3 * index) for index in range(5))
    return Frame(
        position + _FRAME_HEAD,
        size - _FRAME_HEAD,
        2 * x,
        2 * y,
        width + 1,
        height + 1,
        milliseconds * _TICK,
        blends=not head[15] & 2,
        clears=bool(head[15] & 1),
    )


def _uint24(content: bytes, position: int) -> int:
    return int.from_bytes(content[position : position + 3], "little")


def _chunks(file: BinaryIO) -> Iterator[tuple[bytes, int, int]]:
    """Yields names, positions and sizes of the chunks inside the RIFF; the last one may be cut short."""
    position = _FIRST_CHUNK
    while True:
        file.seek(position)
        head = file.read(8)
        if len(head) < 8:
            return
        name, size = struct.unpack("<4sI", head)
        yield name, position + 8, size
        position += 8 + size + size % 2
