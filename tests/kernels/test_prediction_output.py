"""prediction_output.cu: 255 · value, rounded as NumPy rounds."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import ArrayLike, NDArray

from fomm_kernels import Executor, prediction_output
from kernel_memory import LAYOUTS, STORAGES, Memory, padded_strides, random, run, stored


def levels(executor: Executor, prediction: Memory, padding: int = 0) -> NDArray[np.uint8]:
    n, _, height, width = prediction.array.shape
    shape = (n, height, width, 3)
    pictures = Memory(shape, np.uint8, padded_strides(shape, 1, padding))
    run(prediction_output, executor, prediction, pictures)
    found: NDArray[np.uint8] = pictures.array
    return found


def expected(prediction: Memory) -> NDArray[np.uint8]:
    """Float32 products as in the kernel; exact ones would round other ties."""
    values = prediction.array.astype(np.float32).transpose(0, 2, 3, 1)
    return np.asarray(np.rint(np.clip(np.float32(255) * values, 0, 255)), np.uint8)


@pytest.mark.parametrize("padding", [0, 5])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize("shape", [(1, 3, 16, 16), (2, 3, 9, 13), (3, 3, 1, 1), (1, 3, 1, 300), (2, 3, 171, 1)])
def test_random_predictions(
    executor: Executor, shape: tuple[int, ...], storage: type, layout: str, padding: int
) -> None:
    prediction = stored(0.5 + 0.6 * random(*shape), storage, layout)
    assert np.array_equal(levels(executor, prediction, padding), expected(prediction))


def one_row(values: ArrayLike, storage: type) -> Memory:
    return stored(np.broadcast_to(np.asarray(values, storage), (1, 3, 1, np.size(values))), storage)


def test_all_levels_and_halves_to_even(executor: Executor) -> None:
    prediction = one_row(np.arange(511) / 510, np.float32)
    found = levels(executor, prediction)
    assert np.array_equal(found, expected(prediction))
    assert np.array_equal(found[0, 0, ::2, 0], np.arange(256))
    up = np.rint(255 * prediction.array[0, 0, 0, 1::2]) > np.arange(255)
    assert 50 < np.count_nonzero(up) < 205, "ties that go both ways"


@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize(
    ("value", "level"),
    [(-0.0, 0), (-1, 0), (-1e-7, 0), (1, 255), (1.001, 255), (60000, 255), (np.inf, 255), (-np.inf, 0), (np.nan, 0)],
)
def test_ends(executor: Executor, value: float, level: int, storage: type) -> None:
    assert (levels(executor, one_row([value], storage)) == level).all()


def test_channels_and_axes_keep_their_order(executor: Executor) -> None:
    values = np.arange(3 * 4 * 5).reshape(1, 3, 4, 5)
    found = levels(executor, stored(values / 255))
    assert np.array_equal(found, values.transpose(0, 2, 3, 1))
