"""JSON read into types: strict, finite, and with errors that say where."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from fomm_rt.files.typed_json import Sha256, parse_json, typed


@dataclass(frozen=True)
class Inner:
    size: int
    sha256: Sha256


@dataclass(frozen=True)
class Outer:
    inner: tuple[Inner, ...]
    scale: float = 1.0


GOOD = {"size": 3, "sha256": "a" * 64}


def test_unknown_fields_are_ignored() -> None:
    assert typed({"inner": [{**GOOD, "more": 1}], "more": 2}, Outer) == Outer((Inner(3, "a" * 64),))


@pytest.mark.parametrize(
    ("inner", "words"),
    [
        ({**GOOD, "size": True}, r"Expected `int`, got `bool` - at `\$.inner\[0\].size`"),
        ({**GOOD, "size": 3.0}, r"Expected `int`, got `float` - at `\$.inner\[0\].size`"),
        ({**GOOD, "size": "3"}, r"Expected `int`, got `str` - at `\$.inner\[0\].size`"),
        ({**GOOD, "sha256": "A" * 64}, r"at `\$.inner\[0\].sha256`"),
        ({**GOOD, "sha256": "a" * 64 + "\n"}, r"at `\$.inner\[0\].sha256`"),
        ({"size": 3}, r"missing required field `sha256` - at `\$.inner\[0\]`"),
        ([], r"Expected `object`, got `array` - at `\$.inner\[0\]`"),
    ],
)
def test_errors_say_where_and_what_was_expected(inner: object, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        typed({"inner": [inner]}, Outer)


@pytest.mark.parametrize("text", ["NaN", "[Infinity]", "-Infinity", "1e999", "[" * 100_000, "{", "", b"\xff\xfe\0"])
def test_rejects_invalid_json(text: str | bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_json(text)
