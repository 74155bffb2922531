"""Execution contexts of engines, and the memory they work in. Not executed on a GPU so far; tests play TensorRT's part.

TensorRT gives a context its memory. TensorRT-RTX's engines for the runtime are built to allocate nothing while they
run, without which they could not always be captured in a CUDA graph; their contexts are given memory.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from fomm_kernels.arrays import view
from fomm_rt.backends.tensorrt.library import TensorRT

Allocate = Callable[[tuple[int, ...], DTypeLike], Any]
"""Shape and dtype to an array on the GPU."""


def new_context(library: TensorRT, engine: Any) -> Any:
    """A context that is given its memory (`give_memory`) once its shapes are set; None where TensorRT refuses."""
    if not library.leaves_memory_to_user:
        return engine.create_execution_context()
    trt = library.module
    config = engine.create_runtime_config()
    config.set_execution_context_allocation_strategy(trt.ExecutionContextAllocationStrategy.USER_MANAGED)
    # Else the first runs, of which one is captured, are those of slower kernels that serve all shapes.
    config.dynamic_shapes_kernel_specialization_strategy = trt.DynamicShapesKernelSpecializationStrategy.EAGER
    return engine.create_execution_context(config)


def give_memory(library: TensorRT, context: Any, allocate: Allocate) -> Any:
    """Allocates what a context works in; the array has to live as long as the context. None if it has its own."""
    if not library.leaves_memory_to_user:
        return None
    size = int(context.update_device_memory_size_for_shapes())
    memory = allocate((max(size, 1),), np.uint8)
    context.set_device_memory(view(memory, "memory").address, size)
    return memory
