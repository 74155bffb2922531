"""Text as coverage masks: one line, anti-aliased.

OpenCV 5 has fonts with the letters of most languages. OpenCV 4 has strokes for ASCII only: other letters are replaced,
and the line is drawn four times as large and averaged down, because its edges are jagged.
"""

from __future__ import annotations

import unicodedata
from functools import cache, lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Coverage = NDArray[np.uint8]
"""(height, width) uint8: how much of each pixel a text covers, 255 for all of it."""

REGULAR, BOLD = 400, 600
LINE_HEIGHT = 1.4
"""In multiples of the size."""
_BASELINE = 1.05
_OVERSAMPLING = 4
_IN_ASCII = str.maketrans({"–": "-", "—": "-", "…": "...", "·": "-", "×": "x", "’": "'", "“": '"', "”": '"', "ß": "ss"})


def line_height(size: int) -> int:
    """Height in pixels of a line of text of this size."""
    return round(LINE_HEIGHT * size)


@lru_cache(maxsize=512)
def line_of(text: str, size: int, weight: int = REGULAR) -> Coverage:
    """One line of text, `line_height(size)` pixels high and as wide as the text.

    Args:
        text: Control characters are drawn as spaces.
        size: In pixels.
        weight: From 100, thin, to 800, bold.
    """
    text = "".join(" " if unicodedata.category(letter).startswith("C") else letter for letter in text)
    return _by_font(text, size, weight) if has_fonts() else _by_strokes(_ascii(text), size, weight)


def width_of(text: str, size: int, weight: int = REGULAR) -> int:
    """Width of a line in pixels."""
    return int(line_of(text, size, weight).shape[1])


def shortened(text: str, size: int, width: int, weight: int = REGULAR) -> str:
    """The text, cut with an ellipsis if it is wider than `width`."""
    if width_of(text, size, weight) <= width:
        return text
    shortest, longest = 0, len(text)
    while shortest < longest:
        middle = (shortest + longest + 1) // 2
        fits = width_of(text[:middle].rstrip() + "…", size, weight) <= width
        shortest, longest = (middle, longest) if fits else (shortest, middle - 1)
    return text[:shortest].rstrip() + "…"


def wrapped(text: str, size: int, width: int, most_lines: int) -> list[str]:
    """The text in lines that fit into the width, cut with an ellipsis after `most_lines`."""
    words = text.split()
    lines: list[str] = []
    while words and len(lines) < most_lines - 1:
        count = 1
        while count < len(words) and width_of(" ".join(words[: count + 1]), size) <= width:
            count += 1
        lines.append(shortened(" ".join(words[:count]), size, width))
        words = words[count:]
    return [*lines, shortened(" ".join(words), size, width)] if words else lines


@cache
def has_fonts() -> bool:
    """True if this OpenCV draws with fonts, not strokes."""
    return hasattr(cv2, "FontFace")


@cache
def _font() -> Any:
    return cv2.FontFace("sans")


def _by_font(text: str, size: int, weight: int) -> Coverage:
    # Text that reaches the right edge of its picture is wrapped, so the picture is wider than the text at first.
    height, room = line_height(size), size * (len(text) + 2)
    drawn = np.zeros((height, room), np.uint8)
    end = cv2.putText(drawn, text, (0, round(_BASELINE * size)), (255,), _font(), size, weight)[0][0]
    return np.ascontiguousarray(drawn[:, : max(1, min(end + 1, room))])


def _by_strokes(text: str, size: int, weight: int) -> Coverage:
    font, large = cv2.FONT_HERSHEY_SIMPLEX, size * _OVERSAMPLING
    stroke = max(1, round(large / (9 if weight >= BOLD else 13)))
    scale = cv2.getFontScaleFromHeight(font, round(0.7 * large), stroke)
    (width, _), _ = cv2.getTextSize(text, font, scale, stroke)
    height = line_height(size)
    drawn = np.zeros((height * _OVERSAMPLING, max(1, round(width / _OVERSAMPLING)) * _OVERSAMPLING), np.uint8)
    cv2.putText(drawn, text, (0, round(_BASELINE * large)), font, scale, (255,), stroke, cv2.LINE_AA)
    smooth = cv2.resize(drawn, (drawn.shape[1] // _OVERSAMPLING, height), interpolation=cv2.INTER_AREA)
    return np.asarray(smooth, np.uint8)


def _ascii(text: str) -> str:
    letters = unicodedata.normalize("NFKD", text.translate(_IN_ASCII))
    return (
        "".join(letter for letter in letters if not unicodedata.combining(letter)).encode("ascii", "replace").decode()
    )
