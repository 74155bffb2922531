"""JSON read into typed values."""

from __future__ import annotations

import json
import math
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta

T = TypeVar("T")

Sha256 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
"""SHA-256 as 64 lower-case hexadecimal digits."""


def parse_json(content: bytes | str) -> Any:
    """Parses JSON. Unlike `json.loads` it refuses NaN and infinities, which JSON does not have.

    Raises:
        ValueError: The content is not JSON.
    """
    try:
        return json.loads(content, parse_constant=_refuse_number, parse_float=_parse_float)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def typed(document: Any, kind: type[T]) -> T:
    """Converts parsed JSON to a dataclass or another type that msgspec knows.

    Strictly: a bool is no int, a str is no number; unknown fields are ignored.

    Raises:
        ValueError: A value has another type or breaks a constraint; the message says where and what was expected.
    """
    try:
        return msgspec.convert(document, kind)
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from error


def _refuse_number(text: str) -> float:
    raise ValueError(f"{text} is not a JSON number")


def _parse_float(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _refuse_number(text)
