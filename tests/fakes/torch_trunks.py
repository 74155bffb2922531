"""Trunks by PyTorch on the CPU, on a fake device and on the stand-in for the driver."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping
from typing import Any

import torch
from typing_extensions import override

from driver_stand_in.loaded import stand_in
from fakes.device import FakeArray, FakeStream
from fakes.trunks import memory_of
from fomm_bench.kernel_path.torch_graph import TorchGraph
from fomm_bench.kernel_path.torch_trunks import TorchTrunks
from fomm_kernels.arrays import view
from fomm_kernels.device import stream_handle

_HostFunction = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


class FakeTorchTrunks(TorchTrunks):
    """Runs trunks once their stream, of a `FakeDevice`, is synchronized."""

    @override
    def tensor(self, array: FakeArray) -> torch.Tensor:
        return torch.from_numpy(array.values)

    @override
    def queue(self, work: Callable[[], None], stream: FakeStream) -> None:
        stream.queue(work)


class StandInTorchTrunks(TorchTrunks):
    """Runs trunks in host functions, once their stream of the stand-in comes to them."""

    def __init__(self, graphs: Mapping[str, TorchGraph], half: bool) -> None:
        super().__init__(graphs, half)
        self._functions: list[Any] = []  # kept, because graphs call them again

    @override
    def tensor(self, array: Any) -> torch.Tensor:
        return torch.from_numpy(memory_of(view(array, "array")))

    @override
    def queue(self, work: Callable[[], None], stream: Any) -> None:
        def run(_argument: Any) -> None:
            try:
                work()
            except Exception as error:
                stand_in().complain(f"a trunk by PyTorch failed: {error!r}")

        self._functions.append(_HostFunction(run))
        # cuda-bindings frees a host function after its first call, which comes too early for a graph.
        handle = ctypes.c_void_p(stream_handle(stream))
        result = stand_in().library.cuLaunchHostFunc(handle, self._functions[-1], None)
        assert result == 0, f"cuLaunchHostFunc answers {result}"
