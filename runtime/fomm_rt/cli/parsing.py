"""Parsers for values of options. Every function raises typer.BadParameter for malformed text."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Literal, TypeVar

import typer

from fomm_rt.clip.written_values import (
    best_frame_of_text,
    faces_of_text,
    framing_of_text,
    seconds_of_text,
    size_of_text,
)
from fomm_rt.faces.framing import AnyFraming
from fomm_rt.media.write.output_formats import OutputSize

Value = TypeVar("Value")


def parse_framing(name: str, text: str | None, face: int, fit: bool) -> AnyFraming:
    """Parses the square of an option, see `framing_of_text`."""
    return _parsed(name, lambda: framing_of_text(text, face, fit))


def parse_faces(name: str, text: str | None) -> int | Literal["all"]:
    """Parses "all" or a number from 1; 1 by default."""
    return _parsed(name, lambda: faces_of_text(text))


def parse_seconds(name: str, text: str | None) -> Fraction | None:
    """Parses seconds, MM:SS or HH:MM:SS, all with or without a fraction."""
    return None if text is None else _parsed(name, lambda: seconds_of_text(text))


def parse_size(name: str, text: str | None) -> OutputSize | None:
    """Parses "512" or "1920x1080" within the possible sizes."""
    return None if text is None else _parsed(name, lambda: size_of_text(text))


def parse_pair(name: str, text: str | None) -> tuple[int, int] | None:
    """Parses "1280x720" within the possible sizes."""
    size = parse_size(name, text)
    if isinstance(size, int):
        raise typer.BadParameter(f"{name}: expected WxH such as 1280x720; got {text!r}")
    return size


def parse_best_frame(name: str, text: str | None) -> int | Literal["auto"] | None:
    """Parses "auto" or a number of up to nine digits."""
    return None if text is None else _parsed(name, lambda: best_frame_of_text(text))


def _parsed(name: str, parse: Callable[[], Value]) -> Value:
    try:
        return parse()
    except ValueError as error:
        raise typer.BadParameter(f"{name}: {error}") from None
