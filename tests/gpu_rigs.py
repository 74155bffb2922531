"""What the tests of the GPU backend run on.

This module needs neither torch, ONNX Runtime nor the project's other tests. `driver_stand_in.rig` is for machines
without a GPU.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from fomm_rt import Animator
from fomm_rt.backends.gpu.device import Device
from fomm_rt.backends.tensorrt.backend import open_engines, why_tensorrt_unavailable
from fomm_rt.backends.tensorrt.engine_loader import EngineLoader
from fomm_rt.backends.tensorrt.library import load_tensorrt
from fomm_rt.engines.manifest import FLAVOURS
from fomm_rt.engines.store import EngineStore
from fomm_rt.image import Image
from fomm_rt.machine import nvidia_driver
from fomm_rt.model.folder import ModelFolder

GOLDEN = Path(__file__).parent / "golden"
PICTURES = {64: "small_aligned", 256: "vox256_aligned"}
"""Side of a frame -> the golden file with pictures of this size."""

MOST = 4
"""Frames that engines take at a time."""


class Rig(Protocol):
    """Opens animators on one device.

    Attributes:
        device: The device, for the tests' own arrays.
        many: Number of frames that makes a leak visible.
    """

    device: Device
    many: int

    def animator(self, model: ModelFolder, precision: str = "fp16", captures: bool = True) -> Animator:
        """Returns a new animator with its own frame stream; the caller closes it."""

    def memory(self) -> int:
        """Returns a number that grows with the device memory in use."""

    def slack(self) -> int:
        """Returns how much `memory` may vary without an allocation."""


class OnGpu(Rig):
    """TensorRT engines on the first GPU, built on first use.

    Args:
        flavour: A usable one of FLAVOURS.
        store: The engine store.
    """

    many = 1000

    def __init__(self, flavour: str, store: EngineStore) -> None:
        from fomm_rt.backends.gpu.cuda_device import CudaDevice

        gpu = nvidia_driver.gpu()
        assert gpu is not None
        self.flavour, self.store = flavour, store
        self._gpu = gpu
        self._library = load_tensorrt(flavour)
        self.device: Device = CudaDevice()

    @override
    def animator(self, model: ModelFolder, precision: str = "fp16", captures: bool = True) -> Animator:
        from fomm_build.build import BuildOptions, build_engines

        engines = build_engines(model, BuildOptions(self.flavour, precision, max_batch=MOST), self.store).engines
        backend = open_engines(EngineLoader(self._library, engines), self._gpu, model, "a test", captures)
        return Animator(model.manifest, backend)

    @override
    def memory(self) -> int:
        # Bytes of the GPU in use, by all processes.
        from cuda.bindings import driver

        with self.device.current():
            result, free, total = driver.cuMemGetInfo()
        assert result == 0, result.name
        return int(total - free)

    @override
    def slack(self) -> int:
        return 2 << 20  # the driver allocates memory in pieces of 2 MiB


def flavour_problem() -> tuple[str, str | None]:
    """Returns the usable flavour of TensorRT, or the first one and why it cannot be used."""
    problems = {flavour: why_tensorrt_unavailable(flavour) for flavour in FLAVOURS}
    usable = [flavour for flavour, problem in problems.items() if problem is None]
    flavour = (usable or list(problems))[0]
    return flavour, problems[flavour]


def is_gpu_promised() -> bool:
    """True if FOMM_REQUIRE_GPU promises a GPU."""
    return os.environ.get("FOMM_REQUIRE_GPU", "0") != "0"


def is_stand_in() -> bool:
    """True if this process has the stand-in for the driver."""
    return "driver_stand_in.plugin" in sys.modules


def source_of(model: ModelFolder) -> Image:
    """Returns a source (size, size, 3) uint8 for a model."""
    return _golden(model.manifest.size)["source"]


def frames_of(model: ModelFolder, count: int = 3) -> list[Image]:
    """Returns distinct driving frames (size, size, 3) uint8."""
    driving = _golden(model.manifest.size)["driving"]
    return [np.roll(driving[i % len(driving)], i // len(driving), 1) for i in range(count)]


def put(device: Device, array: NDArray[Any]) -> Any:
    """Copies an array to the device."""
    with device.current():
        stream, host = device.stream(), device.pinned(array.shape, array.dtype)
        host[...] = array
        found = device.allocate(array.shape, array.dtype)
        device.copy(host, found, stream)
        device.synchronize(stream)
    return found


def get(device: Device, array: Any, dtype: Any = np.uint8) -> NDArray[Any]:
    """Copies an array in C order from the device."""
    with device.current():
        stream, host = device.stream(), device.pinned(array.shape, dtype)
        device.copy(array, host, stream)
        device.synchronize(stream)
    return host.copy()


def _golden(size: int) -> dict[str, NDArray[Any]]:
    with np.load(GOLDEN / f"{PICTURES[size]}.npz", allow_pickle=False) as file:
        return {name: file[name] for name in ("source", "driving")}
