"""An animator on the stand-in for the driver, with fake engines."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray
from typing_extensions import override

from fakes.trunks import FakeTrunks
from fomm_build.trunks import cut_trunks
from fomm_rt import Animator
from fomm_rt.backends.gpu.backend import GpuBackend
from fomm_rt.backends.gpu.cuda_device import CudaDevice, DeviceArray
from fomm_rt.backends.gpu.device import Replay
from fomm_rt.backends.protocol import BackendDescription
from fomm_rt.model.folder import ModelFolder


class CountedDevice(CudaDevice):
    """A device that counts what it is asked for.

    Attributes:
        allocations: Number of arrays allocated, on the device and in pinned memory.
        captures, replays: Number of captures that succeeded, and of replays.
        waits: Handles of the streams that were waited for.
    """

    def __init__(self) -> None:
        super().__init__()
        self.allocations = self.captures = self.replays = 0
        self.waits: list[int] = []

    @property
    def is_closed(self) -> bool:
        """True if the device has been closed."""
        return self.executor._closed

    @override
    def allocate(self, shape: tuple[int, ...], dtype: DTypeLike, strides: tuple[int, ...] | None = None) -> DeviceArray:
        self.allocations += 1
        return super().allocate(shape, dtype, strides)

    @override
    def pinned(self, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
        self.allocations += 1
        return super().pinned(shape, dtype)

    @override
    def wait(self, stream: Any, other: int) -> None:
        self.waits.append(other)
        super().wait(stream, other)

    @override
    def capture(self, stream: Any, queue: Callable[[], None]) -> Replay:
        replay = super().capture(stream, queue)
        self.captures += 1

        def counted() -> None:
            self.replays += 1
            replay()

        return counted


class FakeGpu:
    """An animator on a `CountedDevice`, with its backend, trunks and device."""

    def __init__(self, model: ModelFolder, storage: Any = np.float32, batch: int = 3, **options: Any) -> None:
        self.device = CountedDevice()
        self.trunks = FakeTrunks(cut_trunks(model), options.pop("formats", None))
        self.backend = GpuBackend(
            model.manifest,
            self.device,
            self.trunks,
            storage,
            batch,
            BackendDescription("fake", "CPU", "a test"),
            **options,
        )
        self.animator = Animator(model.manifest, self.backend)

    def close(self) -> None:
        self.animator.close()
