"""AVIF and HEIF: brands, size, and properties of the primary picture.

Both are ISO base media files: boxes of a 32-bit length, a name and a body. Properties lie in meta/iprp/ipco, and
meta/iprp/ipma says which of them, in which order, belong to a picture. Sources: ISO/IEC 14496-12, ISO/IEC 23008-12.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import suppress
from typing import BinaryIO

from fomm_rt.media.read.limits import PictureSize
from fomm_rt.media.read.pixels import UPRIGHT, Turn

# A file type box has a few brands; a longer one is damage.
_MOST_BRAND_BYTES = 1024
_AVIF = frozenset({b"avif", b"avis"})
_SEQUENCES = frozenset({b"avis", b"msf1", b"hevc", b"hevx"})
_HEIF = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})

_BYTES_PER_PIXEL = 32
"""Of OpenCV with 8 bits and transparency: planes of both pictures, RGBA, and copies of it."""

Properties = list[tuple[bytes, bytes]]
"""Names and bodies of a picture's properties, in the order in which they apply."""


def read_brands(file: BinaryIO) -> frozenset[bytes]:
    """Returns the major and compatible brands of a file open at its start; empty if it is no ISO base media file."""
    head = file.read(8)
    if len(head) < 8 or head[4:] != b"ftyp":
        return frozenset()
    body = file.read(min(max(0, int.from_bytes(head[:4], "big") - 8), _MOST_BRAND_BYTES))
    return frozenset(body[start : start + 4] for start in range(0, len(body) - 3, 4) if start != 4)


def is_avif(brands: frozenset[bytes]) -> bool:
    """Returns True if a reader of AVIF may read a file of these brands."""
    return bool(brands & _AVIF)


def is_heif(brands: frozenset[bytes]) -> bool:
    """Returns True if a reader of HEIF may read a file of these brands."""
    return bool(brands & _HEIF)


def is_sequence(brands: frozenset[bytes]) -> bool:
    """Returns True if a file of these brands holds several frames to be played."""
    return bool(brands & _SEQUENCES)


def read_properties(content: bytes) -> Properties:
    """Returns the properties of the primary picture; those up to damage."""
    with suppress(struct.error, LookupError):
        view = memoryview(content)
        meta = _find(view, b"meta")[4:]  # after its version
        item = _primary_item(_find(meta, b"pitm"))
        containers = dict(_boxes(_find(meta, b"iprp")))
        properties = [(name, bytes(body)) for name, body in _boxes(containers[b"ipco"])]
        indices = _associations(containers[b"ipma"]).get(item, [])
        return [properties[index - 1] for index in indices if 0 < index <= len(properties)]
    return []


def find_size(content: bytes) -> PictureSize | None:
    """Returns the size of the largest picture in the file, tiles and transparency included; None if none is stated."""
    with suppress(struct.error, LookupError):
        meta = _find(memoryview(content), b"meta")[4:]  # after its version
        properties = list(_boxes(_find(_find(meta, b"iprp"), b"ipco")))
        sizes = [struct.unpack_from(">II", body, 4) for name, body in properties if name == b"ispe"]
        if sizes:
            is_deep = find_bits([(name, bytes(body)) for name, body in properties]) > 8
            width, height = max(sizes, key=lambda size: size[0] * size[1])
            return PictureSize(width, height, _BYTES_PER_PIXEL * (2 if is_deep else 1))
    return None


def find_turn(properties: Properties) -> Turn:
    """Returns how to turn the picture upright, by its rotations (irot) and mirrors (imir) in their order."""
    turn = UPRIGHT
    for name, body in properties:
        if name == b"irot" and body:
            for _ in range(body[0] & 3):  # quarter turns, counterclockwise
                turn = Turn(not turn.transpose, not turn.flip_columns, turn.flip_rows)
        elif name == b"imir" and body:
            swaps_columns = bool(body[0] & 1)
            turn = Turn(turn.transpose, turn.flip_rows ^ (not swaps_columns), turn.flip_columns ^ swaps_columns)
    return turn


def find_bits(properties: Properties) -> int:
    """Returns the bits of a sample, 8 if they are not stated."""
    for name, body in properties:
        if name == b"pixi" and len(body) > 5:
            return max(body[5:])
        if name == b"av1C" and len(body) > 2 and body[2] & 0x40:
            return 12 if body[2] & 0x20 else 10
    return 8


def find_code_points(properties: Properties) -> tuple[int, int] | None:
    """Returns primaries and transfer by their numbers in ITU-T H.273, None if they are not stated."""
    for name, body in properties:
        if name == b"colr" and body[:4] == b"nclx" and len(body) >= 10:
            primaries, transfer = struct.unpack_from(">HH", body, 4)
            return primaries, transfer
    return None


def _boxes(view: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    """Yields names and bodies of boxes; one that ends too late ends with its parent."""
    position = 0
    while position + 8 <= len(view):
        size, name = struct.unpack_from(">I4s", view, position)
        head = 8
        if size == 1:
            (size,) = struct.unpack_from(">Q", view, position + 8)
            head = 16
        end = len(view) if size == 0 else position + size
        if end < position + head:
            return
        yield name, view[position + head : end]
        position = end


def _find(view: memoryview, name: bytes) -> memoryview:
    return next((body for found, body in _boxes(view) if found == name), view[:0])


def _primary_item(box: memoryview) -> int:
    item: int = struct.unpack_from(">H" if box[0] == 0 else ">I", box, 4)[0]
    return item


def _associations(box: memoryview) -> dict[int, list[int]]:
    """Returns the numbers from 1 of each picture's properties."""
    version, has_long_indices = box[0], box[3] & 1
    (count,) = struct.unpack_from(">I", box, 4)
    position, found = 8, {}
    item_form, index_form = (">H" if version < 1 else ">I"), (">H" if has_long_indices else ">B")
    for _ in range(count):
        (item,) = struct.unpack_from(item_form, box, position)
        position += struct.calcsize(item_form)
        length = box[position]
        position += 1
        indices = []
        for _ in range(length):
            (index,) = struct.unpack_from(index_form, box, position)
            position += struct.calcsize(index_form)
            indices.append(index & (0x7FFF if has_long_indices else 0x7F))  # without the mark "essential"
        found[item] = indices
    return found
