"""What the kernel path asks of whatever it runs on: memory, streams, copies, and work captured to be replayed.

`cuda_device.CudaDevice` is a GPU. Tests have a twin that runs on a CPU and keeps queued work waiting as a GPU would.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Protocol

from numpy.typing import DTypeLike, NDArray

from fomm_kernels import Executor

Replay = Callable[[], None]
"""Queues captured work once more, on the stream it was captured on."""


class Device(Protocol):
    """Where frames are animated. Everything queued on one stream runs in order; streams do not wait for each other.

    Every call raises BackendError where the device refuses, or where work queued earlier has failed.
    """

    @property
    def name(self) -> str:
        """The device in words."""

    @property
    def executor(self) -> Executor:
        """Runs kernels on it."""

    def current(self) -> AbstractContextManager[None]:
        """While entered, this thread's calls of CUDA libraries go to the device; all other methods need it entered."""

    def allocate(self, shape: tuple[int, ...], dtype: DTypeLike, strides: tuple[int, ...] | None = None) -> Any:
        """An array on the device, all zeros, padding too, as soon as this returns.

        Args:
            shape: Of the array.
            dtype: Of its elements.
            strides: Elements from one to the next along each axis; C order by default.
        """

    def pinned(self, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
        """An array in host memory that the device copies from and to without the host's help."""

    def stream(self) -> Any:
        """A new stream."""

    def copy(self, source: Any, target: Any, stream: Any) -> None:
        """Queues a copy of all bytes of an array, padding too, to another of the same shape, dtype and strides.

        Each is an array of `allocate` or `pinned`; neither may be freed or, on the host, written before it is done.
        """

    def copy_picture(self, picture: Any, target: Any, stream: Any) -> None:
        """Queues a copy of one picture (H, W, 3) uint8 on the device to another whose rows may be padded."""

    def wait(self, stream: Any, other: int) -> None:
        """Lets a stream wait for what is now queued on another, given by its handle."""

    def synchronize(self, stream: Any) -> None:
        """Returns when all that was queued on a stream is done."""

    def capture(self, stream: Any, queue: Callable[[], None]) -> Replay:
        """Captures what a function queues on a stream; none of it runs. It must allocate nothing."""

    def event(self) -> Any:
        """A point in time, to be recorded."""

    def record(self, event: Any, stream: Any) -> None:
        """Queues the recording of an event; captured, every replay records it anew."""

    def elapsed_ms(self, start: Any, end: Any) -> float:
        """Milliseconds between two recorded events."""

    def close(self) -> None:
        """Frees the device's own; what it made is not used afterwards."""
