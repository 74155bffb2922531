"""Netpbm: PBM, PGM, PPM and PAM, decoded here because OpenCV and FFmpeg scale some of their sample values wrongly.

A header of text, then samples from 0 to the largest value that the header states, 1 to 65535: as text (P1 to P3), bits
(P4), or bytes, two each above 255 (P5 to P7). Source: the manual pages of Netpbm.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fomm_rt.media.read.limits import RESULT_BYTES, PictureSize

# P1 to P6 and two numbers, with comments anywhere between; or P7 and the first line of its header.
START = re.compile(rb"P[1-6]\s+(?:#[^\n]*\n\s*)*\d+\s|P7\n(?:#|WIDTH|HEIGHT|DEPTH|MAXVAL|TUPLTYPE)")

_NUMBER = re.compile(rb"\s*(?:#[^\n]*\n\s*)*(\d{1,9})")
_COMMENT = re.compile(rb"#[^\n]*")
_ENTRY = re.compile(rb"^(WIDTH|HEIGHT|DEPTH|MAXVAL)\s+(\d{1,9})\s*$", re.MULTILINE)
_SPACES = np.frombuffer(b" \t\n\v\f\r", np.uint8)
_MOST_DIGITS = 5
_ENDS = b"\nENDHDR\n"


_WORKING_BYTES = 16
"""Of a sample that is read from text or bits, or scaled to its whole range."""


@dataclass(frozen=True)
class _Header:
    form: int
    width: int
    height: int
    depth: int
    largest: int
    end: int


def find_size(content: bytes) -> PictureSize | None:
    """Returns the size by the header of a file that begins with `START`; None if it is malformed."""
    header = _read_header(content)
    if header is None:
        return None
    is_stored_so = header.form in (5, 6, 7) and header.largest in (255, 65535)
    sample_bytes = (2 if header.largest > 255 else 1) if is_stored_so else _WORKING_BYTES
    return PictureSize(header.width, header.height, sample_bytes * header.depth + RESULT_BYTES)


def decode(content: bytes) -> NDArray[Any] | None:
    """Decodes the first picture of a file that begins with `START`.

    Returns:
        (H, W, C) uint8 or uint16 over its whole range, 1 to 4 channels as stored; None if the file is damaged or has
        other channels.
    """
    header = _read_header(content)
    if header is None or not (1 <= header.largest <= 65535 and 1 <= header.depth <= 4):
        return None
    samples = _read_samples(header, memoryview(content)[header.end :])
    if samples is None:
        return None
    shaped = samples.reshape(header.height, header.width, header.depth)
    whole, form = (255, np.uint8) if header.largest <= 255 else (65535, np.uint16)
    if header.largest != whole:
        wide = np.minimum(shaped, header.largest).astype(np.uint32)
        shaped = (wide * whole + header.largest // 2) // header.largest
    return shaped.astype(form, copy=False)


def _read_header(content: bytes) -> _Header | None:
    form = content[1] - ord("0")
    if form == 7:
        end = content.find(_ENDS)
        found = {name: int(value) for name, value in _ENTRY.findall(content[: max(end, 0)])}
        if len(found) < 4 or not all(found.values()):
            return None
        width, height, depth, largest = (found[name] for name in (b"WIDTH", b"HEIGHT", b"DEPTH", b"MAXVAL"))
        return _Header(form, width, height, depth, largest, end + len(_ENDS))
    numbers, position = [], 2
    for _ in range(2 if form in (1, 4) else 3):
        number = _NUMBER.match(content, position)
        if number is None or not int(number[1]):
            return None
        numbers.append(int(number[1]))
        position = number.end()
    # One white space separates the header from the samples.
    return _Header(form, numbers[0], numbers[1], 3 if form in (3, 6) else 1, (*numbers, 1)[2], position + 1)


def _read_samples(header: _Header, raster: memoryview) -> NDArray[Any] | None:
    count = header.width * header.height * header.depth
    if header.form == 1:
        digits = np.frombuffer(b"".join(_COMMENT.sub(b"", raster).split()), np.uint8)[:count]
        return 1 - (digits - ord("0")) if len(digits) == count and np.isin(digits, (48, 49)).all() else None
    if header.form in (2, 3):
        return _read_numbers(_COMMENT.sub(b"", raster), count)
    if header.form == 4:
        row_bytes = (header.width + 7) // 8
        if len(raster) < row_bytes * header.height:
            return None
        packed = np.frombuffer(raster, np.uint8, row_bytes * header.height).reshape(header.height, row_bytes)
        return 1 - np.unpackbits(packed, axis=1)[:, : header.width]
    form = np.dtype(np.uint8 if header.largest <= 255 else ">u2")
    return np.frombuffer(raster, form, count) if len(raster) >= count * form.itemsize else None


def _read_numbers(text: bytes, count: int) -> NDArray[np.uint32] | None:
    """Reads numbers of up to five digits; None if there are fewer than `count`, or something else between them."""
    characters = np.frombuffer(text, np.uint8)
    is_digit = (characters >= ord("0")) & (characters <= ord("9"))
    # A number begins where a digit follows none, and ends likewise.
    edges = np.flatnonzero(np.diff(is_digit, prepend=False, append=False))[: 2 * count]
    if len(edges) < 2 * count:
        return None
    begins, ends = edges[::2], edges[1::2]
    between = characters[: ends[-1]][~is_digit[: ends[-1]]]
    if (ends - begins).max() > _MOST_DIGITS or not np.isin(between, _SPACES).all():
        return None
    numbers = np.zeros(count, np.uint32)
    for place in range(_MOST_DIGITS):
        is_inside = begins + place < ends
        numbers[is_inside] = 10 * numbers[is_inside] + (characters[(begins + place)[is_inside]] - ord("0"))
    return numbers
