"""Opens a model's TensorRT engines as a backend."""

from __future__ import annotations

import logging
from dataclasses import replace
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

import numpy as np

from fomm_kernels import KERNELS, driver_problem
from fomm_kernels.sources import source_hash
from fomm_rt.backends.options import Options
from fomm_rt.backends.protocol import BackendDescription
from fomm_rt.backends.tensorrt.engine_loader import EngineLoader
from fomm_rt.backends.tensorrt.library import INSTALL, TensorRT, load_tensorrt, why_not_importable
from fomm_rt.engines.engine_set import EngineSet
from fomm_rt.engines.manifest import LAYOUTS, TENSORRT_RTX, EngineSpec, model_hash
from fomm_rt.engines.requirements import EngineRequirements
from fomm_rt.engines.store import EngineStore
from fomm_rt.errors import BackendError, EngineError
from fomm_rt.machine import nvidia_driver
from fomm_rt.machine.nvidia_driver import Gpu
from fomm_rt.model.folder import ModelFolder
from fomm_rt.model.frame_shape import FrameShape
from fomm_rt.model.precision import ENGINE_PRECISIONS

if TYPE_CHECKING:
    from fomm_rt.backends.gpu.backend import GpuBackend

_log = logging.getLogger("fomm_rt")

BUILDERS = "fomm_rt.engine_builder"
"""Group of the entry point that builds engines; `fomm_build` provides it."""

RTX_CAPABILITIES = ("sm_75", "sm_80", "sm_86", "sm_89", "sm_120", "sm_121")
"""The compute capabilities that TensorRT-RTX 1.7 supports, for advice where it is not installed."""


def rtx_supports(gpu: Gpu) -> bool:
    """True if the installed TensorRT-RTX knows the GPU's compute capability; without one, if version 1.7 does."""
    try:
        known = load_tensorrt(TENSORRT_RTX).capabilities
    except BackendError:
        known = RTX_CAPABILITIES
    return gpu.architecture in known


def why_tensorrt_unavailable(flavour: str) -> str | None:
    """Says why this flavour cannot run here, as far as is known without a model; None if it can."""
    if not nvidia_driver.is_installed():
        return nvidia_driver.NO_DRIVER
    found = why_not_importable(flavour) or driver_problem()
    if found is not None:
        return found
    gpu = nvidia_driver.gpu()
    if gpu is None:
        return "the NVIDIA driver finds no GPU"
    if flavour == TENSORRT_RTX and not rtx_supports(gpu):
        return f"TensorRT-RTX does not support {gpu.architecture} ({gpu.name}); use the backend tensorrt"
    return None


def engine_requirements(
    library: TensorRT, gpu: Gpu, model: ModelFolder, precision: str, batch: int = 1
) -> EngineRequirements:
    """Returns what engines of a model must match to run here."""
    spec = EngineSpec(
        model_sha256=model_hash(model.manifest),
        flavour=library.flavour,
        library_version=library.version,
        capabilities=(gpu.architecture,),
        gpu=gpu.name,
        precision=precision,
        layout=LAYOUTS[0],
        max_batch=batch,
        kernels_sha256=source_hash(KERNELS),
    )
    return EngineRequirements(spec, model.manifest.name, str(model.path))


def open_tensorrt(flavour: str, model: ModelFolder, reason: str, options: Options) -> GpuBackend:
    """Opens a model's engines from the store; builds them first if they are missing and `auto_build` is set.

    Raises:
        EngineError: No engines fit, or they were altered.
        BackendError: The GPU cannot be used.
    """
    precision = options.precision or ENGINE_PRECISIONS[0]
    library = load_tensorrt(flavour)
    gpu = nvidia_driver.gpu()
    if gpu is None:
        raise BackendError("the NVIDIA driver finds no GPU")
    store = EngineStore(options.engines)
    requirements = engine_requirements(library, gpu, model, precision)
    if options.engines is not None:
        requirements = replace(requirements, store=str(options.engines))

    def opened(engines: EngineSet) -> GpuBackend:
        kernels = store.kernels_of(engines.manifest.spec.key, gpu.name)
        return open_engines(EngineLoader(library, engines, kernels), gpu, model, reason)

    try:
        # Engines for the largest batch also have a profile for a single frame.
        return opened(store.find(requirements, largest=True))
    except EngineError as error:
        if not options.auto_build:
            raise
        _log.warning("building engines of %s for this GPU, once; this takes minutes: %s", model.manifest.name, error)
    return opened(_build(model, flavour, precision, store))


def open_engines(loader: EngineLoader, gpu: Gpu, model: ModelFolder, reason: str, captures: bool = True) -> GpuBackend:
    """Opens engines that fit this machine as a backend.

    Raises:
        EngineError: They were altered, or TensorRT refuses them.
        BackendError: The GPU cannot be used.
    """
    from fomm_rt.backends.gpu.backend import GpuBackend
    from fomm_rt.backends.gpu.cuda_device import CudaDevice
    from fomm_rt.backends.tensorrt.trunks import EngineTrunks

    library = loader.library
    device = CudaDevice()
    try:
        with device.current():
            trunks = EngineTrunks(loader, FrameShape.of(model.manifest), device.allocate)
        spec = loader.engines.manifest.spec
        return GpuBackend(
            model.manifest,
            device,
            trunks,
            np.float16 if spec.precision == "fp16" else np.float32,
            spec.max_batch,
            BackendDescription(library.flavour, f"{gpu.name}, {library.describe()}, {spec.precision}", reason),
            captures,
        )
    except BaseException:
        device.close()
        raise


def _build(model: ModelFolder, flavour: str, precision: str, store: EngineStore) -> EngineSet:
    """Builds engines for one frame at a time; engines for batches take longer and need `fomm-rt build`."""
    builders = list(entry_points(group=BUILDERS))
    if not builders:
        raise BackendError("this installation cannot build engines; install fomm-rt as a whole: pip install fomm-rt")
    try:
        engines = builders[0].load()(model, flavour, precision, LAYOUTS[0], 1, store)
    except ImportError as error:  # a package that only building needs
        raise BackendError(f"engines cannot be built here ({error}); run: {INSTALL[flavour]}") from error
    assert isinstance(engines, EngineSet)
    return engines
