"""Convolution trunks by PyTorch, on the streams and in the arrays of the kernel path."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor
from typing_extensions import override

from fomm_bench.kernel_path.torch_graph import TorchGraph
from fomm_build.precision import FP16, trunks_in
from fomm_build.trunks import cut_trunks
from fomm_kernels.device import stream_handle
from fomm_rt.backends.gpu.backend import GpuBackend
from fomm_rt.backends.gpu.cuda_device import CudaDevice
from fomm_rt.backends.gpu.frame_pipeline import FLOAT32, Buffers, LayoutTrunks
from fomm_rt.backends.protocol import BackendDescription
from fomm_rt.backends.tensorrt.engine_memory import HWC, tensor_strides
from fomm_rt.errors import BackendError
from fomm_rt.model.folder import ModelFolder


class TorchTrunks(LayoutTrunks):
    """Runs trunks by PyTorch on the GPU, in the memory of the caller.

    Tensors of half precision are channels last, as PyTorch's convolutions prefer. What lies between two layers comes
    from a memory pool of its own: a captured graph writes to these addresses again, so nothing else may be there.

    Args:
        graphs: The trunks, on the GPU.
        half: True if tensors between kernels and trunks are float16, except those in `frame_pipeline.FLOAT32`.
    """

    def __init__(self, graphs: Mapping[str, TorchGraph], half: bool) -> None:
        self._graphs = dict(graphs)
        self._half = half
        self._pool: Any = None

    @override
    def strides(self, name: str, shape: tuple[int, ...]) -> tuple[int, ...] | None:
        if not self._half or name in FLOAT32 or len(shape) != 4 or name in ("pictures", "deformation"):
            return None
        n, c, h, w = shape
        return tensor_strides(HWC, (n, c, h, w))

    @override
    def run(self, trunk: str, inputs: Buffers, outputs: Buffers, stream: Any = None) -> None:
        def work() -> None:
            with torch.inference_mode():
                results = self._graphs[trunk](*(self.tensor(array) for array in inputs.values()))
                for array, result in zip(outputs.values(), results, strict=True):
                    self.tensor(array).copy_(result)

        self.queue(work, stream)

    @override
    def close(self) -> None:
        self._graphs.clear()
        self._pool = None

    def tensor(self, array: Any) -> Tensor:
        """Returns an array of the device as a tensor in the same memory."""
        return torch.as_tensor(array, device="cuda")

    def queue(self, work: Callable[[], None], stream: Any) -> None:
        """Makes PyTorch queue work on a stream."""
        if self._pool is None:
            self._pool = torch.cuda.MemPool()
        external = torch.cuda.ExternalStream(stream_handle(stream))  # type: ignore[no-untyped-call]
        with torch.cuda.stream(external), torch.cuda.use_mem_pool(self._pool):
            work()


def torch_problem() -> str | None:
    """Says why PyTorch cannot run trunks on a GPU here; None if it can."""
    if torch.cuda.is_available():
        return None
    return f"torch {torch.__version__} finds no usable GPU; install a build for CUDA, and a driver new enough for it"


MakeTrunks = Callable[[Mapping[str, TorchGraph], bool], LayoutTrunks]
"""The arguments of `TorchTrunks` -> trunks."""


def open_on_torch(
    model: ModelFolder, precision: str = FP16, batch: int = 1, captures: bool = True, trunks: MakeTrunks | None = None
) -> GpuBackend:
    """Opens a model on the kernel path with trunks by PyTorch on the first GPU.

    Turns PyTorch's TF32 off and its search for the fastest convolutions on, for the whole process.

    Args:
        model: The model.
        precision, batch, captures: One of ENGINE_PRECISIONS; as for `GpuBackend`.
        trunks: Makes the trunks from graphs on the CPU; by default `TorchTrunks` on the GPU.

    Raises:
        BackendError: There is no usable GPU.
        ModelError: The model cannot be cut into trunks.
    """
    if trunks is None and (problem := torch_problem()):
        raise BackendError(problem)
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.benchmark = True
    halves = trunks_in(precision, cut_trunks(model))
    device = CudaDevice()
    try:
        graphs = {name: TorchGraph(graph.model) for name, graph in halves.items()}
        half = precision == FP16
        where = f"{device.name}, PyTorch {torch.__version__}, {precision}"
        return GpuBackend(
            model.manifest,
            device,
            TorchTrunks({name: graph.to("cuda") for name, graph in graphs.items()}, half)
            if trunks is None
            else trunks(graphs, half),
            np.float16 if half else np.float32,
            batch,
            BackendDescription("pytorch-trunks", where, "measured"),
            captures,
        )
    except BaseException:
        device.close()
        raise
