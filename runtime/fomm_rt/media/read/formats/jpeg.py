"""JPEG: size, completeness and EXIF."""

import re
from collections.abc import Iterator
from itertools import takewhile

from fomm_rt.media.read.limits import PictureSize, by_opencv

_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_PROGRESSIVE = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
_START_OF_SCAN = 0xDA
_END_OF_IMAGE = 0xD9
_APP1 = 0xE1
# Inside a scan 0xFF is followed by a stuffed zero, a restart marker or a fill byte; all else ends the scan.
_SCAN_END = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]", re.DOTALL)
_BARE_MARKERS = frozenset({0x01, *range(0xD0, 0xD9)})


def find_size(content: bytes, reduction: int = 1) -> PictureSize | None:
    """Returns the size by the header of the frame; None if there is none before the first scan.

    Args:
        content: The file.
        reduction: 2, 4 or 8 to decode a half, a quarter or an eighth of each side.
    """
    kind, frame = 0, b""
    for marker, body in _segments(content):
        if marker in _FRAMES:
            kind, frame = marker, body
        elif marker == _START_OF_SCAN:
            break
    else:
        return None
    if len(frame) < 6 or not body:
        return None
    height, width, components = int.from_bytes(frame[1:3], "big"), int.from_bytes(frame[3:5], "big"), frame[5]
    decoded = by_opencv(3) / reduction**2
    if kind in _PROGRESSIVE or body[0] < components:  # body[0]: the components in the first scan
        decoded = max(decoded, _coefficient_bytes(frame) + decoded / 2)
    return PictureSize(width, height, decoded)


def _coefficient_bytes(frame: bytes) -> float:
    """Bytes per pixel of a picture's coefficients, which the decoder keeps if they come in several scans."""
    factors = [(byte >> 4, byte & 15) for byte in frame[7::3]]  # of each component, across and down
    largest = max(across for across, _ in factors) * max(down for _, down in factors)
    return 2 * sum(across * down for across, down in factors) / max(1, largest)


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
