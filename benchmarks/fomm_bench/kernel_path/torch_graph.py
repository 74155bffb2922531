"""An ONNX graph of a trunk as a PyTorch module.

A trunk holds convolutions and little else, see `fomm_build.trunks`. The module computes in the types of the graph, so a
graph of half precision runs as it would in an engine.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import onnx
import torch
import torch.nn.functional as F
from onnx import helper, numpy_helper
from torch import Tensor, nn
from typing_extensions import override

from fomm_rt.errors import ModelError

Attributes = Mapping[str, Any]
Operator = Callable[[Sequence[Tensor], Attributes], Sequence[Tensor]]
"""Inputs and attributes of a node -> its outputs."""

Convolution = Callable[[Tensor, Tensor, Tensor | None], Tensor]
"""Input, weight and bias -> output."""

_TYPES = {onnx.TensorProto.FLOAT: torch.float32, onnx.TensorProto.FLOAT16: torch.float16}


class TorchGraph(nn.Module):
    """A graph with its weights as buffers; 4-D weights are channels last.

    Args:
        model: The graph.

    Raises:
        ModelError: The graph holds an operator that no trunk has.
    """

    def __init__(self, model: onnx.ModelProto) -> None:
        super().__init__()
        graph = model.graph
        if unknown := sorted({node.op_type for node in graph.node} - {*OPERATORS, *CONVOLUTIONS}):
            raise ModelError(f"{graph.name}: expected the operators of a trunk; got {', '.join(unknown)}")
        self._nodes = [(node, {a.name: helper.get_attribute_value(a) for a in node.attribute}) for node in graph.node]
        self._inputs = [value.name for value in graph.input]
        self._outputs = [value.name for value in graph.output]
        self._weights: dict[str, str] = {}
        for number, tensor in enumerate(graph.initializer):
            values = torch.from_numpy(numpy_helper.to_array(tensor).copy())
            if values.ndim == 4:
                values = values.contiguous(memory_format=torch.channels_last)
            # Names of initializers hold dots, which names of buffers may not.
            self._weights[tensor.name] = f"weight_{number}"
            self.register_buffer(self._weights[tensor.name], values, persistent=False)

    @override
    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Inputs of the graph in order -> its outputs in order."""
        values: dict[str, Tensor] = {name: getattr(self, buffer) for name, buffer in self._weights.items()}
        values |= zip(self._inputs, inputs, strict=True)
        for node, attributes in self._nodes:
            given = [values[name] for name in node.input if name]
            if node.op_type in CONVOLUTIONS:
                x, weight = given[:2]
                bias = given[2] if len(given) == 3 else None
                results: Sequence[Tensor] = [self.convolve(CONVOLUTIONS[node.op_type](attributes), x, weight, bias)]
            else:
                results = OPERATORS[node.op_type](given, attributes)
            values |= zip(node.output, results, strict=False)
        return tuple(values[name] for name in self._outputs)

    def convolve(self, convolution: Convolution, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """Computes a convolution of the graph; subclasses may compute it in another way."""
        return convolution(x, weight, bias)


def _conv(attributes: Attributes) -> Convolution:
    strides, padding = attributes.get("strides", (1, 1)), _padding(attributes)
    return lambda x, weight, bias: F.conv2d(x, weight, bias, strides, padding)


def _conv_transpose(attributes: Attributes) -> Convolution:
    strides, padding = attributes.get("strides", (1, 1)), _padding(attributes)
    more = attributes.get("output_padding", (0, 0))
    return lambda x, weight, bias: F.conv_transpose2d(x, weight, bias, strides, padding, more)


def _padding(attributes: Attributes) -> tuple[int, int]:
    top, left, bottom, right = attributes.get("pads", (0, 0, 0, 0))
    assert (top, left) == (bottom, right), "trunks pad both sides equally"
    assert attributes.get("group", 1) == 1
    assert set(attributes.get("dilations", (1,))) == {1}
    return top, left


def _average_pool(inputs: Sequence[Tensor], attributes: Attributes) -> Sequence[Tensor]:
    return [
        F.avg_pool2d(
            inputs[0], attributes["kernel_shape"], attributes.get("strides", (1, 1)), padding=_padding(attributes)
        )
    ]


def _batch_norm(inputs: Sequence[Tensor], attributes: Attributes) -> Sequence[Tensor]:
    x, scale, shift, mean, variance = inputs
    return [F.batch_norm(x, mean, variance, scale, shift, eps=attributes.get("epsilon", 1e-5))]


def _split(inputs: Sequence[Tensor], attributes: Attributes) -> Sequence[Tensor]:
    x, sizes = inputs
    return torch.split(x, sizes.tolist(), attributes.get("axis", 0))


CONVOLUTIONS: Mapping[str, Callable[[Attributes], Convolution]] = {"Conv": _conv, "ConvTranspose": _conv_transpose}

OPERATORS: Mapping[str, Operator] = {
    "Add": lambda inputs, _: [inputs[0] + inputs[1]],
    "AveragePool": _average_pool,
    "BatchNormalization": _batch_norm,
    "Cast": lambda inputs, attributes: [inputs[0].to(_TYPES[attributes["to"]])],
    "Concat": lambda inputs, attributes: [torch.cat(list(inputs), attributes["axis"])],
    "Mul": lambda inputs, _: [inputs[0] * inputs[1]],
    "Relu": lambda inputs, _: [torch.relu(inputs[0])],
    "Sigmoid": lambda inputs, _: [torch.sigmoid(inputs[0])],
    "Split": _split,
}
