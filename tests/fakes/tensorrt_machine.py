"""A machine with a fake TensorRT, fake engines in a store, and fake devices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fakes.device import FakeDevice
from fakes.engine_sets import build
from fakes.tensorrt import FakeMachine
from fomm_build.trunks import cut_trunks
from fomm_kernels import KERNELS
from fomm_kernels.sources import source_hash
from fomm_rt import Animator
from fomm_rt.backends.options import BackendName
from fomm_rt.engines.engine_set import EngineSet
from fomm_rt.engines.manifest import EngineSpec, model_hash
from fomm_rt.engines.store import EngineStore
from fomm_rt.model.folder import ModelFolder
from fomm_rt.model.frame_shape import TRUNKS, FrameShape
from fomm_rt.model.precision import Precision

VERSION = "11.4.0.106"


class World:
    """A machine with a fake TensorRT, whose engines run on fake devices."""

    def __init__(self, model: ModelFolder, store: EngineStore) -> None:
        self.model = model
        self.store = store
        self.machine = FakeMachine(FrameShape.of(model.manifest), cut_trunks(model))
        self.devices: list[FakeDevice] = []
        self.import_modules: Callable[[], None] = lambda: None

    def spec(self, **changes: Any) -> EngineSpec:
        return EngineSpec(
            **{
                "model_sha256": model_hash(self.model.manifest),
                "flavour": "tensorrt",
                "library_version": VERSION,
                "capabilities": ("sm_90",),
                "gpu": "NVIDIA H200",
                "precision": "fp32",
                "layout": "split",
                "max_batch": 8,
                "kernels_sha256": source_hash(KERNELS),
                **changes,
            }
        )

    def build(self, **changes: Any) -> EngineSet:
        name = self.model.manifest.name
        contents = {trunk: trunk.encode() for trunk in TRUNKS}
        return build(self.store, self.spec(**changes), contents, model_name=name)

    def device(self) -> FakeDevice:
        self.devices.append(FakeDevice())
        self.machine.device = self.devices[-1]
        return self.devices[-1]

    def load(self, backend: BackendName = "tensorrt", precision: Precision | None = "fp32", **options: Any) -> Animator:
        return Animator.load(self.model.path, backend, precision=precision, **options)


RTX = {"flavour": "tensorrt-rtx", "capabilities": ("sm_89",), "gpu": None}
FOR_4090 = {"capabilities": ("sm_89",), "gpu": "NVIDIA GeForce RTX 4090"}
"""Engines for the card of `rtx_world`."""
