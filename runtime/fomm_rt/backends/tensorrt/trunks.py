"""Convolution trunks as TensorRT engines.

Every input buffer has an execution context of its own: a captured graph depends on the state of its context.
"""

from __future__ import annotations

from typing import Any

from typing_extensions import override

from fomm_kernels.arrays import Array, view
from fomm_kernels.device import stream_handle
from fomm_rt.backends.gpu.frame_pipeline import FLOAT32, Buffers, LayoutTrunks
from fomm_rt.backends.tensorrt.engine_memory import AllocateMemory, give_memory, new_context, tensor_strides
from fomm_rt.backends.tensorrt.library import TensorRT, tensorrt_logger
from fomm_rt.engines.engine_set import EngineSet
from fomm_rt.errors import EngineError
from fomm_rt.model.frame_shape import TRUNKS, FrameShape

_Tensor = tuple[str, str, tuple[int, ...]]
"""TensorRT's names of direction and type, and the shape without the batch."""


class EngineTrunks(LayoutTrunks):
    """Runs trunks as engines, for one thread at a time and any number of frame streams.

    An altered engine is never passed to TensorRT. `allocate` gives memory to contexts without their own (TensorRT-RTX).

    Raises:
        EngineError: In any call, if TensorRT refuses; on opening, also if an engine was altered or does not match the
            model's trunk.
    """

    def __init__(self, library: TensorRT, engines: EngineSet, shape: FrameShape, allocate: AllocateMemory) -> None:
        self._logger = tensorrt_logger(library)
        self._library = library
        self._trt = library.module
        # An engine must not outlive its runtime; TensorRT does not document this.
        self._runtime = self._trt.Runtime(self._logger)
        self._engines = {name: self._engine(engines, name) for name in TRUNKS}
        self._layouts: dict[str, str] = {}
        for name, engine in self._engines.items():
            self._check(engines, name, engine, shape)
        self._allocate = allocate
        # Each context with its memory, if it was given any.
        self._contexts: dict[tuple[Any, ...], tuple[Any, Any]] = {}

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
            self._contexts[key] = self._context(trunk, seen, handle)
        context, _ = self._contexts[key]
        seen |= {name: view(array, name) for name, array in outputs.items()}
        if not all(context.set_tensor_address(name, array.address) for name, array in seen.items()):
            raise self._failed(f"giving the {trunk} engine its arrays")
        if not context.execute_async_v3(handle):
            raise self._failed(f"running the {trunk} engine")

    def _engine(self, engines: EngineSet, name: str) -> Any:
        engine = self._runtime.deserialize_cuda_engine(engines.read(name))
        if engine is None:
            raise self._failed(f"{engines.path}: loading the {name} engine")
        return engine

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

    def _context(self, trunk: str, inputs: dict[str, Array], stream: int) -> tuple[Any, Any]:
        engine = self._engines[trunk]
        context = new_context(self._library, engine)
        if context is None:
            raise self._failed(f"making room for the {trunk} engine")
        if engine.num_optimization_profiles > 1:
            name, array = next(iter(inputs.items()))
            self._choose_profile(trunk, context, name, array.shape[0], stream)
        for name, array in inputs.items():
            if not context.set_input_shape(name, array.shape):
                raise self._failed(f"giving the {trunk} engine {name} of shape {array.shape}")
        return context, give_memory(self._library, context, self._allocate)

    def _choose_profile(self, trunk: str, context: Any, name: str, batch: int, stream: int) -> None:
        """Selects the first profile for batches of this size."""
        engine = self._engines[trunk]
        for index in range(engine.num_optimization_profiles):
            least, _, most = engine.get_tensor_profile_shape(name, index)
            if least[0] <= batch <= most[0]:
                # The switch is queued before the context's first run, on the same stream.
                if not context.set_optimization_profile_async(index, stream):
                    raise self._failed(f"preparing the {trunk} engine for {batch} frames at a time")
                return
        raise EngineError(f"the {trunk} engine cannot take {batch} frames at a time; build it with --max-batch {batch}")

    def _failed(self, doing: str) -> EngineError:
        reason, self._logger.last_error = self._logger.last_error, ""
        return EngineError(f"{doing} failed: {reason or 'TensorRT does not say why'}")


def _told(tensors: dict[str, _Tensor]) -> str:
    """Describes tensors: "frame (INPUT, HALF, 3×64×64)"."""
    return ", ".join(
        f"{name} ({direction}, {dtype}, {'×'.join(map(str, size))})"
        for name, (direction, dtype, size) in tensors.items()
    )
