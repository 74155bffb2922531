"""Freshly built engines on the GPU at hand, for the parity gate. Not executed so far: no GPU was at hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from fomm_export.engines.builder import BuiltEngine
from fomm_export.engines.gate import animate_by_backend, animate_by_graphs, check_engines
from fomm_export.engines.half_graph import HalfGraph
from fomm_export.engines.reference import Tensors, marked_outputs
from fomm_kernels.arrays import view
from fomm_kernels.device import stream_handle
from fomm_rt.backends import engine_layout, tensorrt_library
from fomm_rt.backends.cuda_device import CudaDevice, c_strides, span
from fomm_rt.backends.device import Device
from fomm_rt.backends.engine_contexts import give_memory, new_context
from fomm_rt.backends.tensorrt import open_engines
from fomm_rt.backends.tensorrt_library import TensorRT
from fomm_rt.engines.folder import EngineFolder
from fomm_rt.engines.manifest import LAYOUTS, EngineManifest, EngineTensor
from fomm_rt.errors import EngineError
from fomm_rt.model_folder import ModelFolder
from fomm_rt.nvidia_driver import Gpu

Rebuild = Callable[[str, onnx.ModelProto], BuiltEngine]
"""An engine's name and another graph for it to a new engine."""


def check_on_gpu(
    model: ModelFolder,
    library: TensorRT,
    gpu: Gpu,
    manifest: EngineManifest,
    engines: Mapping[str, BuiltEngine],
    graphs: Mapping[str, HalfGraph],
    exact: Mapping[str, onnx.ModelProto],
    rebuild: Rebuild,
) -> dict[str, Any]:
    """Compares engines that are not in the store yet with the model, see `gate.check_engines`.

    Args:
        model: What they were built of.
        library: What built them.
        gpu: At hand.
        manifest: As far as it is known.
        engines: By name.
        graphs: What they were built of.
        exact: The same in float32.
        rebuild: Builds one again with other outputs, to find the layer at fault.

    Raises:
        EngineError: They do not reproduce it, or TensorRT refuses them.
        BackendError: The GPU cannot be used.
    """
    spec = manifest.spec
    device = CudaDevice()
    try:
        candidate = GpuEngines(library, device, engines, graphs, rebuild)
        if spec.layout != LAYOUTS[0]:
            return check_engines(model, exact, candidate, animate_by_graphs(candidate, exact), spec.precision)
        backend = open_engines(library, gpu, model, _Unpublished(model, manifest, engines), "to be checked")
        try:
            animate = animate_by_backend(backend, model.manifest.size)
            return check_engines(model, exact, candidate, animate, spec.precision)
        finally:
            backend.close()
    finally:
        device.close()


class GpuEngines:
    """See `fomm_export.engines.gate.Candidate`."""

    def __init__(
        self,
        library: TensorRT,
        device: Device,
        engines: Mapping[str, BuiltEngine],
        graphs: Mapping[str, HalfGraph],
        rebuild: Rebuild,
    ) -> None:
        self._library = library
        self._trt = library.module
        self._logger = tensorrt_library.logger(library)
        self._device = device
        self._engines = engines
        self._graphs = graphs
        self._rebuild = rebuild

    def run(self, engine: str, inputs: Tensors) -> dict[str, NDArray[Any]]:
        """See `Candidate.run`."""
        return self._run(engine, self._engines[engine], inputs)

    def inner(self, engine: str, names: Sequence[str], inputs: Tensors) -> dict[str, NDArray[Any]]:
        """See `Candidate.inner`."""
        return self._run(engine, self._rebuild(engine, marked_outputs(self._graphs[engine].model, names)), inputs)

    def _run(self, name: str, built: BuiltEngine, inputs: Tensors) -> dict[str, NDArray[Any]]:
        device = self._device
        with device.current():
            runtime = self._trt.Runtime(self._logger)
            engine = runtime.deserialize_cuda_engine(built.content)
            context = None if engine is None else new_context(self._library, engine)
            if context is None:
                raise EngineError(f"the {name} engine cannot be loaded: {self._logger.last_error}")
            stream = device.stream()
            host, on_device = {}, {}
            for tensor in (*built.inputs, *built.outputs):
                if tensor in built.inputs and not context.set_input_shape(tensor.name, inputs[tensor.name].shape):
                    raise EngineError(f"the {name} engine does not take {tensor.name}: {self._logger.last_error}")
                host[tensor.name], on_device[tensor.name] = self._arrays(tensor, context)
                if tensor in built.inputs:
                    _seen(host[tensor.name], tensor, inputs[tensor.name].shape)[...] = inputs[tensor.name]
                    device.copy(host[tensor.name], on_device[tensor.name], stream)
                context.set_tensor_address(tensor.name, view(on_device[tensor.name], tensor.name).address)
            memory = give_memory(self._library, context, device.allocate)
            if not context.execute_async_v3(stream_handle(stream)):
                raise EngineError(f"the {name} engine cannot be run: {self._logger.last_error}")
            for tensor in built.outputs:
                device.copy(on_device[tensor.name], host[tensor.name], stream)
            device.synchronize(stream)
            del memory  # lived as long as it was worked in
            return {
                tensor.name: _seen(host[tensor.name], tensor, tuple(context.get_tensor_shape(tensor.name))).copy()
                for tensor in built.outputs
            }

    def _arrays(self, tensor: EngineTensor, context: Any) -> tuple[NDArray[Any], Any]:
        """Memory for a tensor on the host, flat, and on the device."""
        shape = tuple(context.get_tensor_shape(tensor.name))
        strides = _strides(tensor, shape)
        array = self._device.allocate(shape, tensor.dtype, strides)
        return self._device.pinned((span(shape, strides),), tensor.dtype), array


class _Unpublished(EngineFolder):
    """Engines in memory, as the runtime reads them."""

    def __init__(self, model: ModelFolder, manifest: EngineManifest, engines: Mapping[str, BuiltEngine]) -> None:
        super().__init__(model.path, manifest)
        object.__setattr__(self, "_engines", engines)

    def read(self, name: str) -> bytes:
        """See `EngineFolder.read`."""
        engines: Mapping[str, BuiltEngine] = vars(self)["_engines"]
        return engines[name].content


def _strides(tensor: EngineTensor, shape: tuple[int, ...]) -> tuple[int, ...]:
    strides = None if len(shape) != 4 else engine_layout.strides(tensor.format, shape)
    return c_strides(shape) if strides is None else strides


def _seen(flat: NDArray[Any], tensor: EngineTensor, shape: tuple[int, ...]) -> NDArray[Any]:
    """A tensor of this shape in flat memory."""
    strides = tuple(step * flat.itemsize for step in _strides(tensor, shape))
    return np.lib.stride_tricks.as_strided(flat, shape, strides)
