"""NVIDIA's parts of this machine: driver, CUDA's Python packages, TensorRT's flavours, and built engines."""

from __future__ import annotations

from dataclasses import dataclass

from fomm_kernels import driver_problem
from fomm_rt.backends.tensorrt.library import load_tensorrt
from fomm_rt.engines.manifest import FLAVOURS
from fomm_rt.engines.store import EngineStore
from fomm_rt.engines.summary import EngineSummary, summarize
from fomm_rt.errors import BackendError
from fomm_rt.machine import nvidia_driver


@dataclass(frozen=True)
class FlavourHealth:
    """The Python package of one flavour of TensorRT, or why it cannot be imported. Its backend says if it runs here."""

    name: str
    problem: str | None
    version: str | None = None
    builds_without_gpu: bool = False
    has_plugins: bool = False


@dataclass(frozen=True)
class GpuHealth:
    """Requirements of the GPU backends.

    Attributes:
        driver: Description of NVIDIA's driver and the first GPU.
        cuda_problem: Why CUDA's Python packages cannot reach a GPU; None if they can.
    """

    driver: str
    cuda_problem: str | None
    flavours: list[FlavourHealth]


@dataclass(frozen=True)
class StoreHealth:
    """The engine store: its readable sets, and why others cannot be read, each text starting with the path at fault."""

    folder: str
    sets: list[EngineSummary]
    damaged: list[str]


def gpu_health() -> GpuHealth:
    """Asks the driver and imports every flavour of TensorRT."""
    return GpuHealth(nvidia_driver.describe(), driver_problem(), [_flavour(name) for name in FLAVOURS])


def store_health(store: EngineStore | None = None) -> StoreHealth:
    """Lists a store, the user's by default, without reading its engines."""
    store = store or EngineStore()
    sets, damaged = store.look()
    return StoreHealth(str(store.folder), [summarize(found) for found in sets], [each.reason for each in damaged])


def _flavour(name: str) -> FlavourHealth:
    try:
        library = load_tensorrt(name)
    except BackendError as error:
        return FlavourHealth(name, str(error))
    return FlavourHealth(name, None, library.version, library.builds_without_gpu, library.has_plugins)
