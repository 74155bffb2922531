"""Shapes of the operators that move a window over maps: convolutions and pools, always in two dimensions."""

from __future__ import annotations

from dataclasses import dataclass

from fomm_rt.model.graph.onnx_file import Node
from fomm_rt.model.graph.shapes import Inputs, Shape, Value, expect


def conv(node: Node, inputs: Inputs) -> list[Value]:
    """The rule of Conv."""
    source, weight = inputs[0].shape, inputs[1].shape
    group = node.attributes.get("group", 1)
    expect(len(source) == len(weight) == 4 and group > 0 and source[1] == weight[1] * group, "its inputs do not fit")
    window = _Window.of(node, weight[2:])
    return [Value((source[0], weight[0], *window.outputs(source[2:])))]


def conv_transpose(node: Node, inputs: Inputs) -> list[Value]:
    """The rule of ConvTranspose."""
    source, weight = inputs[0].shape, inputs[1].shape
    group = node.attributes.get("group", 1)
    expect(len(source) == len(weight) == 4 and group > 0 and source[1] == weight[0], "its inputs do not fit")
    expect("output_shape" not in node.attributes, "it names its output's shape")
    window, added = _Window.of(node, weight[2:]), node.attributes.get("output_padding", (0, 0))
    expect(len(added) == 2 and min(added) >= 0, "its margins do not fit")
    sizes = (
        window.strides[i] * (source[2 + i] - 1) + added[i] + window.span(i) - window.pads[i] - window.pads[i + 2]
        for i in range(2)
    )
    return [Value((source[0], weight[1] * group, *(max(size, 0) for size in sizes)))]


def pool(node: Node, inputs: Inputs) -> list[Value]:
    """The rule of AveragePool and MaxPool."""
    shape = inputs[0].shape
    expect(len(shape) == 4 and not node.attributes.get("ceil_mode", 0), "its input does not fit")
    return [Value((*shape[:2], *_Window.of(node, node.attributes["kernel_shape"]).outputs(shape[2:])))]


@dataclass(frozen=True)
class _Window:
    """What a convolution or a pool moves over the pixels of a map."""

    kernel: Shape
    strides: Shape
    dilations: Shape
    pads: Shape

    @classmethod
    def of(cls, node: Node, kernel: Shape) -> _Window:
        attributes = node.attributes
        expect(attributes.get("auto_pad", b"NOTSET") == b"NOTSET", "it chooses its margins itself")
        expect(attributes.get("kernel_shape", kernel) == kernel, "its kernel does not fit")
        strides, dilations = attributes.get("strides", (1, 1)), attributes.get("dilations", (1, 1))
        pads = attributes.get("pads", (0, 0, 0, 0))
        are_two = len(kernel) == len(strides) == len(dilations) == 2 and len(pads) == 4
        expect(are_two and min(*kernel, *strides, *dilations) > 0 and min(pads) >= 0, "its window does not fit")
        return cls(kernel, strides, dilations, pads)

    def span(self, i: int) -> int:
        """Pixels that it covers in one direction."""
        return self.dilations[i] * (self.kernel[i] - 1) + 1

    def outputs(self, size: Shape) -> Shape:
        """Height and width of the result."""
        room = (size[i] + self.pads[i] + self.pads[i + 2] - self.span(i) for i in range(2))
        return tuple(max(space // stride + 1, 0) for space, stride in zip(room, self.strides, strict=True))
