"""One engine, run alone from host memory to host memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fomm_kernels.arrays import view
from fomm_kernels.device import stream_handle
from fomm_rt.backends.gpu.cuda_device import c_strides, span
from fomm_rt.backends.gpu.device import Device
from fomm_rt.backends.tensorrt.engine_loader import EngineLoader
from fomm_rt.backends.tensorrt.engine_memory import context_bytes, give_memory, tensor_strides
from fomm_rt.engines.manifest import EngineTensor


class LoadedEngine:
    """An engine for a batch of 1, with its context and, for every tensor, buffers on host and device.

    The caller enters the device around every call. Every call raises EngineError if TensorRT refuses.
    """

    def __init__(self, loader: EngineLoader, device: Device, name: str) -> None:
        self._loader, self._device, self._name = loader, device, name
        entry = loader.engines.manifest.engines[name]
        self._context = context = loader.new_context(name)
        for tensor in entry.inputs:
            if not context.set_input_shape(tensor.name, (1, *tensor.shape[1:])):
                raise loader.failed(f"giving the {name} engine {tensor.name} for one frame")
        self._inputs, self._outputs = (
            {tensor.name: _Buffer(device, tensor, tuple(context.get_tensor_shape(tensor.name))) for tensor in tensors}
            for tensors in (entry.inputs, entry.outputs)
        )
        for tensor_name, buffer in (self._inputs | self._outputs).items():
            if not context.set_tensor_address(tensor_name, view(buffer.on_device, tensor_name).address):
                raise loader.failed(f"giving the {name} engine its arrays")
        self._memory = device.allocate((max(1, context_bytes(loader.engine(name), context)),), np.uint8)
        give_memory(context, self._memory)
        self._stream = device.stream()

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Runs the engine; returns all outputs by name, as new arrays."""
        for name, buffer in self._inputs.items():
            buffer.values[...] = inputs[name]
            self._device.copy(buffer.on_host, buffer.on_device, self._stream)
        if not self._context.execute_async_v3(stream_handle(self._stream)):
            raise self._loader.failed(f"running the {self._name} engine")
        for buffer in self._outputs.values():
            self._device.copy(buffer.on_device, buffer.on_host, self._stream)
        self._device.synchronize(self._stream)
        return {name: buffer.values.copy() for name, buffer in self._outputs.items()}


class _Buffer:
    """A tensor in its engine's layout: on the device, and pinned (`on_host` flat, `values` in the tensor's shape)."""

    def __init__(self, device: Device, tensor: EngineTensor, shape: tuple[int, ...]) -> None:
        laid_out = tensor_strides(tensor.format, shape) if len(shape) == 4 else None
        strides = laid_out or c_strides(shape)
        self.on_device = device.allocate(shape, tensor.dtype, strides)
        self.on_host = device.pinned((span(shape, strides),), tensor.dtype)
        steps = tuple(step * self.on_host.itemsize for step in strides)
        self.values = np.lib.stride_tricks.as_strided(self.on_host, shape, steps)
