"""Convolution trunks as TensorRT engines. Not executed so far: no GPU was at hand where this was written.

Every buffer has its own execution context: what a context was told, and what a graph captured of it, stays as it was.
"""

from __future__ import annotations

from typing import Any

from fomm_kernels.arrays import view
from fomm_kernels.device import stream_handle
from fomm_rt.backends import engine_layout, tensorrt_library
from fomm_rt.backends.frame_shape import TRUNKS, FrameShape
from fomm_rt.backends.split_frame import Buffers
from fomm_rt.backends.tensorrt_library import TensorRT
from fomm_rt.engine_store import EngineFolder
from fomm_rt.errors import EngineError


class EngineTrunks:
    """See `fomm_rt.backends.split_frame.LayoutTrunks`. One thread at a time; any number of lanes.

    Args:
        library: What built the engines.
        folder: Where they are; a file that was altered is not given to TensorRT.
        shape: Of the model.

    Attributes:
        max_batch: The largest batch they take.

    Raises:
        EngineError: A file was altered, TensorRT refuses it, or it is no engine of this model's trunk.
    """

    def __init__(self, library: TensorRT, folder: EngineFolder, shape: FrameShape) -> None:
        self.max_batch = folder.manifest.spec.max_batch
        self._logger = tensorrt_library.logger(library)
        self._trt = library.module
        # TensorRT does not say so, but an engine must not outlive what it came from.
        self._runtime = self._trt.Runtime(self._logger)
        self._engines = {name: self._engine(folder, name) for name in TRUNKS}
        self._layouts: dict[str, str] = {}
        for name, engine in self._engines.items():
            self._check(folder, name, engine, shape)
        self._contexts: dict[tuple[Any, ...], Any] = {}

    def strides(self, name: str, shape: tuple[int, ...]) -> tuple[int, ...] | None:
        """See `LayoutTrunks.strides`."""
        if name not in self._layouts:
            return None
        n, c, h, w = shape
        return engine_layout.strides(self._layouts[name], (n, c, h, w))

    def run(self, trunk: str, inputs: Buffers, outputs: Buffers, stream: Any = None) -> None:
        """See `Trunks.run`.

        Raises:
            EngineError: TensorRT refuses.
        """
        seen = {name: view(array, name) for name, array in (*inputs.items(), *outputs.items())}
        key = (trunk, *(seen[name].address for name in inputs))
        context = self._contexts.get(key)
        if context is None:
            context = self._contexts[key] = self._context(trunk, {name: seen[name].shape for name in inputs})
        for name, array in seen.items():
            context.set_tensor_address(name, array.address)
        if not context.execute_async_v3(stream_handle(stream)):
            raise self._failed(f"running the {trunk} engine")

    def _engine(self, folder: EngineFolder, name: str) -> Any:
        engine = self._runtime.deserialize_cuda_engine(folder.read(name))
        if engine is None:
            raise self._failed(f"{folder.path}: loading the {name} engine")
        return engine

    def _check(self, folder: EngineFolder, trunk: str, engine: Any, shape: FrameShape) -> None:
        """Makes sure that an engine takes and gives its trunk's tensors, and keeps how they lie in memory."""
        inputs, outputs = shape.trunk_tensors(trunk)
        sizes = shape.tensor_shapes(1)
        mode = self._trt.TensorIOMode
        names = [engine.get_tensor_name(i) for i in range(engine.num_io_tensors)]
        found = {name: (engine.get_tensor_mode(name), *tuple(engine.get_tensor_shape(name))[1:]) for name in names}
        wanted = {name: (mode.INPUT, *sizes[name][1:]) for name in inputs}
        wanted |= {name: (mode.OUTPUT, *sizes[name][1:]) for name in outputs}
        if found != wanted:
            raise EngineError(
                f"{folder.path}: the {trunk} engine takes and gives {found}; expected {wanted}. "
                "Build it again: fomm-rt build --rebuild"
            )
        self._layouts |= {name: str(engine.get_tensor_format(name).name).lower() for name in names}

    def _context(self, trunk: str, shapes: dict[str, tuple[int, ...]]) -> Any:
        engine = self._engines[trunk]
        context = engine.create_execution_context()
        if context is None:
            raise self._failed(f"making room for the {trunk} engine")
        batch = next(iter(shapes.values()))[0]
        if engine.num_optimization_profiles > 1:
            self._choose_profile(trunk, context, next(iter(shapes)), batch)
        for name, shape in shapes.items():
            if not context.set_input_shape(name, shape):
                raise self._failed(f"giving the {trunk} engine {name} of shape {shape}")
        return context

    def _choose_profile(self, trunk: str, context: Any, name: str, batch: int) -> None:
        """The first profile that was made for batches of this size."""
        engine = self._engines[trunk]
        for index in range(engine.num_optimization_profiles):
            least, _, most = engine.get_tensor_profile_shape(name, index)
            if least[0] <= batch <= most[0]:
                # On the default stream, and waited for by everything after it: contexts are made before work begins.
                if not context.set_optimization_profile_async(index, 0):
                    raise self._failed(f"preparing the {trunk} engine for {batch} frames at a time")
                return
        raise EngineError(f"the {trunk} engine takes no {batch} frames at a time; build one with --max-batch {batch}")

    def _failed(self, doing: str) -> EngineError:
        reason = self._logger.last_error or "TensorRT does not say why"
        return EngineError(f"{doing} failed: {reason}")
