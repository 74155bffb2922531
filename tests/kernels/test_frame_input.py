"""frame_input.cu against exact resampling in float64, the runtime's resampling, and the anti-aliased quarter."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from fomm_export.networks.anti_alias import AntiAliasDownsample, gaussian_kernel
from fomm_kernels import Executor, frame_input
from fomm_rt.framing import Framing, Region, placement, resample
from fomm_rt.model.blur import Blur, published_blur
from kernel_memory import LAYOUTS, STORAGES, Memory, assert_close, padded_strides, run, unwritten

ERROR = 2e-6
"""Sums of up to 253² products of weights that add up to 1; the reference's weights are rounded to float32 too."""

SIZE = 24
CROP, FIT = Framing(), Framing("fit")

PICTURES = [  # height, width, framing
    (24, 24, CROP),
    (24, 31, CROP),
    (48, 60, CROP),
    (72, 48, FIT),
    (37, 53, CROP),
    (37, 53, FIT),
    (90, 31, FIT),
    (10, 13, CROP),
    (12, 12, CROP),
    (7, 20, FIT),
    (23, 25, FIT),
    (1, 1, CROP),
    (1, 200, FIT),
    (200, 1, FIT),
    (2, 1000, FIT),
    (1, 9, FIT),
    (40, 50, Framing(rectangle=(3, 5, 20, 17))),
    (40, 50, Framing("fit", (3, 5, 20, 17))),
    (90, 80, Framing("fit", (7, 2, 33, 71))),
    (301, 300, CROP),
]


def pictures(height: int, width: int, batch: int = 2, padding: int = 5) -> Memory:
    """Noise of all levels, the hardest to resample, in padded rows."""
    shape = (batch, height, width, 3)
    values = np.random.default_rng(height * width).integers(0, 256, shape, np.uint8)
    return Memory(shape, np.uint8, padded_strides(shape, 1, padding), values)


def area_shares(to: int, of: int) -> NDArray[np.float64]:
    """(to, of): the share of each of `of` pixels in the area of each of `to` larger pixels."""
    ratio, i, j = of / to, np.arange(to)[:, None], np.arange(of)
    overlap = np.minimum((i + 1) * ratio, j + 1) - np.maximum(i * ratio, j)
    return np.asarray(np.clip(overlap, 0, None) / ratio, np.float64)


def exact(picture: NDArray[np.uint8], region: Region, size: int) -> NDArray[np.float64]:
    """(3, size, size) levels, not rounded."""
    r = region
    part = picture[r.y : r.y + r.height, r.x : r.x + r.width].transpose(2, 0, 1).astype(np.float64)
    left, top, width, height = placement(r, size)
    if width > r.width or height > r.height:
        resized = F.interpolate(torch.from_numpy(part)[None], (height, width), mode="bilinear").numpy()[0]
    else:
        resized = area_shares(height, r.height) @ part @ area_shares(width, r.width).T
    around = ((0, 0), (top, size - top - height), (left, size - left - width))
    return np.pad(resized, around, mode="edge")


def levels_of(frame: NDArray[np.floating]) -> NDArray[np.float64]:
    """Whole levels; in a frame of halves they are off by at most 0.06 levels."""
    levels = np.rint(255 * frame.astype(np.float64))
    assert_close(frame, levels / 255, 1e-7)
    return np.asarray(levels, np.float64)


def launch(
    executor: Executor,
    given: Memory,
    region: Region,
    size: int,
    factor: int,
    storage: type = np.float32,
    layout: str = "channels first",
    blur: Blur | None = None,
) -> tuple[Memory, Memory]:
    n, side = len(given.array), size // factor
    frame, quarter = unwritten((n, 3, size, size), storage, layout), unwritten((n, 3, side, side), storage, layout)
    part = (region.x, region.y, region.width, region.height)
    blur = blur or published_blur(factor)
    options = {"size": size, "part": part, "placed": placement(region, size)}
    options |= {"sigma": blur.sigma, "radius": blur.radius}
    run(frame_input, executor, given, quarter, **options, frame=frame)
    alone = unwritten(quarter.array.shape, storage, layout)
    run(frame_input, executor, given, alone, **options)
    assert alone.block.tobytes() == quarter.block.tobytes(), "the quarter is the same without a frame"
    return frame, quarter


def check_quarter(frame: Memory, quarter: Memory, factor: int, blur: Blur | None = None) -> None:
    """The quarter is computed from the unrounded frame, in whole levels over 255."""
    levels = torch.from_numpy(levels_of(frame.array))
    down = AntiAliasDownsample(3, factor)
    if blur is not None:
        down.use_stored(gaussian_kernel(blur).expand(3, 1, -1, -1), factor)
        assert down.blur == blur
    assert_close(quarter.array, down.double()(levels / 255), ERROR)


@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize(("height", "width", "framing"), PICTURES)
def test_resampling(executor: Executor, height: int, width: int, framing: Framing, storage: type) -> None:
    given, region = pictures(height, width), framing.region(height, width)
    frame, quarter = launch(executor, given, region, SIZE, 4, storage)
    for found, picture in zip(levels_of(frame.array), given.array, strict=True):
        # Rounded to the nearest level; where two are as near, by errors of float32, to either.
        assert np.abs(found - exact(picture, region, SIZE)).max() <= 0.5 + 1e-3
        # OpenCV rounds weights to 11 bits, and means of 2×2 pixels upwards.
        assert np.abs(found - resample(picture, region, SIZE).transpose(2, 0, 1)).max() <= 1
    check_quarter(frame, quarter, 4)


def test_same_size_is_untouched(executor: Executor) -> None:
    given = pictures(SIZE, SIZE + 7)
    frame, _ = launch(executor, given, Region(4, 0, SIZE, SIZE, 0, 0, SIZE), SIZE, 4)
    assert np.array_equal(levels_of(frame.array), given.array[:, :, 4 : 4 + SIZE].transpose(0, 3, 1, 2))


@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize(
    ("factor", "side"),
    [(1, 7), (2, 9), (3, 5), (4, 1), (4, 16), (7, 6), (8, 5), (16, 5), (20, 3), (32, 1), (32, 3), (64, 1)],
)
def test_factors(executor: Executor, factor: int, side: int, storage: type) -> None:
    size = factor * side
    given = pictures(size, size, batch=1)
    frame, quarter = launch(executor, given, Region.square(size), size, factor, storage)
    assert np.array_equal(levels_of(frame.array), given.array.transpose(0, 3, 1, 2))
    check_quarter(frame, quarter, factor)


@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize(("factor", "sigma", "radius"), [(8, 1.5, 6), (8, 0.4, 1), (4, 3.5, 14), (2, 1.5, 6)])
def test_blurs_other_than_published_ones(
    executor: Executor, factor: int, sigma: float, radius: int, storage: type
) -> None:
    """Also blurs narrower than the step from pixel to pixel of the quarter: every pixel of the frame is written."""
    size = 5 * factor
    given = pictures(size, size, batch=1)
    frame, quarter = launch(executor, given, Region.square(size), size, factor, storage, blur=Blur(sigma, radius))
    assert np.array_equal(levels_of(frame.array), given.array.transpose(0, 3, 1, 2))
    check_quarter(frame, quarter, factor, Blur(sigma, radius))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("storage", STORAGES)
def test_layouts(executor: Executor, storage: type, layout: str) -> None:
    given, region = pictures(20, 30, batch=3), Framing("fit").region(20, 30)
    frame, quarter = launch(executor, given, region, 20, 4, storage, layout)
    expected = np.stack([exact(picture, region, 20) for picture in given.array])
    assert np.abs(levels_of(frame.array) - expected).max() <= 0.5 + 1e-3
    check_quarter(frame, quarter, 4)


@pytest.mark.parametrize("level", [0, 1, 127, 255])
@pytest.mark.parametrize("side", [10, 16, 23, 40])
def test_one_colour_stays_itself(executor: Executor, side: int, level: int) -> None:
    """For all sizes, rounding does not change it; the quarter darkens only towards the zeros around the frame."""
    shape = (1, side, side, 3)
    frame, quarter = launch(executor, Memory(shape, np.uint8, None, np.full(shape, level)), Region.square(side), 64, 4)
    assert (levels_of(frame.array) == level).all()
    assert_close(quarter.array[..., 2:-2, 2:-2], np.full((1, 3, 12, 12), level / 255), ERROR)
    assert (quarter.array <= level / 255 + ERROR).all()
