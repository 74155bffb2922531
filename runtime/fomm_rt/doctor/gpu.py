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
    """The Python package of one flavour of TensorRT. Its backend says if it also runs here.

    Attributes:
        name: One of `FLAVOURS`.
        problem: Why it cannot be imported; None if it can.
        version: Version of the module, such as "11.4.0.106"; None if it cannot be imported.
        builds_without_gpu: True if it builds engines for GPUs of other machines.
        has_plugins: True if its engines can contain this project's kernels.
    """

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
        flavours: Flavours of TensorRT.
    """

    driver: str
    cuda_problem: str | None
    flavours: list[FlavourHealth]


@dataclass(frozen=True)
class StoreHealth:
    """The engine store.

    Attributes:
        folder: Its path, even if nothing has been built.
        sets: The readable sets.
        damaged: Why other sets cannot be read; each text starts with the path at fault.
    """

    folder: str
    sets: list[EngineSummary]
    damaged: list[str]


def gpu_health() -> GpuHealth:
    """Asks the driver and imports every flavour of TensorRT."""
    return GpuHealth(nvidia_driver.describe(), driver_problem(), [_flavour(name) for name in FLAVOURS])


def store_health(store: EngineStore | None = None) -> StoreHealth:
    """Lists a store, the user's by default, without reading its engines.

    Raises:
        EngineError: The user has no home directory to keep a store in.
    """
    store = store or EngineStore()
    sets, damaged = store.look()
    return StoreHealth(str(store.folder), [summarize(found) for found in sets], [each.reason for each in damaged])


def _flavour(name: str) -> FlavourHealth:
    try:
        library = load_tensorrt(name)
    except BackendError as error:
        return FlavourHealth(name, str(error))
    return FlavourHealth(name, None, library.version, library.builds_without_gpu, library.has_plugins)
