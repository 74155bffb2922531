"""Counts the multiply-accumulates of an exported model's convolutions."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import onnx

from fomm_rt.errors import ModelError
from fomm_rt.model.folder import open_model_folder

CONVOLUTIONS = ("Conv", "ConvTranspose")


def multiply_accumulates(model: Path) -> dict[str, int]:
    """Network name -> multiply-accumulates of its convolutions for a batch of one.

    Every weight counts once per output pixel of a Conv and once per input pixel of a ConvTranspose. Zero weights do not
    count: the second layer of `fomm_export.rewrites.heads.SplitHeads` only moves numbers.

    Raises:
        ModelError: Not a model folder, or the shape of a tensor is unknown.
    """
    folder = open_model_folder(model)
    return {network: _count(folder.read(network), folder.network_path(network)) for network in folder.manifest.networks}


def _count(content: bytes, path: Path) -> int:
    model = onnx.shape_inference.infer_shapes(onnx.load_model_from_string(content))
    graph = model.graph
    values = [*graph.input, *graph.value_info, *graph.output]
    shapes = {v.name: [d.dim_value for d in v.type.tensor_type.shape.dim] for v in values}
    weights = {tensor.name: tensor for tensor in graph.initializer}
    total = 0
    for node in graph.node:
        if node.op_type in CONVOLUTIONS:
            pixels = math.prod(shapes[node.output[0] if node.op_type == "Conv" else node.input[0]][2:])
            if not pixels:
                raise ModelError(f"{path}: the shape of {node.output[0]} is unknown; export the model again")
            total += pixels * int(np.count_nonzero(onnx.numpy_helper.to_array(weights[node.input[1]])))
    return total
