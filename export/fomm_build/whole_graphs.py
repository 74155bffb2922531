"""Complete graphs, for engines that run in C++, trtexec or a server without this project's kernels.

keypoint_detector   frame -> keypoints, jacobians
source_encoder      source_image -> source_features, source_quarter, source_pixels        once for every source
dense_motion        source_quarter and both sides' keypoints -> deformation, mask, occlusion_map
generator           source_features, deformation, occlusion_map, source_pixels -> prediction, blend_mask

These are the portable graphs of the model folder, with the same inputs and outputs. At fp16 the convolutions that are
half in trunks (`precision`) are half here too; geometry, keypoints and pictures are float32.

TensorRT's GridSample requires features and grid of one type. A half grid shifts the samples
(`benchmarks/studies/half_grid.py`), so the warp of the features is float32. The project's plugin samples half features
along a float32 grid; with it `source_features` are half.
"""

from __future__ import annotations

from collections.abc import Mapping

import onnx
from onnx import helper

from fomm_build.half_graph import HalfGraph, to_half
from fomm_build.precision import FLOAT32_TRUNKS, FP32
from fomm_kernels import plugin
from fomm_rt.errors import ModelError
from fomm_rt.model.folder import ModelFolder
from fomm_rt.model.manifest import NETWORKS

WARPED, MASKED = "warped_features", "masked_features"


def portable_graphs(model: ModelFolder) -> dict[str, onnx.ModelProto]:
    """Loads the portable graphs of a model, by the names of `NETWORKS`."""
    return {name: onnx.load_model_from_string(model.read(name)) for name in NETWORKS}


def whole_graphs(
    model: ModelFolder, trunks: Mapping[str, onnx.ModelProto], precision: str, with_plugin: bool
) -> dict[str, HalfGraph]:
    """Converts a model's portable graphs to a precision, by the names of `NETWORKS`.

    Args:
        model: The model.
        trunks: Its trunks (`cut_trunks`); nodes outside of them are geometry.
        precision: One of `ENGINE_PRECISIONS`.
        with_plugin: True if the project's plugin samples the features; it has no use at fp32.

    Raises:
        ModelError: A graph is not laid out as expected.
    """
    graphs = {}
    for name, graph in portable_graphs(model).items():
        if precision == FP32 or name in FLOAT32_TRUNKS:
            graphs[name] = HalfGraph(graph, {})
            continue
        convolutions = {node.output[0] for node in trunks[name].graph.node}
        if with_plugin:
            convolutions.add(MASKED)  # between two half nodes
        geometry = [node.output[0] for node in graph.graph.node if node.output[0] not in convolutions]
        whole = replace_grid_sample(graph) if with_plugin and name == "generator" else graph
        boundary = {value.name for value in (*graph.graph.input, *graph.graph.output)}
        graphs[name] = to_half(whole, geometry, boundary - ({"source_features"} if with_plugin else set()))
    return graphs


def replace_grid_sample(model: onnx.ModelProto) -> onnx.ModelProto:
    """Replaces the GridSample of a generator's features by the project's plugin (`fomm_kernels.plugin`).

    Raises:
        ModelError: The graph has no such GridSample.
    """
    replaced = onnx.ModelProto()
    replaced.CopyFrom(model)
    for index, node in enumerate(replaced.graph.node):
        if node.op_type == "GridSample" and node.output[0] == WARPED:
            (align_corners,) = [attribute.i for attribute in node.attribute if attribute.name == "align_corners"]
            sample = helper.make_node(
                plugin.NAME,
                node.input,
                node.output,
                node.name,
                domain=plugin.NAMESPACE,
                **plugin.node_attributes(bool(align_corners)),
            )
            replaced.graph.node[index].CopyFrom(sample)
            replaced.opset_import.append(helper.make_opsetid(plugin.NAMESPACE, 1))
            return replaced
    raise ModelError(f"{model.graph.name}: no GridSample gives {WARPED}; export the model again")
