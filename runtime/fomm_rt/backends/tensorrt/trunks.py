"""Convolution trunks as TensorRT engines.

Every input buffer has an execution context of its own: a captured graph depends on the state of its context. The
contexts of one stream run one after another, so they share the memory that they work in.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
from typing_extensions import override

from fomm_kernels.arrays import Array, view
from fomm_kernels.device import stream_handle
from fomm_rt.backends.gpu.frame_pipeline import FLOAT32, FRAME_TRUNKS, Buffers, LayoutTrunks
from fomm_rt.backends.tensorrt.engine_loader import EngineLoader
from fomm_rt.backends.tensorrt.engine_memory import (
    AllocateMemory,
    context_bytes,
    give_memory,
    profile_bytes,
    tensor_strides,
)
from fomm_rt.engines.engine_set import EngineSet
from fomm_rt.errors import EngineError
from fomm_rt.model.frame_shape import TRUNKS, FrameShape

_Tensor = tuple[str, str, tuple[int, ...]]
"""TensorRT's names of direction and type, and the shape without the batch."""


@dataclass(frozen=True, eq=False)
class _Context:
    """An execution context, the stream that it runs on, and the memory that it works in."""

    trunk: str
    context: Any
    stream: int
    memory: Any


class EngineTrunks(LayoutTrunks):
    """Runs trunks as engines, for one thread at a time and any number of frame streams.

    `allocate` gives memory to execution contexts.

    Raises:
        EngineError: In any call, if TensorRT refuses; on opening, also if an engine was altered or does not match the
            model's trunk.
    """

    def __init__(self, loader: EngineLoader, shape: FrameShape, allocate: AllocateMemory) -> None:
        self._loader = loader
        self._shape = shape
        self._layouts: dict[str, str] = {}
        for name in TRUNKS:
            self._check(loader.engines, name, loader.engine(name), shape)
        self._allocate = allocate
        self._contexts: dict[tuple[Any, ...], _Context] = {}
        self._workspaces: dict[tuple[int, int], Any] = {}
        self._has_new_kernels = False

    @override
    def strides(self, name: str, shape: tuple[int, ...]) -> tuple[int, ...] | None:
        if name not in self._layouts:
            return None
        n, c, h, w = shape
        return tensor_strides(self._layouts[name], (n, c, h, w))

    @override
    def run(self, trunk: str, inputs: Buffers, outputs: Buffers, stream: Any = None) -> None:
        seen = {name: view(array, name) for name, array in inputs.items()}
        handle = stream_handle(stream)
        key = (trunk, *((array.address, array.shape) for array in seen.values()))
        if key not in self._contexts:
            self._contexts[key] = self._new_context(trunk, seen, handle)
            self._has_new_kernels = True  # compiled by this run
        elif self._has_new_kernels:
            self._has_new_kernels = False
            self._loader.kernels.keep()
        context = self._contexts[key].context
        seen |= {name: view(array, name) for name, array in outputs.items()}
        if not all(context.set_tensor_address(name, array.address) for name, array in seen.items()):
            raise self._loader.failed(f"giving the {trunk} engine its arrays")
        if not context.execute_async_v3(handle):
            raise self._loader.failed(f"running the {trunk} engine")

    @override
    def why_not_captured(self, trunks: Collection[str], stream: Any) -> str | None:
        handle = stream_handle(stream)
        for found in self._contexts.values():
            asks = found.trunk in trunks and found.stream == handle and hasattr(found.context, "is_stream_capturable")
            if asks and not found.context.is_stream_capturable(handle):
                return f"{self._loader.library.describe()} cannot capture the {found.trunk} engine"
        return None

    @override
    def close(self) -> None:
        self._loader.kernels.keep()
        self._contexts.clear()
        self._workspaces.clear()

    def _check(self, engines: EngineSet, trunk: str, engine: Any, shape: FrameShape) -> None:
        """Checks that an engine has its trunk's tensors, and stores their memory formats."""
        inputs, outputs = shape.trunk_tensors(trunk)
        sizes = shape.tensor_shapes(1)
        half = engines.manifest.spec.precision == "fp16"
        names = [engine.get_tensor_name(i) for i in range(engine.num_io_tensors)]
        found: dict[str, _Tensor] = {
            name: (
                engine.get_tensor_mode(name).name,
                engine.get_tensor_dtype(name).name,
                tuple(engine.get_tensor_shape(name))[1:],
            )
            for name in names
        }
        wanted: dict[str, _Tensor] = {
            name: (direction, "HALF" if half and name not in FLOAT32 else "FLOAT", sizes[name][1:])
            for direction, tensors in (("INPUT", inputs), ("OUTPUT", outputs))
            for name in tensors
        }
        if found != wanted:
            raise EngineError(
                f"{engines.path}: the {trunk} engine has the tensors {_told(found)}; expected {_told(wanted)}. "
                f"Build it again: {engines.manifest.rebuild_command}"
            )
        self._layouts |= {name: engine.get_tensor_format(name).name.lower() for name in names}

    def _new_context(self, trunk: str, inputs: dict[str, Array], stream: int) -> _Context:
        engine, context = self._loader.engine(trunk), self._loader.new_context(trunk)
        batch = next(iter(inputs.values())).shape[0]
        profile = self._profile(trunk, batch)
        # The switch is queued before the context's first run, on the same stream.
        if engine.num_optimization_profiles > 1 and not context.set_optimization_profile_async(profile, stream):
            raise self._loader.failed(f"preparing the {trunk} engine for {batch} frames at a time")
        for name, array in inputs.items():
            if not context.set_input_shape(name, array.shape):
                raise self._loader.failed(f"giving the {trunk} engine {name} of shape {array.shape}")
        memory = self._workspace(stream, batch, context_bytes(engine, context))
        give_memory(context, memory)
        return _Context(trunk, context, stream, memory)

    def _workspace(self, stream: int, batch: int, size: int) -> Any:
        """Returns memory for at least `size` bytes that contexts for this batch on this stream share."""
        kept = self._workspaces.get((stream, batch))
        if kept is None or view(kept, "memory").shape[0] < size:
            trunks = TRUNKS if batch == 1 else FRAME_TRUNKS  # sources are prepared one by one
            most = [profile_bytes(self._loader.engine(name), self._profile(name, batch)) for name in trunks]
            kept = self._workspaces[stream, batch] = self._allocate((max(1, size, *most),), np.uint8)
        return kept

    def _profile(self, trunk: str, batch: int) -> int:
        """The first optimization profile for batches of this size."""
        engine = self._loader.engine(trunk)
        if engine.num_optimization_profiles == 1:
            return 0
        (name, *_), _ = self._shape.trunk_tensors(trunk)
        for index in range(engine.num_optimization_profiles):
            least, _, most = engine.get_tensor_profile_shape(name, index)
            if least[0] <= batch <= most[0]:
                return index
        raise EngineError(f"the {trunk} engine cannot take {batch} frames at a time; build it with --max-batch {batch}")


def _told(tensors: dict[str, _Tensor]) -> str:
    """Describes tensors: "frame (INPUT, HALF, 3×64×64)"."""
    return ", ".join(
        f"{name} ({direction}, {dtype}, {'×'.join(map(str, size))})"
        for name, (direction, dtype, size) in tensors.items()
    )
