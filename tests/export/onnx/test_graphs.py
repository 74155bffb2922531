"""The four graphs: names, shapes and conventions in the ONNX files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import onnx
import pytest

from fomm_export.onnx.graphs import model_graphs
from fomm_rt.model.folder import ModelFolder
from golden_files import Golden

ModelOf = Callable[[str], ModelFolder]


@pytest.mark.parametrize("name", ["small_aligned", "small_no_jacobian", "small_no_occlusion"])
def test_graph_files_have_the_named_tensors(golden_model: ModelOf, name: str) -> None:
    folder = golden_model(name)
    for graph in model_graphs(Golden(name).networks):
        model = onnx.load(folder.network_path(graph.name))
        entry = folder.manifest.networks[graph.name]
        assert [(o.domain, o.version) for o in model.opset_import if o.domain == ""] == [("", 18)]
        assert [i.name for i in model.graph.input] == list(graph.inputs) == [s.name for s in entry.inputs]
        assert [o.name for o in model.graph.output] == list(graph.outputs) == [s.name for s in entry.outputs]
        for spec in (*entry.inputs, *entry.outputs):
            assert spec.shape[0] == "batch"
            assert all(isinstance(size, int) for size in spec.shape[1:])
            assert spec.dtype == "float32"
        inner = {value for node in model.graph.node for value in node.output}
        shapes = {value.name for value in model.graph.value_info}
        assert set(entry.cut_tensors) == set(graph.cuts) <= inner & shapes
        # The graph must not reveal paths of the exporting machine.
        assert str(Path(__file__).parents[3]).encode() not in model.SerializeToString()


def test_graphs_sample_with_the_align_corners_of_the_model(golden_model: ModelOf) -> None:
    for name, expected in (("small", 0), ("small_aligned", 1)):
        folder = golden_model(name)
        assert folder.manifest.align_corners == bool(expected)
        for network in ("dense_motion", "generator"):
            nodes = [n for n in onnx.load(folder.network_path(network)).graph.node if n.op_type == "GridSample"]
            assert len(nodes) == 1
            attributes = {a.name: onnx.helper.get_attribute_value(a) for a in nodes[0].attribute}
            assert attributes["align_corners"] == expected
            assert attributes["mode"] == b"bilinear"
            assert attributes["padding_mode"] == b"zeros"
