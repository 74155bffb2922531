"""Memory of engines: the layout of their tensors, and the scratch memory of their execution contexts.

A context is given its memory. By default TensorRT reserves memory of each context's own, and as much as the largest
profile needs. Contexts that run one after another can share a block.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numpy.typing import DTypeLike

from fomm_kernels.arrays import view
from fomm_rt.backends.tensorrt.kernel_cache import KernelCache
from fomm_rt.backends.tensorrt.library import TensorRT
from fomm_rt.engines.manifest import TENSORRT_RTX
from fomm_rt.errors import BackendError

LINEAR, HWC8, HWC16, HWC = "linear", "hwc8", "hwc16", "hwc"
"""TensorRT's names of memory formats."""

_MULTIPLES = {HWC8: 8, HWC16: 16, HWC: 1}
"""Format with channels last -> the multiple to which the number of channels is rounded up."""

AllocateMemory = Callable[[tuple[int, ...], DTypeLike], Any]
"""Shape and dtype -> an array on the GPU."""


def tensor_strides(layout: str, shape: tuple[int, int, int, int]) -> tuple[int, int, int, int] | None:
    """Returns the strides in elements of an (N, C, H, W) tensor; None for C order."""
    if layout == LINEAR:
        return None
    if layout not in _MULTIPLES:
        raise BackendError(
            f"expected engine tensors in the format {', '.join((LINEAR, *_MULTIPLES))}; got {layout}. Rebuild the "
            "engines with this version: fomm-rt build --rebuild"
        )
    _, channels, height, width = shape
    padded = -(-channels // _MULTIPLES[layout]) * _MULTIPLES[layout]
    return height * width * padded, 1, width * padded, padded


def new_context(library: TensorRT, engine: Any, kernels: KernelCache | None = None) -> Any:
    """Creates an execution context without memory; None if TensorRT refuses.

    Args:
        library, engine: TensorRT and the engine.
        kernels: Where TensorRT-RTX finds and keeps the kernels that it compiles.

    The context needs `give_memory` once its profile and shapes are set.
    """
    trt = library.module
    if library.flavour == TENSORRT_RTX:
        config = engine.create_runtime_config()
        config.set_execution_context_allocation_strategy(trt.ExecutionContextAllocationStrategy.USER_MANAGED)
        # By default the first runs use slower kernels that fit all shapes, and one of those runs is captured.
        config.dynamic_shapes_kernel_specialization_strategy = trt.DynamicShapesKernelSpecializationStrategy.EAGER
        if kernels is not None:
            kernels.use(config)
        return engine.create_execution_context(config)
    if hasattr(trt, "ExecutionContextAllocationStrategy"):
        return engine.create_execution_context(trt.ExecutionContextAllocationStrategy.USER_MANAGED)
    return engine.create_execution_context_without_device_memory()  # TensorRT 8.6


def profile_bytes(engine: Any, profile: int) -> int:
    """The most memory that a context of this engine needs in an optimization profile."""
    for call in ("get_device_memory_size_for_profile_v2", "get_device_memory_size_for_profile"):
        if hasattr(engine, call):
            return int(getattr(engine, call)(profile))
    return int(engine.device_memory_size)  # TensorRT 8.6 knows only the largest of all profiles


def context_bytes(engine: Any, context: Any) -> int:
    """The memory that a context needs for its shapes, which must be set."""
    if hasattr(context, "update_device_memory_size_for_shapes"):
        return int(context.update_device_memory_size_for_shapes())
    return int(engine.device_memory_size)


def give_memory(context: Any, memory: Any) -> None:
    """Makes a context work in an array on the GPU, which must live as long as the context."""
    seen = view(memory, "memory")
    if hasattr(context, "set_device_memory"):
        context.set_device_memory(seen.address, seen.shape[0])
    else:
        context.device_memory = seen.address
