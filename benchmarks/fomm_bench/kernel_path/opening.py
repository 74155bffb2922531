"""Opens the kernel path with one kind of trunks, for measurements."""

from __future__ import annotations

from collections.abc import Callable

from fomm_rt.backends.gpu.backend import GpuBackend
from fomm_rt.backends.tensorrt.backend import engine_requirements, open_engines, why_tensorrt_unavailable
from fomm_rt.backends.tensorrt.engine_loader import EngineLoader
from fomm_rt.backends.tensorrt.library import load_tensorrt
from fomm_rt.engines.manifest import FLAVOURS
from fomm_rt.engines.store import EngineStore
from fomm_rt.machine.nvidia_driver import Gpu
from fomm_rt.model.folder import ModelFolder

PYTORCH = "pytorch"
TRUNKS = (*FLAVOURS, PYTORCH)
"""What may run the convolutions: engines of either flavour, or PyTorch."""

Open = Callable[[int, bool], GpuBackend]
"""Largest batch, and True to replay captured frames -> a new backend. Raises EngineError without engines for it."""


def why_unavailable(trunks: str) -> str | None:
    """Says why one of TRUNKS cannot run here; None if it can."""
    if trunks != PYTORCH:
        return why_tensorrt_unavailable(trunks)
    try:
        from fomm_bench.kernel_path.torch_trunks import torch_problem
    except ImportError as error:
        return f"trunks by PyTorch need packages that are not installed ({error})"
    return torch_problem()


def opener(trunks: str, model: ModelFolder, precision: str, gpu: Gpu) -> Open:
    """Returns what opens a model with one of TRUNKS; engines come from the store."""
    if trunks == PYTORCH:
        from fomm_bench.kernel_path.torch_trunks import open_on_torch

        return lambda batch, captures: open_on_torch(model, precision, batch, captures)
    library = load_tensorrt(trunks)

    def open_stored(batch: int, captures: bool) -> GpuBackend:
        store = EngineStore()
        engines = store.find(engine_requirements(library, gpu, model, precision, batch))
        loader = EngineLoader(library, engines, store.kernels_of(engines.manifest.spec.key, gpu.name))
        return open_engines(loader, gpu, model, "measured", captures)

    return open_stored
