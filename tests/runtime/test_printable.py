"""Control characters of texts that others wrote."""

from __future__ import annotations

import pytest

from fomm_rt.printable import on_one_line, printable, strings_on_one_line


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain é 漢 👨\u200d👩\u200d👧", "plain é 漢 👨\u200d👩\u200d👧"),
        ("\x1b[2J\x1b]0;title\x07", r"\x1b[2J\x1b]0;title\x07"),
        ("\x9b31m\x7f\x00\b\r", r"\x9b31m\x7f\x00\x08\r"),
        ("\u202egpj.exe\u2066\u200f", r"\u202egpj.exe\u2066\u200f"),
        ("a\u2028b\u2029c\v\f", r"a\u2028b\u2029c\x0b\x0c"),
        ("two\n\tlines", "two\n\tlines"),
    ],
)
def test_printable(text: str, expected: str) -> None:
    assert printable(text) == expected
    assert on_one_line(text) == expected.replace("\n", r"\n").replace("\t", r"\t")


def test_every_string_of_a_document() -> None:
    document = {"a\n": ["b\x1b", {"c": "d\r"}, 1, None, True], "e": 2.5}
    assert strings_on_one_line(document) == {r"a\n": [r"b\x1b", {"c": r"d\r"}, 1, None, True], "e": 2.5}
