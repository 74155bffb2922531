"""An animator on a device that the CPU plays, see `host_device`."""

from __future__ import annotations

from typing import Any

import numpy as np

from fakes.device import HostDevice, LateTrunks
from fomm_build.trunks import cut_trunks
from fomm_rt import Animator
from fomm_rt.backends.gpu.backend import GpuBackend
from fomm_rt.backends.protocol import BackendDescription
from fomm_rt.model.folder import ModelFolder


class Played:
    """An animator on a played device, and that device."""

    def __init__(self, model: ModelFolder, storage: Any = np.float32, batch: int = 3, **options: Any) -> None:
        self.device = HostDevice()
        self.trunks = LateTrunks(cut_trunks(model), options.pop("formats", None))
        self.backend = GpuBackend(
            model.manifest,
            self.device,
            self.trunks,
            storage,
            batch,
            BackendDescription("played", "CPU", "a test"),
            **options,
        )
        self.animator = Animator(model.manifest, self.backend)

    def close(self) -> None:
        self.animator.close()
