"""Traces a graph to an ONNX file with fixed tensor names and a free batch dimension."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from pathlib import Path

import onnx
import torch

from fomm_export.onnx.graphs import Graph

OPSET = 18
"""From opset 20 on GridSample spells its mode `linear`, which TensorRT 10.13 to 11.1 read as nearest."""

BATCH = "batch"
"""Name of the free dimension."""


def export_onnx(graph: Graph, path: Path) -> onnx.ModelProto:
    """Traces a graph, gives outputs and cut tensors their names and writes the file.

    Returns:
        The model as written.
    """
    names = (*graph.outputs, *graph.cuts)
    batch = torch.export.Dim(BATCH)
    with warnings.catch_warnings(), _quiet():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            graph.module.eval(),
            kwargs=dict(graph.inputs),
            input_names=list(graph.inputs),
            output_names=list(names),
            dynamic_shapes={name: {0: batch} for name in graph.inputs},
            opset_version=OPSET,
            dynamo=True,
            optimize=True,
        )
    assert program is not None
    model: onnx.ModelProto = program.model_proto
    _demote_cuts(model, graph)
    model.producer_name = "fomm_export"
    model.graph.name = graph.name
    onnx.checker.check_model(model, full_check=True)
    onnx.save_model(model, str(path))
    return model


def _demote_cuts(model: onnx.ModelProto, graph: Graph) -> None:
    """Turns the traced cut tensors from outputs into inner values that keep their names and shapes."""
    by_name = {output.name: output for output in model.graph.output}
    missing = set(graph.outputs + graph.cuts) - set(by_name)
    if missing:
        raise RuntimeError(f"{graph.name}: the exporter lost the tensors {', '.join(sorted(missing))}")
    del model.graph.output[:]
    model.graph.output.extend(by_name[name] for name in graph.outputs)
    known = {value.name for value in model.graph.value_info}
    model.graph.value_info.extend(by_name[name] for name in graph.cuts if name not in known)
    # Traces of the exporter's own (source paths of the exporting machine among them) say nothing to a reader.
    for node in model.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""


@contextlib.contextmanager
def _quiet():  # type: ignore[no-untyped-def]
    """Keeps the exporter's progress chatter off the terminal."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        logger.setLevel(level)
