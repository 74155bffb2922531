"""The twin of a GPU for its tests: ONNX Runtime and the kernels' host build on a device that the CPU plays."""

from __future__ import annotations

from typing import Any

import numpy as np

from fakes.device import HostDevice, HostStream, LateTrunks
from fomm_build.trunks import cut_trunks
from fomm_rt import Animator
from fomm_rt.backends.gpu.backend import GpuBackend
from fomm_rt.backends.gpu.device import Device
from fomm_rt.backends.protocol import BackendDescription
from fomm_rt.backends.tensorrt.engine_memory import HWC8
from fomm_rt.model.folder import ModelFolder
from gpu_rigs import MOST

HALF_FORMATS = dict.fromkeys(
    ("motion_hourglass_input", "mask_logits", "source_features", "masked_features", "warped_features"), HWC8
)
"""Of tensors with 8 channels or more, as engines of half precision lay them out."""


class PlayedDevice(HostDevice):
    """A `HostDevice` where streams wait for each other, and what was queued is done whoever gives up waiting."""

    def wait(self, stream: HostStream, other: int) -> None:
        super().wait(stream, other)
        for one in self.streams:
            if one.handle == other:
                stream.queue(lambda one=one: _drain(one))  # type: ignore[misc]

    def synchronize(self, stream: HostStream) -> None:
        self._may_wait()
        _drain(stream)


class Played:
    """See `gpu_rigs.Rig`."""

    many = 12

    def __init__(self) -> None:
        self.device: Device = PlayedDevice()
        self._devices: list[Any] = [self.device]

    def animator(self, model: ModelFolder, precision: str = "fp16", captures: bool = True) -> Animator:
        """See `Rig.animator`; convolutions are float32 whatever the precision, which is that of what is stored."""
        half = precision == "fp16"
        device = PlayedDevice()
        self._devices.append(device)
        trunks = LateTrunks(cut_trunks(model), HALF_FORMATS if half else None)
        description = BackendDescription("played", "CPU", "a test")
        storage = np.float16 if half else np.float32
        return Animator(
            model.manifest, GpuBackend(model.manifest, device, trunks, storage, MOST, description, captures)
        )

    def memory(self) -> int:
        """How many arrays were ever allocated."""
        return sum(device.allocations for device in self._devices)

    def slack(self) -> int:
        """None."""
        return 0


def _drain(stream: HostStream) -> None:
    # Work is done before it is forgotten, so that an exception from outside loses none; all of it may be done twice.
    while stream.pending:
        stream.pending[0]()
        del stream.pending[0]
