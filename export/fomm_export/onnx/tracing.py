"""Traces a graph to an ONNX file with named tensors and a free batch dimension."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path

import onnx
import torch

from fomm_export.onnx.graphs import Graph

OPSET = 18
"""Opset 20 renames GridSample's mode to `linear`, which TensorRT 10.13 to 11.1 read as nearest."""

BATCH = "batch"
"""Name of the free dimension."""


def export_onnx(graph: Graph, path: Path) -> onnx.ModelProto:
    """Traces a graph, names its outputs and cut tensors, and writes the file.

    Returns:
        The model as written.
    """
    names = (*graph.outputs, *graph.cuts)
    batch = torch.export.Dim(BATCH)
    with warnings.catch_warnings(), errors_only("torch.onnx"), contextlib.redirect_stdout(io.StringIO()):
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
    """Turns the cut tensors from outputs into inner values with the same names and shapes."""
    by_name = {output.name: output for output in model.graph.output}
    missing = set(graph.outputs + graph.cuts) - set(by_name)
    if missing:
        raise RuntimeError(f"{graph.name}: the exporter lost the tensors {', '.join(sorted(missing))}")
    del model.graph.output[:]
    model.graph.output.extend(by_name[name] for name in graph.outputs)
    known = {value.name for value in model.graph.value_info}
    model.graph.value_info.extend(by_name[name] for name in graph.cuts if name not in known)
    # The exporter leaves metadata, including source paths of the exporting machine.
    for node in model.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""


@contextlib.contextmanager
def errors_only(logger_name: str | None = None) -> Iterator[None]:
    """Keeps messages below ERROR of a logger, by default the root logger, off the terminal."""
    logger = logging.getLogger(logger_name)
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
