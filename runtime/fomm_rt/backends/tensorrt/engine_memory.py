"""Memory of engines: the layout of their tensors, and the scratch memory of their execution contexts.

TensorRT allocates the memory of a context itself. TensorRT-RTX engines for the runtime are built to allocate nothing
while they run, because only such engines can always be captured in a CUDA graph; the runtime gives memory to their
contexts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from fomm_kernels.arrays import view
from fomm_rt.backends.tensorrt.library import TensorRT
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


def new_context(library: TensorRT, engine: Any) -> Any:
    """Creates an execution context, which needs `give_memory` once its shapes are set; None if TensorRT refuses."""
    if not library.leaves_memory_to_user:
        return engine.create_execution_context()
    trt = library.module
    config = engine.create_runtime_config()
    config.set_execution_context_allocation_strategy(trt.ExecutionContextAllocationStrategy.USER_MANAGED)
    # By default the first runs use slower kernels that fit all shapes, and one of those runs is captured.
    config.dynamic_shapes_kernel_specialization_strategy = trt.DynamicShapesKernelSpecializationStrategy.EAGER
    return engine.create_execution_context(config)


def give_memory(library: TensorRT, context: Any, allocate: AllocateMemory) -> Any:
    """Allocates the scratch memory of a context; None if TensorRT does. The array must live as long as the context."""
    if not library.leaves_memory_to_user:
        return None
    size = int(context.update_device_memory_size_for_shapes())
    memory = allocate((max(size, 1),), np.uint8)
    context.set_device_memory(view(memory, "memory").address, size)
    return memory
