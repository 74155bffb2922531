"""OpenVINO on the CPU: all four exported graphs, compiled for latency. A rival; the runtime does not use it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import openvino
from numpy.typing import NDArray

from fomm_bench.contestants.graph_contestant import GraphContestant, Tensors
from fomm_bench.model.model_spec import ModelSpec
from fomm_rt.model.manifest import NETWORKS, read_manifest

PROPERTIES = {
    "PERFORMANCE_HINT": "LATENCY",
    # On processors with bfloat16 OpenVINO would choose it by itself.
    "INFERENCE_PRECISION_HINT": "f32",
}


def open_openvino(model: ModelSpec) -> GraphContestant:
    """Float32 and static shapes: those of a single frame now, those of a batch when it first comes."""
    engine = _CompiledGraphs(model)
    engine.compile_batch(1)
    return GraphContestant(engine, f"CPU, OpenVINO {openvino.__version__.split('-')[0]}", model.relative)


class _CompiledGraphs:
    def __init__(self, model: ModelSpec) -> None:
        self._folder = Path(model.folder)
        self._manifest = read_manifest(self._folder)
        self._properties = {**PROPERTIES, **({"INFERENCE_NUM_THREADS": model.threads} if model.threads else {})}
        self._core = openvino.Core()
        self._requests: dict[tuple[str, int], Any] = {}

    def compile_batch(self, batch: int) -> None:
        """Compiles every graph for a batch size."""
        for network in NETWORKS:
            self._request(network, batch)

    def run(self, network: str, inputs: Mapping[str, NDArray[Any]]) -> Tensors:
        request = self._request(network, len(next(iter(inputs.values()))))
        request.infer(dict(inputs), share_inputs=True)
        # Copied: the request reuses its outputs in the next frame, and the source's have to stay.
        outputs = self._manifest.networks[network].outputs
        return {spec.name: np.array(request.get_tensor(spec.name).data) for spec in outputs}

    def _request(self, network: str, batch: int) -> Any:
        if (network, batch) not in self._requests:
            file = self._manifest.networks[network]
            graph = self._core.read_model(self._folder / file.file)
            graph.reshape({spec.name: [batch, *spec.shape[1:]] for spec in file.inputs})
            compiled = self._core.compile_model(graph, "CPU", self._properties)
            self._requests[network, batch] = compiled.create_infer_request()
        return self._requests[network, batch]
