"""The columns of a table of jobs: which there are, and how their values are written."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from difflib import get_close_matches
from functools import partial
from typing import Any

from fomm_rt.batch.job import Job, checked_types
from fomm_rt.clip.written_values import (
    best_frame_of_text,
    faces_of_text,
    framing_of_text,
    seconds_of_text,
    size_of_text,
)

_MORE_THAN_NANOSECONDS = re.compile(r"\d+\.\d{10,}", re.ASCII)
_YES, _NO = ("yes", "true", "on", "1"), ("no", "false", "off", "0")


class ColumnError(ValueError):
    """A value does not fit its column; `column` names it."""

    def __init__(self, column: str, sentence: str) -> None:
        super().__init__(sentence)
        self.column = column


def _path(text: str) -> str:
    if "\0" in text:
        raise ValueError(f"expected a path; got {text!r}")
    return text


def _crop(text: str) -> str:
    framing_of_text(text, 1, fit=False)
    return text


def _flag(text: str) -> bool:
    if text.lower() not in (*_YES, *_NO):
        raise ValueError(f"expected yes or no; got {text!r}")
    return text.lower() in _YES


def _number(lowest: float, highest: float, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if not lowest <= number <= highest:
        raise ValueError(f"expected a number from {lowest:g} to {highest:g}; got {text!r}")
    return number


def _whole(lowest: int, highest: int, text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 12 and lowest <= int(text) <= highest):
        raise ValueError(f"expected a whole number from {lowest} to {highest}; got {text!r}")
    return int(text)


def _view(text: str) -> str:
    if text not in ("result", "panel", "explain"):
        raise ValueError(f"expected result, panel or explain; got {text!r}")
    return text


def _seconds(text: str) -> float:
    if _MORE_THAN_NANOSECONDS.fullmatch(text):  # a program computed it
        text = f"{Decimal(text):.9f}"
    return float(seconds_of_text(text))


def _duration(text: str) -> float:
    if (duration := _seconds(text)) > 0:
        return duration
    raise ValueError("expected more than 0 seconds")


_COLUMNS: dict[str, tuple[tuple[str, ...], Callable[[str], Any]]] = {
    "source": (("source",), _path),
    "driving": (("driving",), _path),
    "output": (("output",), _path),
    "model": (("model",), _path),
    "source_crop": (("source_crop",), _crop),
    "source_fit": (("source_fit",), _flag),
    "face": (("face",), faces_of_text),
    "driving_crop": (("driving_crop",), _crop),
    "driving_fit": (("driving_fit",), _flag),
    "further_driving": (("further_driving",), lambda text: [_path(part.strip()) for part in text.split("|")]),
    "crop": (("source_crop", "driving_crop"), _crop),
    "fit": (("source_fit", "driving_fit"), _flag),
    "relative": (("relative",), _flag),
    "adapt_scale": (("adapt_scale",), _flag),
    "start": (("start_s",), _seconds),
    "duration": (("duration_s",), _duration),
    "best_frame": (("best_frame",), best_frame_of_text),
    "smooth": (("smooth",), partial(_number, 0, 1)),
    "save_motion": (("motion_output",), _path),
    "paste_back": (("paste_back",), _flag),
    "view": (("view",), _view),
    "audio": (("audio",), _flag),
    "output_size": (("output_size",), size_of_text),
    "quality": (("quality",), partial(_whole, 0, 100)),
    "max_pixels": (("max_pixels",), partial(_whole, 1, 10**11)),
}
"""Column -> the fields of a job that it sets, and what reads its values."""

COLUMNS = tuple(_COLUMNS)
_BOTH_SIDES = ("crop", "fit")


def check_column(name: str) -> None:
    """Raises ColumnError for a column that there is not."""
    if name not in _COLUMNS:
        close = get_close_matches(name, COLUMNS, n=1)
        hint = f"did you mean {close[0]}?" if close else f"expected {', '.join(COLUMNS)}"
        raise ColumnError(name, f"there is no such column; {hint}")


def fields_of(values: Mapping[str, str]) -> dict[str, Any]:
    """Reads written values.

    Args:
        values: Column -> value; empty values count as missing.

    Returns:
        Fields of a job -> their values.

    Raises:
        ColumnError: A value does not fit its column, or there is no such column.
    """
    fields: dict[str, Any] = {}
    # What sets both sides comes first, so that a side of its own replaces it.
    for name in sorted(values, key=lambda name: name not in _BOTH_SIDES):
        text = values[name].strip()
        if not text:
            continue
        check_column(name)
        names, parse = _COLUMNS[name]
        try:
            value = parse(text)
        except ValueError as error:
            raise ColumnError(name, str(error)) from None
        fields.update(dict.fromkeys(names, value))
    return fields


def job_of(fields: Mapping[str, Any]) -> Job:
    """Makes a job of its fields.

    Raises:
        ColumnError: A path is missing.
    """
    for name in ("source", "driving", "output"):
        if name not in fields:
            raise ColumnError(name, "expected a path; got nothing")
    return checked_types(fields)
