"""What the tests of the GPU backend run on without a GPU: the stand-in for the driver, and fake engines."""

from __future__ import annotations

import numpy as np
from typing_extensions import override

from driver_stand_in.loaded import stand_in
from fakes.trunks import FakeTrunks
from fomm_build.trunks import cut_trunks
from fomm_rt import Animator
from fomm_rt.backends.gpu.backend import GpuBackend
from fomm_rt.backends.gpu.cuda_device import CudaDevice
from fomm_rt.backends.gpu.device import Device
from fomm_rt.backends.protocol import BackendDescription
from fomm_rt.backends.tensorrt.engine_memory import HWC8
from fomm_rt.model.folder import ModelFolder
from gpu_rigs import MOST, Rig

HALF_FORMATS = dict.fromkeys(
    ("motion_hourglass_input", "mask_logits", "source_features", "masked_features", "warped_features"), HWC8
)
"""Formats that half-precision engines choose for tensors with 8 channels or more."""


class StandInRig(Rig):
    """Opens animators on the first device of the stand-in."""

    many = 12

    def __init__(self) -> None:
        self.device: Device = CudaDevice()

    @override
    def animator(self, model: ModelFolder, precision: str = "fp16", captures: bool = True) -> Animator:
        # Convolutions are always float32; the precision is that of stored tensors.
        half = precision == "fp16"
        trunks = FakeTrunks(cut_trunks(model), HALF_FORMATS if half else None)
        description = BackendDescription("fake", "CPU", "a test")
        storage = np.float16 if half else np.float32
        return Animator(
            model.manifest, GpuBackend(model.manifest, CudaDevice(), trunks, storage, MOST, description, captures)
        )

    @override
    def memory(self) -> int:
        return stand_in().allocated_bytes()

    @override
    def slack(self) -> int:
        return 0
