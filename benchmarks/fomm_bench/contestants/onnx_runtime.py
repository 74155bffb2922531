"""ONNX Runtime with its defaults, to show how much fomm-rt's runtime adds.

Only the number of threads is set, as for every contestant.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from fomm_bench.contestants.graph_contestant import GraphContestant, Tensors
from fomm_bench.contestants.protocol import UnavailableError
from fomm_bench.model.model_spec import ModelSpec
from fomm_rt.machine.onnx_runtime import onnxruntime
from fomm_rt.model.folder import open_model_folder
from fomm_rt.model.manifest import NETWORKS


def open_onnx_runtime(model: ModelSpec, provider: str) -> GraphContestant:
    """Opens a session for each graph. Raises UnavailableError if ONNX Runtime lacks the provider or cannot start it."""
    if provider not in onnxruntime.get_available_providers():
        raise UnavailableError(
            f"the installed onnxruntime {onnxruntime.__version__} is built without {provider}; "
            "replace it: pip uninstall onnxruntime, then pip install onnxruntime-gpu"
        )
    folder = open_model_folder(model.folder)
    networks = folder.manifest.networks
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = model.threads or 0
    on_gpu = provider.startswith("CUDA")
    # TF32 would round the inputs of convolutions to 10 bits.
    providers = [(provider, {"use_tf32": "0"} if on_gpu else {})]
    sessions = {
        network: onnxruntime.InferenceSession(folder.read(network), options, providers=providers)
        for network in NETWORKS
    }
    started = sessions["generator"].get_providers()[0]
    if started != provider:
        raise UnavailableError(f"ONNX Runtime did not start {provider}; it would run on {started}")

    def run(network: str, inputs: Mapping[str, NDArray[Any]]) -> Tensors:
        names = [spec.name for spec in networks[network].outputs]
        return dict(zip(names, sessions[network].run(names, dict(inputs)), strict=True))

    device = f"{'NVIDIA GPU' if on_gpu else 'CPU'}, ONNX Runtime {onnxruntime.__version__}"
    return GraphContestant(run, device, model.relative)
