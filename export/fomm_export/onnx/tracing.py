"""Traces a graph to an ONNX file with named tensors and a free batch dimension."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path

import onnx
import torch

from fomm_export.onnx.graphs import Graph

OPSET = 18
"""Opset 20 renames GridSample's mode to `linear`, which TensorRT 10.13 to 11.1 read as nearest."""

IR_VERSION = 8
"""The oldest that goes with OPSET. ONNX Runtime 1.17 and Triton refuse 10, which torch writes."""

BATCH = "batch"
"""Name of the free dimension."""


def export_onnx(graph: Graph, path: Path, metadata: Mapping[str, str] | None = None) -> onnx.ModelProto:
    """Traces a graph, names its outputs and cut tensors, and writes the file.

    Args:
        graph: What to trace.
        path: The file.
        metadata: Its `metadata_props`.

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
    save_onnx(model, path, metadata)
    return model


def save_onnx(model: onnx.ModelProto, path: Path, metadata: Mapping[str, str] | None = None) -> None:
    """Checks a model and writes it with IR_VERSION, so that older programs read it."""
    model.ir_version = IR_VERSION
    # Metadata of graphs and values exists since IR version 10. The exporter's has source paths of this machine.
    graph = model.graph
    for part in (graph, *graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer):
        del part.metadata_props[:]
    onnx.helper.set_model_props(model, dict(metadata or {}))
    onnx.checker.check_model(model, full_check=True)
    onnx.save_model(model, str(path))


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
    for node in model.graph.node:
        node.doc_string = ""  # the exporter leaves source paths of this machine


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
