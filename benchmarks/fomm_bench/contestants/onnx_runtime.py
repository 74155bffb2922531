"""ONNX Runtime with its defaults and without fomm-rt's runtime, to show what that adds.

Only the number of threads is set, as for every contestant.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import onnxruntime
from numpy.typing import NDArray
from typing_extensions import override

from fomm_bench.contestants.graph_contestant import GraphContestant, GraphRunner, Tensors
from fomm_bench.contestants.protocol import UnavailableError
from fomm_bench.model.model_spec import ModelSpec
from fomm_rt.model.manifest import NETWORKS, read_manifest


def open_onnx_runtime(model: ModelSpec, provider: str) -> GraphContestant:
    """Opens a session for each graph on one execution provider.

    Raises:
        UnavailableError: The installed ONNX Runtime lacks the provider or cannot start it.
    """
    if provider not in onnxruntime.get_available_providers():
        raise UnavailableError(
            f"the installed onnxruntime {onnxruntime.__version__} is built without {provider}; "
            "replace it: pip uninstall onnxruntime, then pip install onnxruntime-gpu"
        )
    where = "NVIDIA GPU" if provider.startswith("CUDA") else "CPU"
    device = f"{where}, ONNX Runtime {onnxruntime.__version__}"
    return GraphContestant(_Sessions(model, provider), device, model.relative)


class _Sessions(GraphRunner):
    def __init__(self, model: ModelSpec, provider: str) -> None:
        folder = Path(model.folder)
        manifest = read_manifest(folder)
        # TF32 would round the inputs of convolutions to 10 bits.
        settings = {"use_tf32": "0"} if provider.startswith("CUDA") else {}
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = model.threads or 0
        self._sessions = {
            network: onnxruntime.InferenceSession(
                str(folder / manifest.networks[network].file), options, providers=[(provider, settings)]
            )
            for network in NETWORKS
        }
        started = self._sessions["generator"].get_providers()[0]
        if started != provider:
            raise UnavailableError(f"ONNX Runtime did not start {provider}; it would run on {started}")
        self._outputs = {network: [spec.name for spec in manifest.networks[network].outputs] for network in NETWORKS}

    @override
    def run(self, network: str, inputs: Mapping[str, NDArray[Any]]) -> Tensors:
        names = self._outputs[network]
        return dict(zip(names, self._sessions[network].run(names, dict(inputs)), strict=True))
