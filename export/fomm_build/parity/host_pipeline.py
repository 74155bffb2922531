"""The kernel path of a frame on a CPU: trunks on ONNX Runtime, kernels in their host build.

What a GPU will run, step by step, with the same kernels' code in the same order; only the convolutions are another's.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import DTypeLike, NDArray

from fomm_build.trunks import cut_trunks
from fomm_kernels import HostKernels
from fomm_rt.backends.gpu.frame_pipeline import Buffers, FramePipeline, kernel_errors
from fomm_rt.model.folder import ModelFolder
from fomm_rt.model.frame_shape import FrameShape


class OnnxTrunks:
    """Trunks on ONNX Runtime's CPU provider, in float32 whatever the storage."""

    def __init__(self, trunks: Mapping[str, onnx.ModelProto]) -> None:
        options = onnxruntime.SessionOptions()
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._sessions = {
            name: onnxruntime.InferenceSession(trunk.SerializeToString(), options, providers=["CPUExecutionProvider"])
            for name, trunk in trunks.items()
        }

    def run(self, trunk: str, inputs: Buffers, outputs: Buffers, stream: Any = None) -> None:
        """See `fomm_rt.backends.gpu.frame_pipeline.Trunks.run`; what is stored as half is rounded to it."""
        del stream
        widened = {name: np.ascontiguousarray(array, np.float32) for name, array in inputs.items()}
        results = self._sessions[trunk].run(list(outputs), widened)
        # A logit beyond half's range becomes infinite, as it would where a GPU stores it.
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
    """The kernel path of a model on a CPU.

    Args:
        model: What to run.
        storage, batch: See `FramePipeline`.
        channels_last: Whether the channels of a tensor's pixel lie together, as engines of half precision like them;
            else its pixels of a channel do.
        trunks: With float32 inputs and outputs, such as `fomm_build.parity.simulation` makes; cut from the model by
            default.

    Raises:
        ModelError: The model cannot be cut.
        BackendError: The kernels cannot be built for the host.
    """
    convolutions = OnnxTrunks(cut_trunks(model) if trunks is None else trunks)
    with kernel_errors():
        executor = HostKernels()
    allocate = partial(_allocate, channels_last)
    return FramePipeline(FrameShape.of(model.manifest), executor, convolutions, allocate, storage, batch)


def _allocate(channels_last: bool, name: str, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    if not channels_last or len(shape) != 4 or name == "pictures":
        return np.zeros(shape, dtype)
    n, c, h, w = shape
    return np.zeros((n, h, w, c), dtype).transpose(0, 3, 1, 2)
