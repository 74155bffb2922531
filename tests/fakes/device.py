"""A device that a CPU plays: what is queued waits until a stream is waited for, as late as a GPU might run it.

Its arrays answer to `__cuda_array_interface__` alone, so that nothing but kernels, trunks and copies gets at them.
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
import onnx
from numpy.lib.stride_tricks import as_strided
from numpy.typing import DTypeLike, NDArray

from fomm_build.parity.host_pipeline import OnnxTrunks
from fomm_kernels import HostKernels
from fomm_kernels.arrays import Array, view
from fomm_kernels.launching import Launch
from fomm_rt.backends.gpu.cuda_device import c_strides, span
from fomm_rt.backends.tensorrt.engine_memory import LINEAR, tensor_strides
from fomm_rt.errors import BackendError

_kernels: list[HostKernels] = []


class HostArray:
    """Memory of the device."""

    def __init__(self, shape: tuple[int, ...], dtype: DTypeLike, strides: tuple[int, ...] | None = None) -> None:
        self._strides = strides or c_strides(shape)
        self.block = np.zeros(span(shape, self._strides), dtype)
        self.shape = shape

    @property
    def values(self) -> NDArray[Any]:
        """The array as a test sees it."""
        item = self.block.itemsize
        return as_strided(self.block, self.shape, tuple(stride * item for stride in self._strides))

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        return {**self.values.__array_interface__, "stream": None}


class HostStream:
    """Work in order."""

    def __init__(self, handle: int) -> None:
        self.handle = handle
        self.pending: list[Callable[[], None]] = []
        self.captured: list[Callable[[], None]] | None = None

    def queue(self, work: Callable[[], None]) -> None:
        (self.pending if self.captured is None else self.captured).append(work)

    def __cuda_stream__(self) -> tuple[int, int]:
        return 0, self.handle


class LateKernels:
    """An executor whose launches wait on their stream; arrays lie on the device."""

    on_device = True

    def __init__(self) -> None:
        if not _kernels:
            _kernels.append(HostKernels())
        self._host = _kernels[0]

    def launch(self, launch: Launch, stream: Any = None) -> None:
        stream.queue(lambda: self._host.launch(launch))


class LateTrunks:
    """Trunks on ONNX Runtime that wait on their stream.

    Args:
        trunks: See `fomm_build.trunks.cut_trunks`.
        formats: Tensor name to format (`engine_memory`), as engines ask for.
    """

    def __init__(self, trunks: dict[str, onnx.ModelProto], formats: dict[str, str] | None = None) -> None:
        self._trunks = OnnxTrunks(trunks)
        self._formats = formats or {}
        self.runs = 0

    def strides(self, name: str, shape: tuple[int, ...]) -> tuple[int, ...] | None:
        n, c, h, w = shape if len(shape) == 4 else (1, 1, 1, 1)
        return tensor_strides(self._formats.get(name, LINEAR), (n, c, h, w))

    def run(self, trunk: str, inputs: Any, outputs: Any, stream: Any = None) -> None:
        def work() -> None:
            self.runs += 1
            self._trunks.run(
                trunk,
                {name: array.values for name, array in inputs.items()},
                {name: array.values for name, array in outputs.items()},
            )

        stream.queue(work)


class HostEvent:
    """A time, once work has come that far."""

    time = math.nan


class HostDevice:
    """See `fomm_rt.backends.gpu.device.Device`.

    Attributes:
        events: Those that somebody still holds.
        allocations: How many arrays were allocated, on either side.
        captures, replays: How often work was captured and replayed.
        waits: Handles of streams that were waited for.
        foreign: Handle of another's stream -> work queued there, which is done no earlier than somebody waits for it.
        refuses_capture: Why captures fail, if they do.
        breaks: Raised by the next wait for a stream, whose work is lost.
    """

    name = "a GPU that the CPU plays"

    def __init__(self) -> None:
        self.executor = LateKernels()
        self.streams: list[HostStream] = []
        self.allocations = self.captures = self.replays = 0
        self.events: WeakSet[HostEvent] = WeakSet()
        self.waits: list[int] = []
        self.foreign: dict[int, Callable[[], None]] = {}
        self.refuses_capture: str | None = None
        self.breaks: str | None = None
        self.is_closed = False
        self._entered = 0

    @contextmanager
    def current(self) -> Iterator[None]:
        self._entered += 1
        try:
            yield
        finally:
            self._entered -= 1

    def allocate(self, shape: tuple[int, ...], dtype: DTypeLike, strides: tuple[int, ...] | None = None) -> HostArray:
        self._may_wait()
        self.allocations += 1
        return HostArray(shape, dtype, strides)

    def pinned(self, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
        self._may_wait()
        self.allocations += 1
        return np.zeros(shape, dtype)

    def stream(self) -> HostStream:
        self._may_wait()
        self.streams.append(HostStream(len(self.streams) + 10))
        return self.streams[-1]

    def copy(self, source: Any, target: Any, stream: HostStream) -> None:
        assert self._entered
        read, written = _bytes(source), _bytes(target)
        assert read.size == written.size
        stream.queue(lambda: np.copyto(written, read))

    def copy_picture(self, picture: Any, target: Any, stream: HostStream) -> None:
        assert self._entered
        read, written = view(picture, "picture"), view(target, "out")
        stream.queue(lambda: np.copyto(_seen(written), _seen(read)))

    def wait(self, stream: HostStream, other: int) -> None:
        assert self._entered
        assert stream.captured is None, "what is captured cannot wait for work that is not"
        self.waits.append(other)
        if other in self.foreign:
            stream.queue(self.foreign[other])

    def synchronize(self, stream: HostStream) -> None:
        self._may_wait()
        if self.breaks is not None:
            reason, self.breaks = self.breaks, None
            stream.pending.clear()
            raise BackendError(reason)
        work, stream.pending = stream.pending, []
        for one in work:
            one()

    def capture(self, stream: HostStream, queue: Callable[[], None]) -> Callable[[], None]:
        self._may_wait()
        if self.refuses_capture is not None:
            raise BackendError(self.refuses_capture)
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

    def event(self) -> HostEvent:
        event = HostEvent()
        self.events.add(event)
        return event

    def record(self, event: HostEvent, stream: HostStream) -> None:
        def work() -> None:
            event.time = perf_counter()

        stream.queue(work)

    def elapsed_ms(self, start: HostEvent, end: HostEvent) -> float:
        return (end.time - start.time) * 1e3

    def close(self) -> None:
        self.is_closed = True

    def _may_wait(self) -> None:
        """What no thread may do while it captures: CUDA refuses it then."""
        assert self._entered, "the device is not this thread's current one"
        assert all(stream.captured is None for stream in self.streams)


def _bytes(array: Any) -> NDArray[np.uint8]:
    block = array.block if isinstance(array, HostArray) else array.reshape(-1)
    return np.asarray(block.view(np.uint8))


def _seen(array: Array) -> NDArray[Any]:
    """What lies at an address of the device, which is this process's."""
    size = array.strides[0] * array.shape[0] * array.dtype.itemsize
    memory = np.ctypeslib.as_array((ctypes.c_ubyte * size).from_address(array.address)).view(array.dtype)
    return as_strided(memory, array.shape, tuple(stride * array.dtype.itemsize for stride in array.strides))
