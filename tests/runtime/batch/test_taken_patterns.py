"""Patterns that have a picture in common are found, and no others."""

from __future__ import annotations

from itertools import combinations_with_replacement, product
from pathlib import Path

import pytest

from fomm_rt.batch.taken_patterns import TakenPatterns
from fomm_rt.media.write.picture_sequence import shared_picture

PATTERNS = [
    Path(f"{before}{number}{after}.png")
    for before, number, after in product(("", "0", "1", "10", "a", "a0"), ("%d", "%02d", "%04d"), ("", "0", "1-"))
]
# The fixed digits are zeros and ones. In a shared name, ones could stand for all other digits.
NUMBERS = [int(f"{number:b}") for number in range(1, 1 << 8)]
NAMES = {pattern: {pattern.name % number for number in NUMBERS} for pattern in PATTERNS}


def test_shared_pictures_are_those_that_the_names_tell() -> None:
    pairs = list(combinations_with_replacement(PATTERNS, 2))
    for one, other in pairs:
        common = NAMES[one] & NAMES[other]
        found = shared_picture(one, other)
        assert (found is None) == (not common), (one, other, found, sorted(common)[:1])
        assert found is None or found in common, (one, other, found)
    assert 100 < sum(shared_picture(*pair) is not None for pair in pairs) < len(pairs) / 2


def test_taken_patterns_are_compared_with_all_that_may_share_a_picture() -> None:
    for one, other in product(PATTERNS, repeat=2):
        taken = TakenPatterns()
        assert taken.take(Path("f", one), "line 2") is None
        found = taken.take(Path("f", other), "line 3")
        assert (found is not None) == bool(NAMES[one] & NAMES[other]), (one, other, found)
        assert found is None or found[0] == "line 2"


@pytest.mark.parametrize(
    ("one", "other"), [("f/a%d.png", "g/a%d.png"), ("f/a%d.png", "f/b%d.png"), ("f/1-%d.png", "f/11-%d.png")]
)
def test_patterns_in_other_folders_or_with_other_letters_share_nothing(one: str, other: str) -> None:
    taken = TakenPatterns()
    assert taken.take(Path(one), "line 2") is None
    assert taken.take(Path(other), "line 3") is None


def test_upper_and_lower_case_count_as_one() -> None:
    taken = TakenPatterns()
    taken.take(Path("F/A%05d.png"), "line 2")
    assert taken.take(Path("f/a0%04d.png"), "line 3") == ("line 2", "a01111.png")
