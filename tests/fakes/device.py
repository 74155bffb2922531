"""A fake device: queued work runs when its stream is synchronized, as late as on a GPU.

Its arrays offer only `__cuda_array_interface__`, so only kernels, trunks and copies can reach their memory.
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Any
from weakref import WeakSet

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import DTypeLike, NDArray
from typing_extensions import override

from fomm_kernels import Executor, HostKernels
from fomm_kernels.arrays import Array, view
from fomm_kernels.launching import Launch
from fomm_rt.backends.gpu.cuda_device import c_strides, span
from fomm_rt.backends.gpu.device import Device

_kernels: list[HostKernels] = []


class FakeArray:
    """An array in the memory of the device."""

    def __init__(self, shape: tuple[int, ...], dtype: DTypeLike, strides: tuple[int, ...] | None = None) -> None:
        self._strides = strides or c_strides(shape)
        self.block = np.zeros(span(shape, self._strides), dtype)
        self.shape = shape

    @property
    def values(self) -> NDArray[Any]:
        """The array as NumPy sees it, for tests."""
        item = self.block.itemsize
        return as_strided(self.block, self.shape, tuple(stride * item for stride in self._strides))

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        return {**self.values.__array_interface__, "stream": None}


class FakeStream:
    """Work that is pending or captured, in order."""

    def __init__(self, handle: int) -> None:
        self.handle = handle
        self.pending: list[Callable[[], None]] = []
        self.captured: list[Callable[[], None]] | None = None

    def queue(self, work: Callable[[], None]) -> None:
        (self.pending if self.captured is None else self.captured).append(work)

    def __cuda_stream__(self) -> tuple[int, int]:
        return 0, self.handle


class FakeKernels(Executor):
    """Runs kernels in their host build, once their stream is synchronized."""

    on_device = True

    def __init__(self) -> None:
        if not _kernels:
            _kernels.append(HostKernels())
        self._host = _kernels[0]

    @override
    def launch(self, launch: Launch, stream: Any = None) -> None:
        stream.queue(lambda: self._host.launch(launch))


class FakeEvent:
    """Holds the time at which its stream came to it."""

    time = math.nan


class FakeDevice(Device):
    """A device in host memory that refuses what CUDA refuses.

    Attributes:
        events, arrays: Events and arrays that are still referenced.
        allocations: Number of arrays allocated, on the device and on the host.
        captures, replays: Number of captures and replays.
        waits: Handles of the streams that were waited for.
    """

    name = "a fake GPU"
    ordinal = 0

    def __init__(self) -> None:
        self.executor: FakeKernels = FakeKernels()
        self.streams: list[FakeStream] = []
        self.allocations = self.captures = self.replays = 0
        self.events: WeakSet[FakeEvent] = WeakSet()
        self.arrays: WeakSet[FakeArray] = WeakSet()
        self.waits: list[int] = []
        self.is_closed = False
        self._entered = 0

    @override
    @contextmanager
    def current(self) -> Iterator[None]:
        self._entered += 1
        try:
            yield
        finally:
            self._entered -= 1

    @override
    def allocate(self, shape: tuple[int, ...], dtype: DTypeLike, strides: tuple[int, ...] | None = None) -> FakeArray:
        self._may_wait()
        self.allocations += 1
        array = FakeArray(shape, dtype, strides)
        self.arrays.add(array)
        return array

    @override
    def pinned(self, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
        self._may_wait()
        self.allocations += 1
        return np.zeros(shape, dtype)

    @override
    def stream(self) -> FakeStream:
        self._may_wait()
        self.streams.append(FakeStream(len(self.streams) + 10))
        return self.streams[-1]

    @override
    def copy(self, source: Any, target: Any, stream: FakeStream) -> None:
        assert self._entered
        read, written = _bytes(source), _bytes(target)
        assert read.size == written.size
        stream.queue(lambda: np.copyto(written, read))

    @override
    def gpu_of(self, address: int) -> int | None:
        del address
        return self.ordinal

    @override
    def copy_picture(self, picture: Any, target: Any, stream: FakeStream) -> None:
        assert self._entered
        read, written = view(picture, "picture"), view(target, "out")
        stream.queue(lambda: np.copyto(_seen(written), _seen(read)))

    @override
    def wait(self, stream: FakeStream, other: int) -> None:
        assert self._entered
        assert stream.captured is None, "what is captured cannot wait for work that is not"
        self.waits.append(other)

    @override
    def synchronize(self, stream: FakeStream) -> None:
        self._may_wait()
        work, stream.pending = stream.pending, []
        for one in work:
            one()

    @override
    def capture(self, stream: FakeStream, queue: Callable[[], None]) -> Callable[[], None]:
        self._may_wait()
        stream.captured = []
        try:
            queue()
            captured = stream.captured
        finally:
            stream.captured = None
        self.captures += 1

        def replay() -> None:
            self.replays += 1
            stream.pending.extend(captured)

        return replay

    @override
    def event(self) -> FakeEvent:
        event = FakeEvent()
        self.events.add(event)
        return event

    @override
    def record(self, event: FakeEvent, stream: FakeStream) -> None:
        def work() -> None:
            event.time = perf_counter()

        stream.queue(work)

    @override
    def elapsed_ms(self, start: FakeEvent, end: FakeEvent) -> float:
        return (end.time - start.time) * 1e3

    @override
    def close(self) -> None:
        self.is_closed = True

    def _may_wait(self) -> None:
        """Asserts that the device is current and that no stream captures: CUDA refuses such calls then."""
        assert self._entered, "the device is not this thread's current one"
        assert all(stream.captured is None for stream in self.streams)


def _bytes(array: Any) -> NDArray[np.uint8]:
    block = array.block if isinstance(array, FakeArray) else array.reshape(-1)
    return np.asarray(block.view(np.uint8))


def _seen(array: Array) -> NDArray[Any]:
    """The array at an address of the device, which is an address of this process."""
    size = array.strides[0] * array.shape[0] * array.dtype.itemsize
    memory = np.ctypeslib.as_array((ctypes.c_ubyte * size).from_address(array.address)).view(array.dtype)
    return as_strided(memory, array.shape, tuple(stride * array.dtype.itemsize for stride in array.strides))
