"""The reference of engine parity: the model's portable graphs on ONNX Runtime, in float32."""

from __future__ import annotations

from collections.abc import Sequence

import onnx

from fomm_build.whole_graphs import portable_graphs
from fomm_rt.backends.onnxruntime.sessions import run_session
from fomm_rt.image import Image
from fomm_rt.machine.onnx_runtime import onnxruntime
from fomm_rt.model.folder import ModelFolder
from fomm_rt.model.graph_chain import GraphChain, HostTensors, frame_tensor


def reference_frames(model: ModelFolder, source: Image, driving: Sequence[Image]) -> list[HostTensors]:
    """Animates frames, (size, size, 3) uint8, in absolute motion.

    Returns:
        Every input, output and cut tensor of each frame, by name. `frame` and the detector's tensors are those of the
        driving frame.
    """
    sessions = {
        name: with_outputs(graph, model.manifest.networks[name].cut_tensors)
        for name, graph in portable_graphs(model).items()
    }
    chain = GraphChain(lambda name, values: run_session(sessions[name], values))
    prepared = chain.prepare(frame_tensor(source))
    return [chain.animate(prepared, frame_tensor(frame)) for frame in driving]


def with_outputs(model: onnx.ModelProto, names: Sequence[str]) -> onnxruntime.InferenceSession:
    """Opens a graph on the CPU, with some inner tensors as additional outputs."""
    marked = marked_outputs(model, names)
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(marked.SerializeToString(), options, providers=["CPUExecutionProvider"])


def marked_outputs(model: onnx.ModelProto, names: Sequence[str]) -> onnx.ModelProto:
    """Returns a copy of a graph with some inner tensors as additional outputs."""
    marked = onnx.ModelProto()
    marked.CopyFrom(model)
    known = {value.name: value for value in model.graph.value_info}
    given = {value.name for value in model.graph.output}
    marked.graph.output.extend(known[name] for name in names if name not in given)
    return marked
