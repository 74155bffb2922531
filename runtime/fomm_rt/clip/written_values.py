"""Values of options that have a form of their own, as people write them on a command line or in a table.

Every function raises ValueError for anything else; its message says what was expected and what came.
"""

from __future__ import annotations

import math
import re
from fractions import Fraction
from typing import Literal

from fomm_rt.faces.framing import AnyFraming, FaceFraming
from fomm_rt.framing import Framing
from fomm_rt.media.write.output_formats import LARGEST, SMALLEST, OutputSize

_SECONDS = re.compile(r"\d{1,9}(\.\d{1,9})?", re.ASCII)
_SIXTIES = re.compile(r"[0-5]?\d(\.\d{1,9})?", re.ASCII)
_SIZE = re.compile(r"(\d{1,5})(?:[x×](\d{1,5}))?", re.ASCII)


def framing_of_text(text: str | None, face: int, fit: bool) -> AnyFraming:
    """Parses "auto" (or None), "center", "x,y,w,h" in pixels or "x%,y%,w%,h%"; `fit` extends edges to a square."""
    if text is None or text == "auto":
        return Framing("fit") if fit else FaceFraming(face=face)
    mode: Literal["crop", "fit"] = "fit" if fit else "crop"
    if text in ("center", "centre"):
        return Framing(mode)
    parts = [part.strip() for part in text.split(",")]
    is_percent = all(part.endswith("%") for part in parts)
    try:
        x, y, w, h = (float(part.removesuffix("%")) if is_percent else int(part) for part in parts)
    except ValueError:
        raise ValueError(f"expected auto, center, or x,y,w,h in whole pixels or all in %; got {text!r}") from None
    if not (x >= 0 and y >= 0 and w > 0 and h > 0 and all(map(math.isfinite, (x, y, w, h)))):
        raise ValueError(f"expected x and y from 0, w and h above 0; got {text!r}")
    return Framing(mode, (x, y, w, h), "%" if is_percent else "px")


def faces_of_text(text: str | None) -> int | Literal["all"]:
    """Parses "all" or a number from 1; 1 by default."""
    if text is None or text == "all":
        return "all" if text else 1
    if not (text.isdecimal() and len(text) <= 4 and int(text) >= 1):
        raise ValueError(f"expected all or a face number from 1; got {text!r}")
    return int(text)


def seconds_of_text(text: str) -> Fraction:
    """Parses seconds, MM:SS or HH:MM:SS, all with or without a fraction."""
    first, *others = text.split(":")
    # Minutes and seconds after a colon are less than 60.
    is_time = _SECONDS.fullmatch(first) and len(others) <= 2 and all(map(_SIXTIES.fullmatch, others))
    if not is_time or any("." in part for part in [first, *others][:-1]):
        raise ValueError(f"expected seconds such as 12.5, or [HH:]MM:SS; got {text!r}")
    total = Fraction(0)
    for part in (first, *others):
        total = total * 60 + Fraction(part)
    return total


def size_of_text(text: str) -> OutputSize:
    """Parses "512" or "1920x1080" within the possible sizes."""
    match = _SIZE.fullmatch(text)
    sides = [int(side) for side in match.groups() if side is not None] if match else []
    if not sides or not all(SMALLEST <= side <= LARGEST for side in sides):
        raise ValueError(f"expected N or WxH, in pixels from {SMALLEST} to {LARGEST}; got {text!r}")
    return sides[0] if len(sides) == 1 else (sides[0], sides[1])


def best_frame_of_text(text: str) -> int | Literal["auto"]:
    """Parses "auto" or a number of up to nine digits."""
    if text == "auto":
        return "auto"
    if not (text.isdecimal() and len(text) <= 9):
        raise ValueError(f"expected auto or a frame number from 0; got {text!r}")
    return int(text)
