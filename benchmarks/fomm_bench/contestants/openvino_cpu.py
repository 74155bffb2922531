"""OpenVINO on the CPU: the four exported graphs, compiled for latency."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fomm_bench.contestants.graph_contestant import GraphContestant, Tensors
from fomm_bench.contestants.openvino_library import openvino
from fomm_bench.model.model_spec import ModelSpec
from fomm_rt.model.folder import open_model_folder
from fomm_rt.model.manifest import NETWORKS

PROPERTIES = {
    "PERFORMANCE_HINT": "LATENCY",
    # On processors with bfloat16, OpenVINO would choose that by default.
    "INFERENCE_PRECISION_HINT": "f32",
}


def open_openvino(model: ModelSpec) -> GraphContestant:
    """Compiles in float32 with static shapes: single frames now, other batch sizes on first use."""
    folder = open_model_folder(model.folder)
    networks = folder.manifest.networks
    properties = {**PROPERTIES, **({"INFERENCE_NUM_THREADS": model.threads} if model.threads else {})}
    core = openvino.Core()

    @cache
    def request(network: str, batch: int) -> Any:
        file = networks[network]
        graph = core.read_model(folder.read(network))
        graph.reshape({spec.name: [batch, *spec.shape[1:]] for spec in file.inputs})
        return core.compile_model(graph, "CPU", properties).create_infer_request()

    def run(network: str, inputs: Mapping[str, NDArray[Any]]) -> Tensors:
        found = request(network, len(next(iter(inputs.values()))))
        found.infer(dict(inputs), share_inputs=True)
        # Copies, because the request reuses its output buffers and the source's outputs must last.
        return {spec.name: np.array(found.get_tensor(spec.name).data) for spec in networks[network].outputs}

    for network in NETWORKS:
        request(network, 1)
    return GraphContestant(run, f"CPU, OpenVINO {openvino.__version__.split('-')[0]}", model.relative)
