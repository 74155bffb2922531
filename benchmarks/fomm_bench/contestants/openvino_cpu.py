"""OpenVINO on the CPU: the four exported graphs, compiled for latency."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import openvino
from numpy.typing import NDArray
from typing_extensions import override

from fomm_bench.contestants.graph_contestant import GraphContestant, GraphRunner, Tensors
from fomm_bench.model.model_spec import ModelSpec
from fomm_rt.model.manifest import NETWORKS, read_manifest

PROPERTIES = {
    "PERFORMANCE_HINT": "LATENCY",
    # On processors with bfloat16, OpenVINO would choose that by default.
    "INFERENCE_PRECISION_HINT": "f32",
}


def open_openvino(model: ModelSpec) -> GraphContestant:
    """Compiles in float32 with static shapes: single frames now, other batch sizes on first use."""
    graphs = _CompiledGraphs(model)
    for network in NETWORKS:
        graphs.request(network, 1)
    return GraphContestant(graphs, f"CPU, OpenVINO {openvino.__version__.split('-')[0]}", model.relative)


class _CompiledGraphs(GraphRunner):
    def __init__(self, model: ModelSpec) -> None:
        self._folder = Path(model.folder)
        self._manifest = read_manifest(self._folder)
        self._properties = {**PROPERTIES, **({"INFERENCE_NUM_THREADS": model.threads} if model.threads else {})}
        self._core = openvino.Core()
        self._requests: dict[tuple[str, int], Any] = {}

    @override
    def run(self, network: str, inputs: Mapping[str, NDArray[Any]]) -> Tensors:
        request = self.request(network, len(next(iter(inputs.values()))))
        request.infer(dict(inputs), share_inputs=True)
        # Copies, because the request reuses its output buffers and the source's outputs must last.
        outputs = self._manifest.networks[network].outputs
        return {spec.name: np.array(request.get_tensor(spec.name).data) for spec in outputs}

    def request(self, network: str, batch: int) -> Any:
        """The inference request of a network and batch size, compiled on first use."""
        if (network, batch) not in self._requests:
            file = self._manifest.networks[network]
            graph = self._core.read_model(self._folder / file.file)
            graph.reshape({spec.name: [batch, *spec.shape[1:]] for spec in file.inputs})
            compiled = self._core.compile_model(graph, "CPU", self._properties)
            self._requests[network, batch] = compiled.create_infer_request()
        return self._requests[network, batch]
