"""An animator on a fake GPU."""

from __future__ import annotations

from typing import Any

import numpy as np

from fakes.device import FakeDevice, FakeTrunks
from fomm_build.trunks import cut_trunks
from fomm_rt import Animator
from fomm_rt.backends.gpu.backend import GpuBackend
from fomm_rt.backends.protocol import BackendDescription
from fomm_rt.model.folder import ModelFolder


class FakeGpu:
    """An animator on a `FakeDevice`, with its backend, trunks and device."""

    def __init__(self, model: ModelFolder, storage: Any = np.float32, batch: int = 3, **options: Any) -> None:
        self.device = FakeDevice()
        self.trunks = FakeTrunks(cut_trunks(model), options.pop("formats", None))
        self.backend = GpuBackend(
            model.manifest,
            self.device,
            self.trunks,
            storage,
            batch,
            BackendDescription("fake", "CPU", "a test"),
            **options,
        )
        self.animator = Animator(model.manifest, self.backend)

    def close(self) -> None:
        self.animator.close()
