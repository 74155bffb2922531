"""Agreement: levels and PSNR against closed-form values, and the requirement of each precision."""

from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest

from fomm_bench.results.agreement import EXACT, HALF, INT8, Agreement, Requirement, compare, psnr

BLACK = np.zeros((2, 4, 4, 3), np.uint8)


def test_identical() -> None:
    found = compare(BLACK, BLACK.copy(), EXACT)
    assert (found.frames, found.levels, found.psnr_db, found.agrees) == (2, 0, None, True)
    assert found.describe() == "identical"


def test_levels_and_psnr() -> None:
    other = BLACK.copy()
    other[0, 0, 0, 0] = 200  # one value of 96, the error 200² / 96
    found = compare(other, BLACK, INT8)
    assert found.levels == 200
    assert found.psnr_db == pytest.approx(10 * math.log10(255**2 / (200**2 / 96)))
    white = compare(BLACK + np.uint8(255), BLACK, HALF)
    assert white.psnr_db == pytest.approx(0)
    assert not white.agrees


@pytest.mark.parametrize(
    ("shift", "required", "agrees"),
    [
        (1, Requirement(1, 48.0), True),
        (1, EXACT, False),  # each value one level off: 48.1 dB
        (2, Requirement(1, 0.0), False),
        (2, HALF, True),  # 42.1 dB
        (3, HALF, False),
        (3, INT8, True),  # 38.6 dB
        (5, INT8, False),
    ],
)
def test_requirements(shift: int, required: Requirement, agrees: bool) -> None:
    assert compare(BLACK + np.uint8(shift), BLACK, required).agrees is agrees


def test_another_shape_disagrees() -> None:
    assert not compare(BLACK[:, :2], BLACK, INT8).agrees


def test_round_trip() -> None:
    found = compare(BLACK + np.uint8(1), BLACK, EXACT)
    assert msgspec.convert(msgspec.to_builtins(found), Agreement) == found
    assert psnr(0.0) is None
    assert EXACT.describe() == "at most 1 level and PSNR of at least 50 dB"
