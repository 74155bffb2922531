"""The kernel path of a frame on a CPU: trunks on ONNX Runtime, kernels in their host build.

The steps and the code of the kernels are those of a GPU; only the convolutions differ.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
from numpy.typing import DTypeLike, NDArray
from typing_extensions import override

from fomm_build.parity.reference import with_outputs
from fomm_build.trunks import cut_trunks
from fomm_kernels import HostKernels
from fomm_rt.backends.gpu.frame_pipeline import Buffers, FramePipeline, Trunks, kernel_errors
from fomm_rt.model.folder import ModelFolder
from fomm_rt.model.frame_shape import FrameShape


class OnnxTrunks(Trunks):
    """Runs trunks on ONNX Runtime's CPU provider, in float32; float16 arrays are widened before and rounded after."""

    def __init__(self, trunks: Mapping[str, onnx.ModelProto]) -> None:
        self._sessions = {name: with_outputs(trunk, ()) for name, trunk in trunks.items()}

    @override
    def run(self, trunk: str, inputs: Buffers, outputs: Buffers, stream: Any = None) -> None:
        del stream
        widened = {name: np.ascontiguousarray(array, np.float32) for name, array in inputs.items()}
        results = self._sessions[trunk].run(list(outputs), widened)
        # A logit beyond the range of float16 becomes infinite, as on a GPU.
        with np.errstate(over="ignore"):
            for array, result in zip(outputs.values(), results, strict=True):
                array[...] = result


def host_pipeline(
    model: ModelFolder,
    storage: DTypeLike = np.float32,
    batch: int = 1,
    channels_last: bool = False,
    trunks: Mapping[str, onnx.ModelProto] | None = None,
) -> FramePipeline:
    """Opens the kernel path of a model on a CPU.

    Args:
        model, storage, batch: As for `FramePipeline`.
        channels_last: Store 4-D tensors channels last, as engines of half precision do.
        trunks: Graphs with float32 inputs and outputs, for example from `fomm_build.parity.simulation`; by default cut
            from the model.
    """
    convolutions = OnnxTrunks(cut_trunks(model) if trunks is None else trunks)
    with kernel_errors():
        executor = HostKernels()

    def allocate(name: str, size: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
        if not channels_last or len(size) != 4 or name in ("pictures", "deformation"):
            return np.zeros(size, dtype)
        n, c, h, w = size
        return np.zeros((n, h, w, c), dtype).transpose(0, 3, 1, 2)

    return FramePipeline(FrameShape.of(model.manifest), executor, convolutions, allocate, storage, batch)
