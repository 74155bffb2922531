"""What the kernel path needs of a device: memory, streams, copies, and work that is captured and replayed.

`cuda_device.CudaDevice` is a GPU. The tests run the kernel path on a fake that keeps queued work waiting as a GPU does.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Protocol

from numpy.typing import DTypeLike, NDArray

from fomm_kernels import Executor

Replay = Callable[[], None]
"""Queues captured work again, on the stream it was captured on."""


class Device(Protocol):
    """Runs frames. Work queued on one stream runs in order; streams do not wait for each other.

    Every call raises BackendError if the device refuses, or if work queued earlier has failed.

    Attributes:
        name: The device in words.
        ordinal: Its number among those visible to CUDA.
        executor: Runs kernels on it.
    """

    name: str
    ordinal: int
    executor: Executor

    def current(self) -> AbstractContextManager[None]:
        """Sends this thread's calls of CUDA libraries to the device; all other methods must be called inside."""

    def allocate(self, shape: tuple[int, ...], dtype: DTypeLike, strides: tuple[int, ...] | None = None) -> Any:
        """Returns an array on the device, zeroed, padding included; strides are in elements, C order by default."""

    def pinned(self, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
        """Returns a zeroed array in pinned host memory."""

    def stream(self) -> Any:
        """Returns a new stream."""

    def copy(self, source: Any, target: Any, stream: Any) -> None:
        """Queues a copy of all bytes of an array, padding included, to another of the same shape, dtype and strides.

        Both arrays come from `allocate` or `pinned`. Until the copy is done, neither may be freed, nor written on the
        host.
        """

    def gpu_of(self, address: int) -> int | None:
        """Returns the number of the GPU that holds the memory at an address; None if the driver does not know it."""

    def copy_picture(self, picture: Any, target: Any, stream: Any) -> None:
        """Queues a copy of one picture (H, W, 3) uint8 on the device to another; rows may be padded."""

    def wait(self, stream: Any, other: int) -> None:
        """Makes a stream wait for what is queued by now on another stream, given by its handle."""

    def synchronize(self, stream: Any) -> None:
        """Blocks until everything queued on a stream is done."""

    def capture(self, stream: Any, queue: Callable[[], None]) -> Replay:
        """Captures what a function queues on a stream, without running it. The function must allocate nothing."""

    def event(self) -> Any:
        """Returns a new event for timing."""

    def record(self, event: Any, stream: Any) -> None:
        """Queues the recording of an event; if captured, every replay records it again."""

    def elapsed_ms(self, start: Any, end: Any) -> float:
        """Milliseconds between two recorded events."""

    def close(self) -> None:
        """Frees what the device itself holds; arrays and streams it made must not be used afterwards."""
