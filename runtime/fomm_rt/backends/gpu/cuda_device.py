"""An NVIDIA GPU as a device of the kernel path.

Device memory, streams and events come from cuda.core. Pinned memory, copies, graphs and the recording of events in
graphs call the driver: the graph builder of cuda.core 1.2 ends the process if a capture is invalidated
(https://github.com/NVIDIA/cuda-python/issues/2834). Work runs in the device's primary context, as in PyTorch and CuPy.
"""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import prod
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray
from typing_extensions import override

from fomm_kernels import DeviceKernels
from fomm_kernels.arrays import view
from fomm_rt.backends.gpu.device import Device, Replay
from fomm_rt.backends.gpu.frame_pipeline import kernel_errors
from fomm_rt.errors import BackendError


class DeviceArray:
    """An array on the GPU that owns its memory; other libraries read it by `__cuda_array_interface__`.

    `address` is that of the first element; `nbytes` includes padding.
    """

    def __init__(self, buffer: Any, shape: tuple[int, ...], dtype: np.dtype[Any], strides: tuple[int, ...]) -> None:
        self._buffer = buffer
        self.address = int(buffer.handle)
        self.nbytes = span(shape, strides) * dtype.itemsize
        self.shape = shape
        self.dtype = dtype
        self.__cuda_array_interface__ = {
            "version": 3,
            "shape": shape,
            "typestr": dtype.str,
            "data": (self.address, False),
            "strides": tuple(stride * dtype.itemsize for stride in strides),
            "stream": None,
        }


class _PinnedMemory:
    """Memory that NumPy wraps in an array; the array keeps this object alive, and this object the memory.

    The driver frees it: cuda.core 1.2 turns a signal that arrives while it frees pinned memory into a SystemError.
    """

    def __init__(self, driver: Any, context: Any, address: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self._driver = driver
        self._context = context
        self._address = address
        self.__array_interface__ = {
            "version": 3,
            "shape": shape,
            "typestr": dtype.str,
            "data": (address, False),
        }

    def __del__(self) -> None:
        # The last reference may go in a thread without a context.
        self._driver.cuCtxPushCurrent(self._context)
        try:
            self._driver.cuMemFreeHost(self._address)
        finally:
            self._driver.cuCtxPopCurrent()


class _ExecutableGraph:
    """Destroyed with its last reference; if it still runs then, the driver frees it when it is done."""

    def __init__(self, driver: Any, handle: Any) -> None:
        self._destroy = driver.cuGraphExecDestroy
        self.handle = handle

    def __del__(self) -> None:
        self._destroy(self.handle)


class CudaDevice(Device):
    """An NVIDIA GPU, by its index among those visible to CUDA.

    Raises:
        BackendError: There is no such GPU, its driver is too old, or a CUDA package is missing.
    """

    def __init__(self, ordinal: int = 0) -> None:
        with kernel_errors():
            self.executor: DeviceKernels = DeviceKernels(ordinal)
            # A kernel cannot be loaded while work is captured.
            self.executor.load()
        from cuda import core
        from cuda.bindings import driver

        self._closed = False
        self.name = self.executor.name
        self.ordinal = ordinal
        self._driver = driver
        self._device = core.Device(ordinal)
        with self.current():
            self._device.set_current()  # required by cuda.core in every thread; the context is already entered
            self._allocations = self._device.create_stream()

    @override
    @contextmanager
    def current(self) -> Iterator[None]:
        with kernel_errors(), self.executor.current():
            yield

    @override
    def allocate(self, shape: tuple[int, ...], dtype: DTypeLike, strides: tuple[int, ...] | None = None) -> DeviceArray:
        strides = strides or c_strides(shape)
        dtype = np.dtype(dtype)
        size = span(shape, strides) * dtype.itemsize
        with cuda_errors(f"allocating {size >> 20} MiB on {self.name}"):
            array = DeviceArray(self._device.allocate(size, stream=self._allocations), shape, dtype, strides)
            self._checked(self._driver.cuMemsetD8Async(array.address, 0, size, self._allocations.handle))
            self._allocations.sync()
        return array

    @override
    def pinned(self, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
        dtype = np.dtype(dtype)
        size = prod(shape) * dtype.itemsize
        with cuda_errors(f"allocating {size >> 20} MiB of pinned memory"):
            context = self._checked(self._driver.cuCtxGetCurrent())
            address = self._checked(self._driver.cuMemHostAlloc(size, 0))
            array = np.asarray(_PinnedMemory(self._driver, context, int(address), shape, dtype))
        array[...] = 0
        return array

    @override
    def stream(self) -> Any:
        with cuda_errors("making a stream"):
            return self._device.create_stream()

    @override
    def copy(self, source: Any, target: Any, stream: Any) -> None:
        with cuda_errors("copying"):
            self._checked(self._driver.cuMemcpyAsync(_address(target), _address(source), source.nbytes, stream.handle))

    @override
    def gpu_of(self, address: int) -> int | None:
        ordinal = self._driver.CUpointer_attribute.CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL
        result, found = self._driver.cuPointerGetAttribute(ordinal, address)
        if result != self._driver.CUresult.CUDA_SUCCESS:
            return None
        number = ctypes.c_int(int(found)).value  # the bindings return it as unsigned
        return number if number >= 0 else None  # CUDA gives memory that it does not know a negative one

    @override
    def copy_picture(self, picture: Any, target: Any, stream: Any) -> None:
        source, into = view(picture, "picture"), view(target, "out")
        copy = self._driver.CUDA_MEMCPY2D()
        device = self._driver.CUmemorytype.CU_MEMORYTYPE_DEVICE
        copy.srcMemoryType, copy.srcDevice, copy.srcPitch = device, source.address, source.strides[0]
        copy.dstMemoryType, copy.dstDevice, copy.dstPitch = device, into.address, into.strides[0]
        copy.WidthInBytes, copy.Height = 3 * source.shape[1], source.shape[0]
        with cuda_errors("copying a picture"):
            self._checked(self._driver.cuMemcpy2DAsync(copy, stream.handle))

    @override
    def wait(self, stream: Any, other: int) -> None:
        with cuda_errors("waiting for another stream"):
            event = self._checked(self._driver.cuEventCreate(self._driver.CUevent_flags.CU_EVENT_DISABLE_TIMING))
            try:
                self._checked(self._driver.cuEventRecord(event, other))
                self._checked(self._driver.cuStreamWaitEvent(stream.handle, event, 0))
            finally:
                self._driver.cuEventDestroy(event)  # the driver frees it after the wait

    @override
    def synchronize(self, stream: Any) -> None:
        with cuda_errors(f"work on {self.name}"):
            stream.sync()

    @override
    def capture(self, stream: Any, queue: Callable[[], None]) -> Replay:
        driver = self._driver
        mode = driver.CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL
        with cuda_errors("capturing a graph"), _without_collection():
            self._checked(driver.cuStreamBeginCapture(stream.handle, mode))
            try:
                queue()
            except BaseException:
                result, graph = driver.cuStreamEndCapture(stream.handle)
                if result == driver.CUresult.CUDA_SUCCESS:  # an invalid capture leaves no graph
                    driver.cuGraphDestroy(graph)
                raise
            graph = self._checked(driver.cuStreamEndCapture(stream.handle))
            try:
                executable = _ExecutableGraph(driver, self._checked(driver.cuGraphInstantiate(graph, 0)))
            finally:
                driver.cuGraphDestroy(graph)
            self._checked(driver.cuGraphUpload(executable.handle, stream.handle))

        def replay() -> None:  # keeps the stream alive, too
            with cuda_errors("replaying a graph"):
                self._checked(driver.cuGraphLaunch(executable.handle, stream.handle))

        return replay

    @override
    def event(self) -> Any:
        from cuda.core import EventOptions

        with cuda_errors("making an event"):
            return self._device.create_event(EventOptions(timing_enabled=True))

    @override
    def record(self, event: Any, stream: Any) -> None:
        # By default a captured event becomes an edge of the graph and records no time.
        flags = self._driver.CUevent_record_flags
        external = flags.CU_EVENT_RECORD_EXTERNAL if self._is_capturing(stream) else flags.CU_EVENT_RECORD_DEFAULT
        with cuda_errors("recording an event"):
            self._checked(self._driver.cuEventRecordWithFlags(event.handle, stream.handle, external))

    @override
    def elapsed_ms(self, start: Any, end: Any) -> float:
        with cuda_errors("reading events"):
            return float(self._checked(self._driver.cuEventElapsedTime(start.handle, end.handle)))

    @override
    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        try:
            with cuda_errors(f"returning memory of {self.name}"), self.current():
                self._return_memory()
        finally:
            with kernel_errors():
                self.executor.close()

    def _return_memory(self) -> None:
        """Returns the memory of freed arrays to the driver, which otherwise keeps it for this process."""
        self._allocations.sync()  # frees are queued there
        pool = getattr(self._device.memory_resource, "handle", None)
        if pool is not None:  # a GPU without memory pools frees at once
            self._checked(self._driver.cuMemPoolTrimTo(pool, 0))

    def _is_capturing(self, stream: Any) -> bool:
        status = self._checked(self._driver.cuStreamIsCapturing(stream.handle))
        return bool(status == self._driver.CUstreamCaptureStatus.CU_STREAM_CAPTURE_STATUS_ACTIVE)

    def _checked(self, answer: tuple[Any, ...]) -> Any:
        result, *values = answer
        if result != self._driver.CUresult.CUDA_SUCCESS:
            _, text = self._driver.cuGetErrorString(result)
            raise BackendError(f"{(text or b'unknown error').decode()} ({result.name})")
        return values[0] if values else None


@contextmanager
def _without_collection() -> Iterator[None]:
    """Turns garbage collection off: freeing device memory would invalidate a capture."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


@contextmanager
def cuda_errors(doing: str) -> Iterator[None]:
    """Raises errors of CUDA libraries as BackendError; the message says what failed."""
    try:
        yield
    except BackendError as error:
        raise BackendError(f"{doing} failed: {error}") from error
    except Exception as error:  # cuda.core's CUDAError is private
        raise BackendError(f"{doing} failed: {str(error).strip() or type(error).__name__}") from error


def c_strides(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Strides in elements of an array in C order."""
    return tuple(prod(shape[i + 1 :]) for i in range(len(shape)))


def span(shape: tuple[int, ...], strides: tuple[int, ...]) -> int:
    """Elements from the first one of an array to its end, padding included."""
    return max((size * stride for size, stride in zip(shape, strides, strict=True)), default=1)


def _address(array: Any) -> int:
    return int(array.ctypes.data) if isinstance(array, np.ndarray) else int(array.address)
