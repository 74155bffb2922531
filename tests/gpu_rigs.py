"""What tests of the GPU backend run on. Not executed so far beyond its refusals: no GPU was at hand.

Nothing here needs torch, ONNX Runtime or the rest of the project's tests. `played_rig` has the twin that a CPU plays,
which shows that the tests themselves run.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from fomm_rt import Animator
from fomm_rt.backends.gpu.device import Device
from fomm_rt.backends.tensorrt.backend import open_engines, why_tensorrt_unavailable
from fomm_rt.backends.tensorrt.library import load_tensorrt
from fomm_rt.engines.manifest import FLAVOURS
from fomm_rt.engines.store import EngineStore
from fomm_rt.image import Image
from fomm_rt.machine import nvidia_driver
from fomm_rt.model.folder import ModelFolder

GOLDEN = Path(__file__).parent / "golden"
PICTURES = {64: "small_aligned", 256: "vox256_aligned"}
"""Side of a frame to the golden file that has pictures of this size."""

MOST = 4
"""Frames that engines take at a time."""


class Rig(Protocol):
    """Opens animators on one device.

    Attributes:
        device: The device, for arrays of the test's own.
        many: Frames that are enough to see memory grow.
    """

    device: Device
    many: int

    def animator(self, model: ModelFolder, precision: str = "fp16", captures: bool = True) -> Animator:
        """A new animator on a frame stream of its own; to be closed by the caller."""

    def memory(self) -> int:
        """A number that grows with what is taken of the device's memory."""

    def slack(self) -> int:
        """How much `memory` may differ though nothing was taken."""


class OnGpu:
    """See `Rig`: TensorRT engines on the first GPU, built when they are first asked for.

    Args:
        flavour: One of FLAVOURS, without a problem.
        store: Where engines are kept.
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

    def animator(self, model: ModelFolder, precision: str = "fp16", captures: bool = True) -> Animator:
        """See `Rig.animator`."""
        from fomm_build.build import BuildOptions, build_engines

        engines = build_engines(model, BuildOptions(self.flavour, precision, max_batch=MOST), self.store).engines
        backend = open_engines(self._library, self._gpu, model, engines, "a test", captures)
        return Animator(model.manifest, backend)

    def memory(self) -> int:
        """Bytes of the GPU that are in use, by whomever."""
        from cuda.bindings import driver

        with self.device.current():
            result, free, total = driver.cuMemGetInfo()
        assert result == 0, result.name
        return int(total - free)

    def slack(self) -> int:
        """The driver takes and gives memory in pieces of 2 MiB."""
        return 2 << 20


def flavour_problem() -> tuple[str, str | None]:
    """The flavour of TensorRT that is here, or the first one with what stands against it."""
    problems = {flavour: why_tensorrt_unavailable(flavour) for flavour in FLAVOURS}
    usable = [flavour for flavour, problem in problems.items() if problem is None]
    flavour = (usable or list(problems))[0]
    return flavour, problems[flavour]


def is_gpu_promised() -> bool:
    """Whether FOMM_REQUIRE_GPU says that there is one."""
    return os.environ.get("FOMM_REQUIRE_GPU", "0") != "0"


def source_of(model: ModelFolder) -> Image:
    """A picture (size, size, 3) uint8 for a model."""
    return _golden(model.manifest.size)["source"]


def frames_of(model: ModelFolder, count: int = 3) -> list[Image]:
    """Distinct driving frames (size, size, 3) uint8, as many as asked for."""
    driving = _golden(model.manifest.size)["driving"]
    return [np.roll(driving[i % len(driving)], i // len(driving), 1) for i in range(count)]


def put(device: Device, array: NDArray[Any]) -> Any:
    """A copy on the device, there when this returns."""
    with device.current():
        stream, host = device.stream(), device.pinned(array.shape, array.dtype)
        host[...] = array
        found = device.allocate(array.shape, array.dtype)
        device.copy(host, found, stream)
        device.synchronize(stream)
    return found


def get(device: Device, array: Any, dtype: Any = np.uint8) -> NDArray[Any]:
    """A copy of an array in C order on the device."""
    with device.current():
        stream, host = device.stream(), device.pinned(array.shape, dtype)
        device.copy(array, host, stream)
        device.synchronize(stream)
    return host.copy()


def _golden(size: int) -> dict[str, NDArray[Any]]:
    with np.load(GOLDEN / f"{PICTURES[size]}.npz", allow_pickle=False) as file:
        return {name: file[name] for name in ("source", "driving")}
