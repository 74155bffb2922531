"""Cuts a model's graphs at named tensors into trunks: the convolutional parts, without geometry.

source_encoder      source_image           -> source_features
keypoint_detector   kp_hourglass_input     -> kp_logits, jacobian_maps
dense_motion        motion_hourglass_input -> mask_logits, occlusion_logits
generator           masked_features (or warped_features in a model without occlusion map) -> prediction (or decoded in a
                    model with blend mask)

The project's kernels (`fomm_kernels`) compute the geometry between them. The kernel path,
`fomm_rt.backends.gpu.frame_pipeline`, runs kernels and the engines of trunks in turn.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import onnx
from onnx.utils import Extractor

from fomm_rt.errors import ModelError
from fomm_rt.model.folder import ModelFolder
from fomm_rt.model.frame_shape import TRUNKS, FrameShape

GEOMETRY = frozenset(
    {"GridSample", "Softmax", "Exp", "MatMul", "Einsum", "ReduceSum", "ReduceMean", "Div", "Where", "Gather", "Resize"}
)
"""Operators that a trunk must not contain."""


def cut_trunks(model: ModelFolder) -> dict[str, onnx.ModelProto]:
    """Cuts the trunks of a model, named as in `TRUNKS`; their batch is free, as in the graphs.

    Raises:
        ModelError: A graph lacks a named tensor, or geometry is left in a trunk; export the model again.
    """
    shape = FrameShape.of(model.manifest)
    trunks = {}
    for name in TRUNKS:
        inputs, outputs = shape.trunk_tensors(name)
        trunks[name] = cut(model.read(name), str(model.network_path(name)), inputs, outputs)
    return trunks


def cut(content: bytes, file: str, inputs: Sequence[str], outputs: Sequence[str]) -> onnx.ModelProto:
    """Extracts the part of an ONNX file between some of its tensors; its path is for messages.

    Raises:
        ModelError: See `cut_trunks`.
    """
    model = onnx.load_model_from_string(content)
    names = {value.name for value in (*model.graph.input, *model.graph.output, *model.graph.value_info)}
    if missing := [name for name in (*inputs, *outputs) if name not in names]:
        raise ModelError(f"{file}: has no tensor {', '.join(missing)} to cut at; export the model again")
    trunk: onnx.ModelProto = Extractor(model).extract_model(list(inputs), list(outputs))
    trunk.graph.name = f"{model.graph.name}_trunk"
    if left := sorted(GEOMETRY & _operators(trunk.graph.node)):
        raise ModelError(
            f"{file}: {', '.join(left)} lies between {', '.join(inputs)} and {', '.join(outputs)}, where only "
            "convolutions are expected; export the model again"
        )
    return trunk


def _operators(nodes: Iterable[onnx.NodeProto]) -> set[str]:
    return {node.op_type for node in nodes}
