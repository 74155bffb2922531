"""TensorRT engines of whole graphs (`fomm-rt build --layout whole`), chained as a program without our kernels would.

Between networks tensors go through host memory, as with every contestant that runs the exported graphs; buffers are
allocated once and pinned. Not executed on a GPU so far; tests play TensorRT's part and the device's.
"""

from __future__ import annotations

from collections.abc import Mapping
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fomm_bench.contestants.graph_chain import GraphChain, Tensors
from fomm_bench.contestants.protocol import UnavailableError
from fomm_bench.model_spec import ModelSpec
from fomm_kernels.arrays import view
from fomm_kernels.device import stream_handle
from fomm_rt.backends import engine_layout, tensorrt_library
from fomm_rt.backends.device import Device
from fomm_rt.backends.engine_contexts import give_memory, new_context
from fomm_rt.backends.tensorrt_library import TensorRT
from fomm_rt.bundled import open_model
from fomm_rt.engines.folder import EngineFolder
from fomm_rt.engines.manifest import EngineFile, EngineTensor
from fomm_rt.engines.store import EngineStore
from fomm_rt.errors import BackendError, EngineError
from fomm_rt.model_folder import NETWORKS


class WholeChain(GraphChain):
    """See `GraphChain`; knows how long its engines took to build, where they were built for it."""

    build_s: float | None = None


def open_whole_engines(model: ModelSpec, flavour: str) -> WholeChain:
    """Opens a model's whole engines in half precision, from the user's store or built first.

    Raises:
        UnavailableError: They cannot be built here.
        EngineError: They do not reproduce the model, or TensorRT refuses them.
    """
    from fomm_export.engines.build import BuildOptions, build_engines
    from fomm_rt.backends.cuda_device import CudaDevice

    start = perf_counter()
    built: list[str] = []
    try:
        options = BuildOptions(flavour, layout="whole")
        folder = build_engines(
            open_model(model.folder), options, EngineStore(), built=lambda name, _engine: built.append(name)
        )
    except EngineError:
        raise  # built, but not good enough: that is no reason to skip
    except BackendError as error:
        raise UnavailableError(str(error)) from error
    device = CudaDevice()
    library = tensorrt_library.load(flavour)
    with device.current():
        chain = WholeChain(
            WholeEngines(library, device, folder), f"{device.name}, {library.describe()}", model.relative
        )
    chain.build_s = perf_counter() - start if built else None
    return chain


class WholeEngines:
    """See `fomm_bench.contestants.graph_chain.Engine`.

    Args:
        library: What built the engines.
        device: Entered; where they run.
        folder: Where they are.

    Raises:
        EngineError: Of any call: TensorRT refuses.
    """

    def __init__(self, library: TensorRT, device: Device, folder: EngineFolder) -> None:
        self._device = device
        # TensorRT does not say so, but an engine must not outlive what it came from.
        self._runtime = library.module.Runtime(tensorrt_library.logger(library))
        stream = device.stream()
        self._networks = {}
        for name in NETWORKS:
            engine = self._runtime.deserialize_cuda_engine(folder.read(name))
            self._networks[name] = _Network(name, library, device, stream, engine, folder.manifest.engines[name])

    def run(self, network: str, inputs: Mapping[str, NDArray[Any]]) -> Tensors:
        """See `Engine.run`."""
        with self._device.current():
            return self._networks[network].run(inputs)


class _Network:
    """One engine with its context and a buffer on either side for every tensor."""

    def __init__(
        self, name: str, library: TensorRT, device: Device, stream: Any, engine: Any, file: EngineFile
    ) -> None:
        self._name, self._device, self._stream, self._file = name, device, stream, file
        self._logger = tensorrt_library.logger(library)
        context = None if engine is None else new_context(library, engine)
        if context is None:
            raise self._failed("loaded")
        self._engine, self._context = engine, context
        self._buffers = {tensor.name: _Buffer(device, tensor) for tensor in (*file.inputs, *file.outputs)}
        for tensor in file.inputs:
            if not self._context.set_input_shape(tensor.name, self._buffers[tensor.name].shape):
                raise self._failed("told the shape of its inputs")
        for tensor_name, buffer in self._buffers.items():
            if not self._context.set_tensor_address(tensor_name, view(buffer.on_device, tensor_name).address):
                raise self._failed("given its arrays")
        self._memory = give_memory(library, self._context, device.allocate)

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> Tensors:
        """See `Engine.run`."""
        for tensor in self._file.inputs:
            buffer = self._buffers[tensor.name]
            buffer.values[...] = inputs[tensor.name]
            self._device.copy(buffer.on_host, buffer.on_device, self._stream)
        if not self._context.execute_async_v3(stream_handle(self._stream)):
            raise self._failed("run")
        outputs = {tensor.name: self._buffers[tensor.name] for tensor in self._file.outputs}
        for buffer in outputs.values():
            self._device.copy(buffer.on_device, buffer.on_host, self._stream)
        self._device.synchronize(self._stream)
        return {name: buffer.values.astype(np.float32) for name, buffer in outputs.items()}

    def _failed(self, doing: str) -> EngineError:
        reason = self._logger.last_error or "TensorRT does not say why"
        return EngineError(f"the {self._name} engine cannot be {doing}: {reason}")


class _Buffer:
    """A tensor of a batch of 1, pinned and on the device, as its engine wants it to lie.

    Attributes:
        values: The pinned one by its shape.
    """

    def __init__(self, device: Device, tensor: EngineTensor) -> None:
        self.shape = (1, *(int(size) for size in tensor.shape[1:]))
        strides = None
        if len(self.shape) == 4:
            n, c, h, w = self.shape
            strides = engine_layout.strides(tensor.format, (n, c, h, w))
        self.on_device = device.allocate(self.shape, tensor.dtype, strides)
        elements = int(np.prod(self.shape)) if strides is None else strides[0]
        self.on_host = device.pinned((elements,), tensor.dtype)
        if strides is None:
            self.values = self.on_host.reshape(self.shape)
        else:
            steps = tuple(step * self.on_host.itemsize for step in strides)
            self.values = np.lib.stride_tricks.as_strided(self.on_host, self.shape, steps)
