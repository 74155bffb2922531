"""Memory, streams and graphs of a GPU for tests.

Everything calls the driver, and each array is its own allocation, so compute-sanitizer detects access beyond its end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fomm_kernels import DeviceKernels, HostKernels
from kernel_memory import Memory


def checked(answer: tuple[Any, ...]) -> Any:
    """Returns the result of a driver function; asserts that it succeeded."""
    result, *values = answer
    assert result == 0, result.name
    return values[0] if values else None


class OnGpu:
    """A `Memory` with a copy on the GPU, which kernels read by `__cuda_array_interface__`."""

    def __init__(self, driver: Any, memory: Memory) -> None:
        self.memory = memory
        self._driver = driver
        self._block = checked(driver.cuMemAlloc(memory.block.nbytes))
        array = memory.array
        self.address = int(self._block) + array.ctypes.data - memory.block.ctypes.data
        self.__cuda_array_interface__ = {
            "version": 3,
            "shape": array.shape,
            "typestr": array.dtype.str,
            "data": (self.address, False),
            "strides": array.strides,
        }
        self.upload()

    def __del__(self) -> None:
        self._driver.cuMemFree(self._block)

    def upload(self) -> None:
        """Copies all of the memory to the GPU, padding included."""
        block = self.memory.block
        checked(self._driver.cuMemcpyHtoD(self._block, block.ctypes.data, block.nbytes))
        # The last of it may still be on its way, and streams here wait for nothing.
        checked(self._driver.cuCtxSynchronize())

    def download(self) -> NDArray[Any]:
        """Waits for the GPU, copies the memory back, and returns the array on the CPU."""
        block = self.memory.block
        checked(self._driver.cuCtxSynchronize())
        checked(self._driver.cuMemcpyDtoH(block.ctypes.data, self._block, block.nbytes))
        return self.memory.array


class Gpu:
    """A device, its kernels, and their host build."""

    def __init__(self) -> None:
        from cuda.bindings import driver
        from cuda.core import Device

        self.kernels, self.host = DeviceKernels(), HostKernels()
        self.driver = driver
        Device(0).set_current()  # for the driver's functions below; launches do without

    def put(self, memory: Memory) -> OnGpu:
        """Copies a memory to the GPU."""
        return OnGpu(self.driver, memory)

    @contextmanager
    def stream(self) -> Iterator[int]:
        """Makes a stream that waits for no other."""
        stream = checked(self.driver.cuStreamCreate(self.driver.CUstream_flags.CU_STREAM_NON_BLOCKING))
        try:
            yield int(stream)
        finally:
            checked(self.driver.cuStreamDestroy(stream))

    def synchronize(self) -> None:
        """Waits for all streams."""
        checked(self.driver.cuCtxSynchronize())

    @contextmanager
    def captured(self, launch: Callable[[int], None], stream: int) -> Iterator[Callable[[], None]]:
        """Captures what a function queues on a stream; gives a function that replays it there."""
        driver = self.driver
        checked(driver.cuStreamBeginCapture(stream, driver.CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL))
        launch(stream)
        graph = checked(driver.cuStreamEndCapture(stream))
        replayed = checked(driver.cuGraphInstantiate(graph, 0))
        checked(driver.cuGraphDestroy(graph))
        try:
            yield lambda: checked(driver.cuGraphLaunch(replayed, stream))
        finally:
            checked(driver.cuGraphExecDestroy(replayed))

    def compare(
        self,
        kernel: Callable[..., None],
        *arguments: Any,
        error: float,
        rare: Sequence[tuple[float, float]] = (),
        **options: Any,
    ) -> None:
        """Runs a kernel on GPU and CPU with the same inputs; compares by `assert_twins`, with one `rare` per output."""
        memories = [memory for memory in (*arguments, *options.values()) if isinstance(memory, Memory)]
        outputs = [memory for memory in memories if memory.written]
        # The poison differs, so that what neither of the two writes shows as a difference.
        for memory in outputs:
            memory.poison(0xAB)
        on_cpu = [_swapped(value, lambda memory: memory.array) for value in (arguments, options)]
        kernel(self.host, *on_cpu[0], **on_cpu[1])
        expected = [memory.array.copy() for memory in outputs]
        for memory in outputs:
            memory.poison(0xFF)
        before = [memory.untouchable() for memory in memories]
        twins = {id(memory): self.put(memory) for memory in memories}
        on_gpu = [_swapped(value, lambda memory: twins[id(memory)]) for value in (arguments, options)]
        kernel(self.kernels, *on_gpu[0], **on_gpu[1])
        for twin in twins.values():
            twin.download()
        assert [memory.untouchable() for memory in memories] == before, "memory beside the outputs was written"
        for memory, wanted, few in zip(outputs, expected, rare or [(0, 0)] * len(outputs), strict=True):
            assert_twins(memory.array, wanted, error, few)


def assert_twins(found: NDArray[Any], wanted: NDArray[Any], error: float, rare: tuple[float, float] = (0, 0)) -> None:
    """Asserts |found − wanted| ≤ error · (1 + |wanted|), with the same infinities and NaN.

    Args:
        found: By the GPU.
        wanted: By the CPU.
        error: Of float32 arithmetic; halves may be one ulp further apart, since either is rounded.
        rare: A share of the values that may be further apart, and how far.
    """
    assert found.shape == wanted.shape
    a, b = found.astype(np.float64), wanted.astype(np.float64)
    with np.errstate(invalid="ignore"):
        distance = np.where((a == b) | (np.isnan(a) & np.isnan(b)), 0, np.abs(a - b))
        allowed = error * (1 + np.abs(b))
        if found.dtype == np.float16:
            allowed += np.abs(b) * 2**-10 + 2**-24
        off = (distance != 0) & ~(distance <= allowed)
        too_far = off & ~(distance <= rare[1])
    if too_far.any() or np.count_nonzero(off) > rare[0] * off.size:
        where = tuple(np.argwhere(too_far if too_far.any() else off)[0])
        raise AssertionError(
            f"{np.count_nonzero(off)} of {off.size} values differ; at {where}: the GPU found {found[where]}, the CPU "
            f"{wanted[where]} ± {allowed[where]}"
        )


def _swapped(values: Any, swap: Callable[[Memory], Any]) -> Any:
    if isinstance(values, dict):
        return {name: swap(value) if isinstance(value, Memory) else value for name, value in values.items()}
    return [swap(value) if isinstance(value, Memory) else value for value in values]
