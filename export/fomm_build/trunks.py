"""Cuts a model's graphs at their named tensors into trunks: convolutions and what stands between them, no geometry.

source_encoder      source_image           -> source_features
keypoint_detector   kp_hourglass_input     -> kp_logits, jacobian_maps
dense_motion        motion_hourglass_input -> mask_logits, occlusion_logits
generator           masked_features (or warped_features in a model without occlusion map) -> prediction

What lies between them is the kernels' (see `fomm_kernels`). Engines are built of trunks, and
`fomm_rt.backends.gpu.frame_pipeline` runs both in turn.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import onnx
from onnx.utils import Extractor

from fomm_rt.errors import ModelError
from fomm_rt.model.folder import ModelFolder
from fomm_rt.model.frame_shape import TRUNKS, FrameShape

GEOMETRY = frozenset(
    {"GridSample", "Softmax", "Exp", "MatMul", "Einsum", "ReduceSum", "ReduceMean", "Div", "Where", "Gather", "Resize"}
)
"""Operators of which a trunk holds none."""


def cut_trunks(model: ModelFolder) -> dict[str, onnx.ModelProto]:
    """The trunks of a model folder by the names of `frame_shape.TRUNKS`, batch free as in the graphs.

    Raises:
        ModelError: A graph lacks a named tensor, or geometry is left in a trunk; export the model again.
    """
    shape = FrameShape.of(model.manifest)
    trunks = {}
    for name in TRUNKS:
        inputs, outputs = shape.trunk_tensors(name)
        trunks[name] = cut(model.network_path(name), inputs, outputs)
    return trunks


def cut(path: Path, inputs: Sequence[str], outputs: Sequence[str]) -> onnx.ModelProto:
    """The part of an ONNX file that leads from some of its tensors to others.

    Raises:
        ModelError: See `cut_trunks`.
    """
    model = onnx.load_model(str(path))
    names = {value.name for value in (*model.graph.input, *model.graph.output, *model.graph.value_info)}
    if missing := [name for name in (*inputs, *outputs) if name not in names]:
        raise ModelError(f"{path}: has no tensor {', '.join(missing)} to cut at; export the model again")
    trunk: onnx.ModelProto = Extractor(model).extract_model(list(inputs), list(outputs))
    trunk.graph.name = f"{model.graph.name}_trunk"
    if left := sorted(GEOMETRY & _operators(trunk.graph.node)):
        raise ModelError(
            f"{path}: {', '.join(left)} lies between {', '.join(inputs)} and {', '.join(outputs)}, where only "
            "convolutions are expected; export the model again"
        )
    return trunk


def _operators(nodes: Iterable[onnx.NodeProto]) -> set[str]:
    return {node.op_type for node in nodes}
