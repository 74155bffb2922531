"""Launches prediction_output.cu: predictions -> uint8 pictures."""

from __future__ import annotations

import ctypes
from typing import Any

from fomm_kernels.arrays import Arguments, Tensor
from fomm_kernels.launching import BLOCK_SIZE, Executor, Launch, blocks_for


class _PredictionOutput(ctypes.Structure):
    _fields_ = (
        ("prediction", Tensor),
        ("pictures", ctypes.c_void_p),
        ("batch_stride", ctypes.c_longlong),
        ("row_stride", ctypes.c_longlong),
    )


def prediction_output(executor: Executor, prediction: Any, pictures: Any, *, stream: Any = None) -> None:
    """Rounds predictions to uint8 pictures.

    Args:
        executor: Runs the kernel.
        prediction: (N, 3, H, W) float16 or float32 in [0, 1], any layout.
        pictures: (N, H, W, 3) uint8; rows may be padded; written.
        stream: The stream to queue on.

    Raises:
        ArrayError: An array does not fit.
    """
    given = Arguments("prediction_output", executor.on_device)
    tensor = given.tensor(prediction, "prediction", ("N", 3, "H", "W"))
    shape = (tensor.batch, tensor.height, tensor.width, 3)
    target = given.pictures(pictures, shape, written=True)
    arguments = _PredictionOutput(tensor, target.address, *target.strides[:2])
    blocks = blocks_for(3 * tensor.height * tensor.width, BLOCK_SIZE)
    executor.launch(Launch("prediction_output", bool(given.half), arguments, (blocks, tensor.batch)), stream)
