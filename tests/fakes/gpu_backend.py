"""A fake of what the tests under `tests/gpu` run on: ONNX Runtime and the kernels' host build on a `FakeDevice`."""

from __future__ import annotations

from typing import Any

import numpy as np
from typing_extensions import override

from fakes.device import FakeDevice, FakeStream, FakeTrunks
from fomm_build.trunks import cut_trunks
from fomm_rt import Animator
from fomm_rt.backends.gpu.backend import GpuBackend
from fomm_rt.backends.gpu.device import Device
from fomm_rt.backends.protocol import BackendDescription
from fomm_rt.backends.tensorrt.engine_memory import HWC8
from fomm_rt.model.folder import ModelFolder
from gpu_rigs import MOST, Rig

HALF_FORMATS = dict.fromkeys(
    ("motion_hourglass_input", "mask_logits", "source_features", "masked_features", "warped_features"), HWC8
)
"""Formats that half-precision engines choose for tensors with 8 channels or more."""


class FakeWaitingDevice(FakeDevice):
    """A `FakeDevice` whose streams wait for each other, and whose work survives an interrupted synchronization."""

    @override
    def wait(self, stream: FakeStream, other: int) -> None:
        super().wait(stream, other)
        for one in self.streams:
            if one.handle == other:
                stream.queue(lambda one=one: _drain(one))  # type: ignore[misc]

    @override
    def synchronize(self, stream: FakeStream) -> None:
        self._may_wait()
        _drain(stream)


class FakeRig(Rig):
    """Opens animators on fake devices."""

    many = 12

    def __init__(self) -> None:
        self.device: Device = FakeWaitingDevice()
        self._devices: list[Any] = [self.device]

    @override
    def animator(self, model: ModelFolder, precision: str = "fp16", captures: bool = True) -> Animator:
        # Convolutions are always float32; the precision is that of stored tensors.
        half = precision == "fp16"
        device = FakeWaitingDevice()
        self._devices.append(device)
        trunks = FakeTrunks(cut_trunks(model), HALF_FORMATS if half else None)
        description = BackendDescription("fake", "CPU", "a test")
        storage = np.float16 if half else np.float32
        return Animator(
            model.manifest, GpuBackend(model.manifest, device, trunks, storage, MOST, description, captures)
        )

    @override
    def memory(self) -> int:
        return sum(device.allocations for device in self._devices)

    @override
    def slack(self) -> int:
        return 0


def _drain(stream: FakeStream) -> None:
    # Work is removed only after it is done: an interruption loses none, and every piece may safely run twice.
    while stream.pending:
        stream.pending[0]()
        del stream.pending[0]
