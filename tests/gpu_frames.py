"""Frames for the GPU backend's tests on the stand-in for the driver, in host memory and on the device."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fomm_rt.backends.gpu.cuda_device import CudaDevice
from fomm_rt.backends.tensorrt.engine_memory import HWC8
from fomm_rt.image import Image
from golden_files import Golden
from gpu_rigs import get, put

GOLDEN = Golden("small_aligned")
CHANNELS_LAST = dict.fromkeys(
    ("motion_hourglass_input", "mask_logits", "source_features", "masked_features", "prediction", "source_image"), HWC8
)
LEVELS = 1
"""Levels between the predictions of the kernels and of ONNX Runtime's float32 graphs."""


def frames(count: int = len(GOLDEN.driving)) -> list[Image]:
    """Returns distinct driving frames."""
    return [np.roll(GOLDEN.driving[i % len(GOLDEN.driving)], i // len(GOLDEN.driving), 1) for i in range(count)]


def close_to(found: NDArray[Any], wanted: NDArray[Any], levels: int = LEVELS) -> bool:
    """True if pictures of uint8 differ by a few levels at most."""
    return bool(np.abs(found.astype(int) - wanted).max() <= levels)


class Picture:
    """A picture on the device, in rows that may be padded, of a library that may name its stream."""

    def __init__(self, device: CudaDevice, picture: Image, row_padding: int = 0, stream: Any = None) -> None:
        h, w, _ = picture.shape
        self.device, self.shape = device, picture.shape
        with self.device.current():
            self.host = self.device.pinned((h, 3 * w + row_padding), np.uint8)
        self.host[:, : 3 * w] = picture.reshape(h, 3 * w)
        self.rows = put(self.device, self.host)
        self.__cuda_array_interface__ = {
            **self.rows.__cuda_array_interface__,
            "shape": picture.shape,
            "strides": (3 * w + row_padding, 3, 1),
            "stream": stream,
        }

    @property
    def values(self) -> Image:
        h, w, _ = self.shape
        rows: Image = get(self.device, self.rows)[:, : 3 * w]
        return rows.reshape(h, w, 3)

    def clear(self) -> None:
        with self.device.current():
            stream, zeros = self.device.stream(), self.device.allocate(self.host.shape, np.uint8)
            self.device.copy(zeros, self.rows, stream)
            self.device.synchronize(stream)
