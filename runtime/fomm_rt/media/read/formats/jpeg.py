"""JPEG: completeness and EXIF."""

import re
from collections.abc import Iterator
from itertools import takewhile

_START_OF_SCAN = 0xDA
_END_OF_IMAGE = 0xD9
_APP1 = 0xE1
# Inside a scan 0xFF is followed by a stuffed zero, a restart marker or a fill byte; all else ends the scan.
_SCAN_END = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]", re.DOTALL)
_BARE_MARKERS = frozenset({0x01, *range(0xD0, 0xD9)})


def find_damage(content: bytes) -> str | None:
    """Says what is wrong with a whole file; None if it looks complete."""
    has_end = any(marker == _END_OF_IMAGE for marker, _ in _segments(content))
    return None if has_end else "its end is missing"


def find_exif(content: bytes) -> bytes:
    """Returns the body of the EXIF segment, empty if there is none."""
    before_pixels = takewhile(lambda segment: segment[0] != _START_OF_SCAN, _segments(content))
    return next((body for marker, body in before_pixels if marker == _APP1 and body[:4] == b"Exif"), b"")


def _segments(content: bytes) -> Iterator[tuple[int, bytes]]:
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
        if marker in _BARE_MARKERS:
            continue
        length = int.from_bytes(content[position : position + 2], "big")
        yield marker, content[position + 2 : position + length]
        if marker == _END_OF_IMAGE:
            return
        position += length
        if marker == _START_OF_SCAN:
            end = _SCAN_END.search(content, position)
            if end is None:
                return
            position = end.start()
