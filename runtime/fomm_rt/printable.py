"""Text from files made by others, for terminals.

A control character in a name can move the cursor, recolour or retitle a terminal, or hide and reorder what is printed.
"""

from __future__ import annotations

import re
from typing import Any

# C0 and C1 controls; marks that reorder text or are invisible; other line separators.
_CONTROLS = "\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff"
_UNPRINTABLE = re.compile(f"[{_CONTROLS}]")
_NOT_ON_A_LINE = re.compile(f"[{_CONTROLS}\t\n]")


def printable(text: str) -> str:
    r"""Escapes control characters as Python does, for example as `\x1b`. Line ends and tabs stay."""
    return _UNPRINTABLE.sub(_escaped, text)


def on_one_line(text: str) -> str:
    """Escapes control characters, line ends and tabs, so text cannot imitate a separate line."""
    return _NOT_ON_A_LINE.sub(_escaped, text)


def strings_on_one_line(document: Any) -> Any:
    """Applies `on_one_line` to all strings and keys of parsed JSON.

    Raises:
        RecursionError: It is nested too deeply.
    """
    if isinstance(document, str):
        return on_one_line(document)
    if isinstance(document, dict):
        return {on_one_line(key): strings_on_one_line(value) for key, value in document.items()}
    if isinstance(document, list):
        return [strings_on_one_line(value) for value in document]
    return document


def _escaped(match: re.Match[str]) -> str:
    return ascii(match[0])[1:-1]
