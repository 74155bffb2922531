"""The precisions of convolutions."""

from __future__ import annotations

from typing import Literal, get_args

Precision = Literal["fp32", "fp16", "int8"]

PRECISIONS: tuple[Precision, ...] = get_args(Precision)

GRAPH_PRECISIONS: tuple[Precision, ...] = ("fp32", "int8")
"""Precisions of the ONNX graphs in a model folder; int8 only if the model was exported with it."""

ENGINE_PRECISIONS: tuple[Precision, ...] = ("fp16", "fp32")
"""Precisions of TensorRT engines, the default first."""
