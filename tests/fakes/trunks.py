"""Fake engines on the stand-in for the driver: ONNX Runtime in host functions, which read the memory of the device."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray
from typing_extensions import override

from driver_stand_in.loaded import stand_in
from fomm_build.parity.host_pipeline import OnnxTrunks
from fomm_kernels.arrays import Array, view
from fomm_kernels.device import stream_handle
from fomm_rt.backends.gpu.frame_pipeline import LayoutTrunks
from fomm_rt.backends.tensorrt.engine_memory import LINEAR, tensor_strides

_HostFunction = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


class FakeTrunks(LayoutTrunks):
    """Runs trunks on ONNX Runtime, once their stream comes to them.

    Args:
        trunks: From `fomm_build.trunks.cut_trunks`.
        formats: Tensor name -> the format (see `engine_memory`) that engines would ask for.

    Attributes:
        runs: How many trunks have run.
    """

    def __init__(self, trunks: dict[str, onnx.ModelProto], formats: dict[str, str] | None = None) -> None:
        self._trunks = OnnxTrunks(trunks)
        self._formats = formats or {}
        # Kept, because graphs call them again.
        self._functions: dict[tuple[Any, ...], Any] = {}
        self.runs = 0

    @override
    def strides(self, name: str, shape: tuple[int, ...]) -> tuple[int, ...] | None:
        n, c, h, w = shape if len(shape) == 4 else (1, 1, 1, 1)
        return tensor_strides(self._formats.get(name, LINEAR), (n, c, h, w))

    @override
    def run(self, trunk: str, inputs: Any, outputs: Any, stream: Any = None) -> None:
        given = {name: view(array, name) for name, array in inputs.items()}
        taken = {name: view(array, name) for name, array in outputs.items()}
        key = trunk, *(array.address for array in (*given.values(), *taken.values()))
        if key not in self._functions:
            self._functions[key] = self._host_function(
                lambda: self._trunks.run(
                    trunk,
                    {name: memory_of(array) for name, array in given.items()},
                    {name: memory_of(array) for name, array in taken.items()},
                )
            )
        handle = ctypes.c_void_p(stream_handle(stream))
        # cuda-bindings frees a host function after its first call, which comes too early for a graph.
        result = stand_in().library.cuLaunchHostFunc(handle, self._functions[key], None)
        assert result == 0, f"cuLaunchHostFunc answers {result}"

    def _host_function(self, work: Callable[[], None]) -> Any:
        def run(_argument: Any) -> None:
            try:
                self.runs += 1
                work()
            except Exception as error:
                stand_in().complain(f"a fake trunk failed: {error!r}")

        return _HostFunction(run)


def memory_of(array: Array) -> NDArray[Any]:
    """Returns an array of the device as NumPy sees it: its memory is host memory."""
    item = array.dtype.itemsize
    size = item * (1 + sum((length - 1) * stride for length, stride in zip(array.shape, array.strides, strict=True)))
    memory = np.ctypeslib.as_array((ctypes.c_ubyte * size).from_address(array.address)).view(array.dtype)
    return as_strided(memory, array.shape, tuple(stride * item for stride in array.strides))
