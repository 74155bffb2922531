"""Freshly built engines on this machine's GPU, for the parity check."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import onnx
from numpy.typing import NDArray
from typing_extensions import override

from fomm_build.builder import BuiltEngine
from fomm_build.half_graph import HalfGraph
from fomm_build.parity.engine_parity import Candidate, animate_by_backend, animate_by_graphs, check_engines
from fomm_build.parity.loaded_engine import LoadedEngine
from fomm_build.parity.reference import marked_outputs
from fomm_rt.backends.gpu.cuda_device import CudaDevice
from fomm_rt.backends.gpu.device import Device
from fomm_rt.backends.tensorrt.backend import open_engines
from fomm_rt.backends.tensorrt.engine_loader import EngineLoader
from fomm_rt.backends.tensorrt.library import TensorRT
from fomm_rt.engines.engine_set import EngineSet
from fomm_rt.engines.manifest import LAYOUTS, EngineManifest
from fomm_rt.machine.nvidia_driver import Gpu
from fomm_rt.model.folder import ModelFolder
from fomm_rt.model.graph_chain import HostTensors

Rebuild = Callable[[str, onnx.ModelProto], BuiltEngine]
"""An engine's name and another graph -> a new engine."""


def check_on_gpu(
    model: ModelFolder,
    library: TensorRT,
    gpu: Gpu,
    manifest: EngineManifest,
    engines: Mapping[str, BuiltEngine],
    graphs: Mapping[str, HalfGraph],
    exact: Mapping[str, onnx.ModelProto],
    rebuild: Rebuild,
) -> dict[str, Any]:
    """Compares engines that are not in the store yet with the model, see `check_engines`.

    Args:
        model, library, gpu: What the engines were built from, with, and for.
        manifest, engines, graphs: The manifest as far as it is known; the engines and their graphs by name.
        exact: The same graphs in float32.
        rebuild: Builds an engine with other outputs, to find the layer at fault.
    """
    spec = manifest.spec
    unpublished = EngineSet(model.path, manifest, lambda name: engines[name].content)
    loader = EngineLoader(library, unpublished)  # for both checks
    device = CudaDevice()
    candidate = GpuEngines(loader, device, graphs, rebuild)
    try:
        if spec.layout != LAYOUTS[0]:
            return check_engines(model, exact, candidate, animate_by_graphs(candidate, exact), spec.precision)
        backend = open_engines(loader, gpu, model, "to be checked")
        try:
            animate = animate_by_backend(backend, model.manifest.size)
            return check_engines(model, exact, candidate, animate, spec.precision)
        finally:
            backend.close()
    finally:
        candidate.close()
        device.close()


@dataclass(frozen=True)
class GpuEngines(Candidate):
    """Engines that are loaded once, each with its own buffers."""

    loader: EngineLoader
    device: Device
    graphs: Mapping[str, HalfGraph]
    rebuild: Rebuild
    _open: dict[str, LoadedEngine] = field(default_factory=dict, init=False, repr=False)

    @override
    def run(self, engine: str, inputs: HostTensors) -> dict[str, NDArray[Any]]:
        with self.device.current():
            if engine not in self._open:
                self._open[engine] = LoadedEngine(self.loader, self.device, engine)
            return self._open[engine].run(inputs)

    @override
    def inner(self, engine: str, names: Sequence[str], inputs: HostTensors) -> dict[str, NDArray[Any]]:
        built = self.rebuild(engine, marked_outputs(self.graphs[engine].model, names))
        given = self.loader.engines
        engines = EngineSet(
            given.path, replace(given.manifest, engines={engine: built.entry}), lambda _name: built.content
        )
        with self.device.current():
            return LoadedEngine(EngineLoader(self.loader.library, engines), self.device, engine).run(inputs)

    def close(self) -> None:
        """Frees the buffers and contexts."""
        with self.device.current():
            self._open.clear()
