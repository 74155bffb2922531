"""Whether JSON values are what a file's format says; the first that is not is named by its place.

CHECK = record({"name": text, "times": array(number(0, 1e9))}, optional={"note": nullable(text)})
CHECK(document, "")     # ShapeError: times[2]: expected a number from 0 to 1e+09; got 'soon'
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Check = Callable[[Any, str], None]
"""Takes a value and its place; raises ShapeError where it is not what is expected."""

SHOWN = 60
"""Characters of a wrong value."""


class ShapeError(ValueError):
    """A value is not what the format says."""

    def __init__(self, where: str, expected: str, got: Any) -> None:
        shown = repr(got)
        shown = shown if len(shown) <= SHOWN else f"{shown[:SHOWN]}…"
        super().__init__(f"{where or 'the document'}: expected {expected}; got {shown}")


def number(least: float, most: float) -> Check:
    """A finite number within bounds."""

    def check(value: Any, where: str) -> None:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not least <= value <= most:  # no comparison with NaN is true
            raise ShapeError(where, f"a number from {least:g} to {most:g}", value)

    return check


def whole(least: int, most: int) -> Check:
    """A whole number within bounds."""

    def check(value: Any, where: str) -> None:
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise ShapeError(where, f"a whole number from {least} to {most}", value)

    return check


def text(value: Any, where: str) -> None:
    """Text that can be written anywhere."""
    if not isinstance(value, str) or not _is_encodable(value):
        raise ShapeError(where, "a text", value)


def label(value: Any, where: str) -> None:
    """A line of text, not empty, as it is shown in tables and pictures."""
    if not isinstance(value, str) or not value or not value.isprintable():
        raise ShapeError(where, "a line of printable text", value)


def flag(value: Any, where: str) -> None:
    """True or false."""
    if not isinstance(value, bool):
        raise ShapeError(where, "true or false", value)


def one_of(*known: str) -> Check:
    """One of some texts."""

    def check(value: Any, where: str) -> None:
        if not isinstance(value, str) or value not in known:
            raise ShapeError(where, f"one of {', '.join(known)}", value)

    return check


def anything(_value: Any, _where: str) -> None:
    """Whatever it is: nothing is made of it."""


def nullable(check: Check) -> Check:
    """Null, or what another check accepts."""

    def check_unless_null(value: Any, where: str) -> None:
        if value is not None:
            check(value, where)

    return check_unless_null


def array(check: Check, most: int = 1_000_000) -> Check:
    """A list of values of one kind."""

    def check_each(value: Any, where: str) -> None:
        if not isinstance(value, list) or len(value) > most:
            raise ShapeError(where, f"a list of at most {most}", value)
        for number_, item in enumerate(value):
            check(item, f"{where}[{number_}]")

    return check_each


def mapping(key: Check, check: Check, most: int = 1000) -> Check:
    """An object with any keys of one kind to values of one kind."""

    def check_each(value: Any, where: str) -> None:
        if not isinstance(value, dict) or len(value) > most:
            raise ShapeError(where, f"an object of at most {most} fields", value)
        for name, item in value.items():
            key(name, f"a name in {where}")
            check(item, _field(where, name))

    return check_each


def record(required: Mapping[str, Check], optional: Mapping[str, Check] | None = None) -> Check:
    """An object with these fields and no others."""
    optional = optional or {}

    def check_each(value: Any, where: str) -> None:
        if not isinstance(value, dict):
            raise ShapeError(where, "an object", value)
        for name in required:
            if name not in value:
                raise ShapeError(where, f"a field {name!r}", f"only {', '.join(map(str, value)) or 'none'}")
        for name, item in value.items():
            check = required.get(name) or optional.get(name)
            if check is None:
                raise ShapeError(where, "no field of another name", name)
            check(item, _field(where, name))

    return check_each


def _field(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name


def _is_encodable(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:  # half of a pair, which JSON can spell
        return False
    return True
