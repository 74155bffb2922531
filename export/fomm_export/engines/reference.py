"""What engines are compared with: the model's portable graphs on ONNX Runtime, in float32."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

from fomm_export.engines.whole_graphs import portable_graphs
from fomm_rt.framing import Image
from fomm_rt.model_folder import ModelFolder

Tensors = Mapping[str, NDArray[np.float32]]
"""Name to array, of a batch of 1."""


class Reference:
    """The portable graphs, which tell their inner tensors as well.

    Args:
        model: Whose.
    """

    def __init__(self, model: ModelFolder) -> None:
        self._sessions = {
            name: with_outputs(graph, model.manifest.networks[name].cut_tensors)
            for name, graph in portable_graphs(model).items()
        }

    def animate(self, source: Image, driving: Image) -> dict[str, NDArray[np.float32]]:
        """Every input, output and cut tensor of one frame in absolute motion, by name.

        `frame` and all that the detector gives are the driving frame's.

        Args:
            source, driving: (size, size, 3) uint8.
        """
        values = {"source_image": frame_tensor(source), "frame": frame_tensor(source)}
        self._run("source_encoder", values)
        self._run("keypoint_detector", values)
        values |= _keypoints("kp_source", values)
        values["frame"] = frame_tensor(driving)
        self._run("keypoint_detector", values)
        values |= _keypoints("kp_driving", values)
        self._run("dense_motion", values)
        self._run("generator", values)
        return values

    def _run(self, name: str, values: dict[str, NDArray[np.float32]]) -> None:
        values.update(run(self._sessions[name], values))


def with_outputs(model: onnx.ModelProto, names: Sequence[str]) -> onnxruntime.InferenceSession:
    """A session of a graph that also gives some of its inner tensors."""
    marked = marked_outputs(model, names)
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(marked.SerializeToString(), options, providers=["CPUExecutionProvider"])


def marked_outputs(model: onnx.ModelProto, names: Sequence[str]) -> onnx.ModelProto:
    """A graph that also gives some of its inner tensors."""
    marked = onnx.ModelProto()
    marked.CopyFrom(model)
    known = {value.name: value for value in model.graph.value_info}
    given = {value.name for value in model.graph.output}
    marked.graph.output.extend(known[name] for name in names if name not in given)
    return marked


def run(session: onnxruntime.InferenceSession, values: Tensors) -> dict[str, NDArray[Any]]:
    """All outputs of a session, by name."""
    names = [output.name for output in session.get_outputs()]
    given = session.run(names, {spec.name: values[spec.name] for spec in session.get_inputs()})
    return dict(zip(names, given, strict=True))


def frame_tensor(frame: Image) -> NDArray[np.float32]:
    """(S, S, 3) uint8 -> (1, 3, S, S) float32 in [0, 1]."""
    return np.ascontiguousarray(frame.transpose(2, 0, 1)[None], np.float32) / np.float32(255)


def _keypoints(name: str, values: Tensors) -> dict[str, NDArray[np.float32]]:
    found = {name: values["keypoints"]}
    if "jacobians" in values:
        found[f"{name}_jacobian"] = values["jacobians"]
    return found
