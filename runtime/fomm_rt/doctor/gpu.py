"""What this machine has of NVIDIA: driver, CUDA's Python packages, TensorRT's flavours, and the engines built here."""

from __future__ import annotations

from dataclasses import dataclass

from fomm_kernels import driver_problem
from fomm_rt.backends.tensorrt import library as tensorrt_library
from fomm_rt.engines.manifest import FLAVOURS
from fomm_rt.engines.store import EngineStore
from fomm_rt.engines.summary import EngineSummary, summarize
from fomm_rt.errors import BackendError
from fomm_rt.machine import nvidia_driver


@dataclass(frozen=True)
class FlavourHealth:
    """One flavour of TensorRT, as a package; whether it runs here, too, its backend says.

    Attributes:
        name: One of `FLAVOURS`.
        problem: Why it cannot be imported; None if it can.
        version: Of the module, "11.4.0.106"; None without one.
        builds_without_gpu: Whether it builds engines for GPUs that are not here.
        has_plugins: Whether its engines can hold this project's kernels.
    """

    name: str
    problem: str | None
    version: str | None = None
    builds_without_gpu: bool = False
    has_plugins: bool = False


@dataclass(frozen=True)
class GpuHealth:
    """What GPU backends stand on.

    Attributes:
        driver: NVIDIA's driver and the first GPU in words.
        cuda_problem: Why CUDA's Python packages cannot reach a GPU; None if they can.
        flavours: Of TensorRT.
    """

    driver: str
    cuda_problem: str | None
    flavours: list[FlavourHealth]


@dataclass(frozen=True)
class StoreHealth:
    """The engine store.

    Attributes:
        folder: Where it is, or would be.
        sets: Those that can be read.
        damaged: Why others cannot; each starts with the path at fault.
    """

    folder: str
    sets: list[EngineSummary]
    damaged: list[str]


def gpu() -> GpuHealth:
    """Starts the driver and imports TensorRT where there are any."""
    return GpuHealth(nvidia_driver.describe(), driver_problem(), [_flavour(name) for name in FLAVOURS])


def engine_store(store: EngineStore | None = None) -> StoreHealth:
    """Looks at a store, the user's by default; no engine is read.

    Raises:
        EngineError: The user has no home, so there is no place for a store.
    """
    store = store or EngineStore()
    sets, damaged = store.look()
    return StoreHealth(str(store.folder), [summarize(found) for found in sets], [each.reason for each in damaged])


def _flavour(name: str) -> FlavourHealth:
    try:
        library = tensorrt_library.load(name)
    except BackendError as error:
        return FlavourHealth(name, str(error))
    return FlavourHealth(name, None, library.version, library.builds_without_gpu, library.has_plugins)
