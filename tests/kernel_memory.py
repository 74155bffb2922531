"""Memory for tests of kernels: arrays of any layout amid poison, launched and compared."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import ArrayLike, DTypeLike, NDArray

from fomm_kernels import Executor
from fomm_kernels.launching import Launch

if TYPE_CHECKING:
    import torch  # a Python with TensorRT need not have it

SANITIZED = "FOMM_TEST_SANITIZED" in os.environ
"""Whether this process runs the sanitized host build: see test_sanitizers.py."""

GUARD = 0 if SANITIZED else 64
"""Elements of poison before and after an array; sanitizers watch the ends of an exact allocation themselves."""

STORAGES = (np.float32, np.float16)

LAYOUTS = {
    "channels first": ((0, 1, 2, 3), 1, 0),
    "channels last": ((0, 2, 3, 1), 1, 0),
    "channels last, padded to 8": ((0, 2, 3, 1), 8, 0),
    "padded rows": ((0, 1, 2, 3), 1, 3),
    "columns outermost": ((3, 2, 1, 0), 1, 1),
}
"""Axes from the outermost to the innermost; the innermost is padded to a multiple, then by some more elements."""


def strides_of(shape: Sequence[int], layout: str) -> tuple[int, ...]:
    """Strides in elements of an (N, C, H, W) array."""
    order, multiple, more = LAYOUTS[layout]
    strides = [0] * len(shape)
    step = 1
    for axis in reversed(order):
        strides[axis] = step
        step *= shape[axis]
        if axis == order[-1]:
            step = -(-step // multiple) * multiple + more
    return tuple(strides)


def padded_strides(shape: Sequence[int], axis: int, more: int) -> tuple[int, ...]:
    """Strides in elements of a C-ordered array with `more` unused elements after each item of an axis."""
    strides = [1] * len(shape)
    for i in reversed(range(len(shape) - 1)):
        strides[i] = strides[i + 1] * shape[i + 1] + (more if i == axis else 0)
    return tuple(strides)


class Memory:
    """An array amid poison: an input that holds values, or an output that a launch has to write all of.

    Args:
        shape: Of the array.
        dtype: Of an element.
        strides: In elements; C order by default.
        values: What an input holds; None makes an output.
    """

    def __init__(
        self,
        shape: Sequence[int],
        dtype: DTypeLike,
        strides: Sequence[int] | None = None,
        values: ArrayLike | None = None,
    ) -> None:
        strides = padded_strides(shape, 0, 0) if strides is None else strides
        last = sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True))
        self.block: NDArray[Any] = np.empty(last + 1 + 2 * GUARD, dtype)
        self.around = np.ones(self.block.shape, bool)
        self.written = values is None
        _elements(self.around, shape, strides)[...] = False
        self.array = _elements(self.block, shape, strides)
        self.poison(0xFF)
        if values is not None:
            self.array[...] = values

    def poison(self, byte: int) -> None:
        """Fills everything; bytes of 0xFF are NaN, as float and as half."""
        self.block.view(np.uint8)[:] = byte

    def untouchable(self) -> bytes:
        """What a launch must leave as it is: all of an input, and what is around and between an output's elements."""
        return (self.block[self.around] if self.written else self.block).tobytes()

    def double(self) -> torch.Tensor:
        """The values, as a kernel is given them, for a reference in float64."""
        import torch

        return torch.from_numpy(self.array.astype(np.float64))


def _elements(block: NDArray[Any], shape: Sequence[int], strides: Sequence[int]) -> NDArray[Any]:
    return as_strided(block[GUARD:], shape, [stride * block.itemsize for stride in strides])


def stored(values: ArrayLike, dtype: DTypeLike = np.float32, layout: str = "channels first") -> Memory:
    """An input; the layout is for four axes, others are in C order."""
    shape = np.shape(values)
    return Memory(shape, dtype, strides_of(shape, layout) if len(shape) == 4 else None, values)


def unwritten(shape: Sequence[int], dtype: DTypeLike = np.float32, layout: str = "channels first") -> Memory:
    """An output; see `stored`."""
    return Memory(shape, dtype, strides_of(shape, layout) if len(shape) == 4 else None)


def run(kernel: Callable[..., None], executor: Executor, *arguments: Any, **options: Any) -> None:
    """Launches a kernel, twice, and checks that it wrote every element of its outputs and nothing else.

    What was not written shows as a difference: the outputs hold other bytes before the second launch.
    """
    memories = [memory for memory in (*arguments, *options.values()) if isinstance(memory, Memory)]
    outputs = [memory for memory in memories if memory.written]
    results = []
    for poison in (0xAB, 0xFF):
        for memory in outputs:
            memory.poison(poison)
        before = [memory.untouchable() for memory in memories]
        kernel(executor, *map(_given, arguments), **{name: _given(value) for name, value in options.items()})
        assert [memory.untouchable() for memory in memories] == before
        results.append([memory.array.tobytes() for memory in outputs])
    assert results[0] == results[1]


def _given(argument: Any) -> Any:
    return argument.array if isinstance(argument, Memory) else argument


class Recorder:
    """Executor that keeps launches instead of running them."""

    def __init__(self, on_device: bool = False) -> None:
        self.on_device = on_device
        self.launches: list[Launch] = []

    def launch(self, launch: Launch, stream: Any = None) -> None:
        del stream
        self.launches.append(launch)


def assert_close(found: NDArray[Any], expected: torch.Tensor | NDArray[np.float64], error: float) -> None:
    """Asserts |found − expected| ≤ error · (1 + |expected|), and NaN where NaN is expected.

    `error` is that of float32 arithmetic; where halves are stored, half an ulp of the half is added.
    """
    wanted = np.asarray(expected, np.float64)
    assert found.shape == wanted.shape
    allowed = error * (1 + np.abs(wanted))
    if found.dtype == np.float16:
        allowed += np.abs(wanted) * 2**-11 + 2**-25
    with np.errstate(invalid="ignore"):
        fits = (np.abs(found.astype(np.float64) - wanted) <= allowed) | (np.isnan(found) & np.isnan(wanted))
    if not fits.all():
        where = tuple(np.argwhere(~fits)[0])
        raise AssertionError(
            f"{np.count_nonzero(~fits)} of {fits.size} values differ; at {where}: "
            f"found {found[where]}, expected {wanted[where]} ± {allowed[where]}"
        )


def random(*shape: int, seed: int = 0) -> NDArray[np.float64]:
    """Numbers from -1 to 1."""
    return np.random.default_rng(seed).uniform(-1, 1, shape)


def coordinate_grid(height: int, width: int) -> torch.Tensor:
    """(height, width, 2) float64: (x, y) of every pixel, corner pixels at -1 and 1."""
    import torch

    y, x = torch.linspace(-1, 1, height, dtype=torch.float64), torch.linspace(-1, 1, width, dtype=torch.float64)
    return torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1)
