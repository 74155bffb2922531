"""The size of a result's frames."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pytest

from clips import smooth
from fomm_rt.clip.result_size import Scaling
from fomm_rt.errors import OutputError
from fomm_rt.media.write.output_formats import OutputSize


@pytest.mark.parametrize(
    ("picture", "size", "is_even", "expected"),
    [
        ((64, 64), 128, True, (128, 128)),
        ((64, 64), 33, False, (33, 33)),
        ((64, 64), 33, True, (34, 34)),
        ((64, 192), 100, True, (300, 100)),  # a panel
        ((64, 192), 31, True, (94, 32)),
        ((64, 64), (200, 100), True, (200, 100)),
        ((64, 64), (101, 51), False, (101, 51)),
        ((64, 64), (101, 51), True, (102, 52)),
        ((64, 64), None, True, (64, 64)),
    ],
)
def test_sizes(picture: tuple[int, int], size: OutputSize | None, is_even: bool, expected: tuple[int, int]) -> None:
    scaling = Scaling(size, is_even)
    result = scaling(smooth(*picture))
    assert (result.shape[1], result.shape[0]) == scaling.frame_size == expected
    assert result.dtype == np.uint8


def test_without_a_size_nothing_is_copied() -> None:
    picture = smooth(64, 64)
    assert Scaling(None, True)(picture) is picture


def test_another_aspect_ratio_gets_black_bars_on_both_sides() -> None:
    picture = np.full((64, 64, 3), 200, np.uint8)
    result = Scaling((200, 100), True)(picture)
    assert (result[:, 50:150] == 200).all()
    assert not result[:, :50].any()
    assert not result[:, 150:].any()
    result = Scaling((64, 200), True)(picture)
    assert (result[68:132] == 200).all()
    assert not result[:68].any()
    assert not result[132:].any()


@pytest.mark.parametrize("size", [32, 128, 256])
def test_resampling_keeps_the_picture(size: int) -> None:
    """A smooth gradient looks the same at any size, to within two levels inside."""
    reference = smooth(size, size).astype(int)
    difference = np.abs(Scaling(size, False)(smooth(64, 64)).astype(int) - reference)
    assert difference[4:-4, 4:-4].max() <= 3


def test_says_once_that_odd_sizes_are_rounded(caplog: pytest.LogCaptureFixture) -> None:
    scaling = Scaling((101, 51), True)
    with caplog.at_level(logging.WARNING):
        scaling(smooth(64, 64))
        scaling(smooth(64, 64))
    assert [record.getMessage() for record in caplog.records] == [
        "video has even sizes: frames are 102×52 instead of 101×51"
    ]


@pytest.mark.parametrize("size", [0, 15, 8193, (64, 8), (64,), (64, 64, 64), 64.0, "64"])
def test_other_sizes_are_refused(size: Any) -> None:
    with pytest.raises(OutputError, match="expected an output size"):
        Scaling(size, True)


def test_a_frame_that_is_too_large_is_refused() -> None:
    wide = np.zeros((10, 4000, 3), np.uint8)
    assert Scaling(16, is_even=False)(wide).shape == (16, 6400, 3)
    with pytest.raises(OutputError, match="frames of 1728000×4320 pixels; expected at most"):
        Scaling(4320, is_even=False)(wide)
