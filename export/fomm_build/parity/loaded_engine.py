"""One engine, run alone from host memory to host memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fomm_kernels.arrays import view
from fomm_kernels.device import stream_handle
from fomm_rt.backends.gpu.cuda_device import c_strides, span
from fomm_rt.backends.gpu.device import Device
from fomm_rt.backends.tensorrt.engine_memory import give_memory, new_context, tensor_strides
from fomm_rt.backends.tensorrt.library import TensorRT, tensorrt_logger
from fomm_rt.engines.manifest import EngineTensor
from fomm_rt.errors import EngineError


class LoadedEngine:
    """An engine for a batch of 1, with its context and, for every tensor, buffers on host and device.

    The caller enters the device around every call. Every call raises EngineError if TensorRT refuses.
    """

    def __init__(
        self,
        library: TensorRT,
        device: Device,
        name: str,
        content: bytes,
        inputs: Sequence[EngineTensor],
        outputs: Sequence[EngineTensor],
    ) -> None:
        self._name, self._device = name, device
        self._logger = tensorrt_logger(library)
        # An engine must not outlive its runtime; TensorRT does not document this.
        self._runtime = library.module.Runtime(self._logger)
        self._engine = self._runtime.deserialize_cuda_engine(content)
        context = None if self._engine is None else new_context(library, self._engine)
        if context is None:
            raise self._failed("loaded")
        self._context = context
        for tensor in inputs:
            if not context.set_input_shape(tensor.name, (1, *tensor.shape[1:])):
                raise self._failed(f"run: it does not take {tensor.name}")
        self._inputs, self._outputs = (
            {tensor.name: _Buffer(device, tensor, tuple(context.get_tensor_shape(tensor.name))) for tensor in tensors}
            for tensors in (inputs, outputs)
        )
        for tensor_name, buffer in (self._inputs | self._outputs).items():
            if not context.set_tensor_address(tensor_name, view(buffer.on_device, tensor_name).address):
                raise self._failed("given its arrays")
        self._memory = give_memory(library, context, device.allocate)
        self._stream = device.stream()

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Runs the engine; returns all outputs by name, as new arrays."""
        for name, buffer in self._inputs.items():
            buffer.values[...] = inputs[name]
            self._device.copy(buffer.on_host, buffer.on_device, self._stream)
        if not self._context.execute_async_v3(stream_handle(self._stream)):
            raise self._failed("run")
        for buffer in self._outputs.values():
            self._device.copy(buffer.on_device, buffer.on_host, self._stream)
        self._device.synchronize(self._stream)
        return {name: buffer.values.copy() for name, buffer in self._outputs.items()}

    def _failed(self, doing: str) -> EngineError:
        reason = self._logger.last_error or "TensorRT does not say why"
        return EngineError(f"the {self._name} engine cannot be {doing}: {reason}")


class _Buffer:
    """A tensor in its engine's layout: on the device, and pinned (`on_host` flat, `values` in the tensor's shape)."""

    def __init__(self, device: Device, tensor: EngineTensor, shape: tuple[int, ...]) -> None:
        laid_out = tensor_strides(tensor.format, shape) if len(shape) == 4 else None
        strides = laid_out or c_strides(shape)
        self.on_device = device.allocate(shape, tensor.dtype, strides)
        self.on_host = device.pinned((span(shape, strides),), tensor.dtype)
        steps = tuple(step * self.on_host.itemsize for step in strides)
        self.values = np.lib.stride_tricks.as_strided(self.on_host, shape, steps)
