"""The operators that a model of this project may have, each with the rule that gives the shapes of its outputs.

Rules follow ONNX opset 18. They also compute the small whole numbers that decide shapes further on, such as the target
of Expand. A shape that cannot be known this way is an error: the tensor might have any size.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from fomm_rt.model.graph.onnx_file import Node
from fomm_rt.model.graph.shapes import (
    MOST_NUMBERS,
    Inputs,
    Rule,
    Value,
    axis_of,
    expect,
    known,
    numbers_of,
    reshaped,
    scalar_of,
)
from fomm_rt.model.graph.windows import conv, conv_transpose, pool


def _same(_node: Node, inputs: Inputs) -> list[Value]:
    return [Value(inputs[0].shape)]


def _identity(_node: Node, inputs: Inputs) -> list[Value]:
    return [inputs[0]]


def _cast(node: Node, inputs: Inputs) -> list[Value]:
    dtype = {6: np.int32, 7: np.int64}.get(node.attributes.get("to", 0))
    numbers = inputs[0].numbers
    is_whole = numbers is not None and dtype is not None and np.issubdtype(numbers.dtype, np.integer)
    return [Value(inputs[0].shape, numbers.astype(dtype) if numbers is not None and is_whole else None)]


def _broadcast(_node: Node, inputs: Inputs) -> list[Value]:
    return [Value(np.broadcast_shapes(*(value.shape for value in inputs)))]


def _computed(function: Callable[..., Any]) -> Rule:
    """The rule of an operator that broadcasts, and whose values are computed where they are known."""

    def rule(node: Node, inputs: Inputs) -> list[Value]:
        numbers = [value.numbers for value in inputs if value.numbers is not None]
        (value,) = _broadcast(node, inputs)
        if len(numbers) < len(inputs) or math.prod(value.shape) > MOST_NUMBERS:
            return [value]
        return [Value(value.shape, np.asarray(function(*numbers)))]

    return rule


def _shape(node: Node, inputs: Inputs) -> list[Value]:
    found = inputs[0].shape[node.attributes.get("start", 0) : node.attributes.get("end")]
    return [Value((len(found),), np.array(found, np.int64))]


def _gather(node: Node, inputs: Inputs) -> list[Value]:
    data, indices = inputs
    axis = axis_of(node.attributes.get("axis", 0), len(data.shape))
    shape = (*data.shape[:axis], *indices.shape, *data.shape[axis + 1 :])
    if data.numbers is None or indices.numbers is None or math.prod(shape) > MOST_NUMBERS:
        return [Value(shape)]
    return [Value(shape, np.take(data.numbers, indices.numbers, axis))]


def _concat(node: Node, inputs: Inputs) -> list[Value]:
    first = inputs[0].shape
    axis = axis_of(node.attributes["axis"], len(first))
    others = {(*value.shape[:axis], *value.shape[axis + 1 :]) for value in inputs}
    expect(len(others) == 1 and all(len(value.shape) == len(first) for value in inputs), "its inputs do not fit")
    shape = (*first[:axis], sum(value.shape[axis] for value in inputs), *first[axis + 1 :])
    numbers = [value.numbers for value in inputs if value.numbers is not None]
    is_known = len(numbers) == len(inputs) and math.prod(shape) <= MOST_NUMBERS
    return [Value(shape, np.concatenate(numbers, axis) if is_known else None)]


def _reshape(node: Node, inputs: Inputs) -> list[Value]:
    data, target = inputs[0], numbers_of(inputs, 1)
    keeps_zero = bool(node.attributes.get("allowzero", 0))
    sizes = [
        data.shape[i] if size == 0 and not keeps_zero and i < len(data.shape) else size for i, size in enumerate(target)
    ]
    count = math.prod(data.shape)
    if sizes.count(-1) == 1:
        rest = math.prod(size for size in sizes if size != -1)
        expect(rest > 0 and count % rest == 0, "its sizes do not fit")
        sizes[sizes.index(-1)] = count // rest
    expect(all(size >= 0 for size in sizes) and math.prod(sizes) == count, "its sizes do not fit")
    return [reshaped(data, tuple(sizes))]


def _unsqueeze(_node: Node, inputs: Inputs) -> list[Value]:
    data, axes = inputs[0], numbers_of(inputs, 1)
    rank = len(data.shape) + len(axes)
    places = {axis_of(axis, rank) for axis in axes}
    expect(len(places) == len(axes), "its axes do not fit")
    sizes = iter(data.shape)
    return [reshaped(data, tuple(1 if place in places else next(sizes) for place in range(rank)))]


def _squeeze(_node: Node, inputs: Inputs) -> list[Value]:
    data = inputs[0]
    rank = len(data.shape)
    if len(inputs) > 1:
        places = {axis_of(axis, rank) for axis in numbers_of(inputs, 1)}
    else:
        places = {place for place in range(rank) if data.shape[place] == 1}
    expect(all(data.shape[place] == 1 for place in places), "its axes do not fit")
    return [reshaped(data, tuple(size for place, size in enumerate(data.shape) if place not in places))]


def _transpose(node: Node, inputs: Inputs) -> list[Value]:
    shape = inputs[0].shape
    order = node.attributes.get("perm", tuple(reversed(range(len(shape)))))
    expect(sorted(order) == list(range(len(shape))), "its order does not fit")
    return [Value(tuple(shape[place] for place in order))]


def _expand(_node: Node, inputs: Inputs) -> list[Value]:
    target = numbers_of(inputs, 1)
    expect(all(size >= 0 for size in target), "its sizes do not fit")
    return [Value(np.broadcast_shapes(inputs[0].shape, target))]


def _constant_of_shape(_node: Node, inputs: Inputs) -> list[Value]:
    sizes = numbers_of(inputs, 0)
    expect(all(size >= 0 for size in sizes), "its sizes do not fit")
    return [Value(sizes)]


def _range(_node: Node, inputs: Inputs) -> list[Value]:
    start, limit, step = (scalar_of(inputs, index) for index in range(3))
    expect(step != 0, "its step is zero")
    return [Value((max(math.ceil((limit - start) / step), 0),))]


def _slice(_node: Node, inputs: Inputs) -> list[Value]:
    data = inputs[0]
    starts, ends = numbers_of(inputs, 1), numbers_of(inputs, 2)
    axes = numbers_of(inputs, 3) if len(inputs) > 3 else tuple(range(len(starts)))
    steps = numbers_of(inputs, 4) if len(inputs) > 4 else (1,) * len(starts)
    cuts = [slice(None)] * len(data.shape)
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        expect(step > 0, "its step is not positive")
        cuts[axis_of(axis, len(data.shape))] = slice(start, end, step)
    shape = tuple(len(range(size)[cut]) for size, cut in zip(data.shape, cuts, strict=True))
    return [Value(shape, None if data.numbers is None else data.numbers[tuple(cuts)])]


def _split(node: Node, inputs: Inputs) -> list[Value]:
    shape = inputs[0].shape
    axis = axis_of(node.attributes.get("axis", 0), len(shape))
    if len(inputs) > 1:
        sizes = numbers_of(inputs, 1)
    else:
        count = node.attributes["num_outputs"]
        expect(count == len(node.outputs), "it has another number of outputs")
        part = -(-shape[axis] // count)
        sizes = (*[part] * (count - 1), shape[axis] - part * (count - 1))
    expect(sum(sizes) == shape[axis] and min(sizes) >= 0, "its sizes do not fit")
    return [Value((*shape[:axis], size, *shape[axis + 1 :])) for size in sizes]


def _mat_mul(_node: Node, inputs: Inputs) -> list[Value]:
    left, right = (value.shape for value in inputs)
    expect(len(left) >= 2 and len(right) >= 2 and left[-1] == right[-2], "its inputs do not fit")
    return [Value((*np.broadcast_shapes(left[:-2], right[:-2]), left[-2], right[-1]))]


def _gemm(node: Node, inputs: Inputs) -> list[Value]:
    left, right = (value.shape for value in inputs[:2])
    expect(len(left) == len(right) == 2, "its inputs do not fit")
    rows, inner = left[:: -1 if node.attributes.get("transA", 0) else 1]
    other, columns = right[:: -1 if node.attributes.get("transB", 0) else 1]
    expect(inner == other, "its inputs do not fit")
    return [Value((rows, columns))]


def _reduce(node: Node, inputs: Inputs) -> list[Value]:
    shape = inputs[0].shape
    axes = {axis_of(axis, len(shape)) for axis in numbers_of(inputs, 1)} if len(inputs) > 1 else set()
    if not axes and not node.attributes.get("noop_with_empty_axes", 0):
        axes = set(range(len(shape)))
    keeps = bool(node.attributes.get("keepdims", 1))
    return [Value(tuple(1 if i in axes else size for i, size in enumerate(shape) if keeps or i not in axes))]


def _grid_sample(_node: Node, inputs: Inputs) -> list[Value]:
    source, grid = (value.shape for value in inputs)
    expect(len(source) == len(grid) == 4 and source[0] == grid[0] and grid[3] == 2, "its inputs do not fit")
    return [Value((*source[:2], *grid[1:3]))]


def _depth_to_space(node: Node, inputs: Inputs) -> list[Value]:
    n, channels, height, width = inputs[0].shape
    side = node.attributes["blocksize"]
    expect(side > 0 and channels % side**2 == 0, "its block does not fit")
    return [Value((n, channels // side**2, height * side, width * side))]


def _pad(_node: Node, inputs: Inputs) -> list[Value]:
    shape, pads = inputs[0].shape, numbers_of(inputs, 1)
    expect(len(inputs) < 4 and len(pads) == 2 * len(shape) and min(pads) >= 0, "its margins do not fit")
    before, after = pads[: len(shape)], pads[len(shape) :]
    return [Value(tuple(map(sum, zip(before, shape, after, strict=True))))]


def _resize(node: Node, inputs: Inputs) -> list[Value]:
    shape = inputs[0].shape
    expect("axes" not in node.attributes, "it names axes")
    if len(inputs) > 3 and node.inputs[3]:
        sizes = numbers_of(inputs, 3)
    else:
        scales = known(inputs, 2).astype(float).ravel()
        sizes = tuple(math.floor(size * scale) for size, scale in zip(shape, scales, strict=True))
    expect(len(sizes) == len(shape) and min(sizes) >= 0, "its sizes do not fit")
    return [Value(sizes)]


RULES: Mapping[str, Rule] = {
    **dict.fromkeys(("Abs", "Ceil", "Cos", "Erf", "Exp", "Floor", "Log", "Neg", "Not"), _same),
    **dict.fromkeys(("Reciprocal", "Round", "Sign", "Sin", "Sqrt"), _same),
    **dict.fromkeys(("Clip", "LeakyRelu", "Relu", "Sigmoid", "Softmax", "Tanh"), _same),
    **dict.fromkeys(("BatchNormalization", "DequantizeLinear", "QuantizeLinear"), _same),
    **dict.fromkeys(("Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "And", "Or", "Xor"), _broadcast),
    **dict.fromkeys(("Div", "Max", "Min", "Mod", "Pow", "Where"), _broadcast),
    **dict.fromkeys(("AveragePool", "MaxPool"), pool),
    **dict.fromkeys(("ReduceMax", "ReduceMean", "ReduceSum"), _reduce),
    "Add": _computed(np.add),
    "Cast": _cast,
    "Concat": _concat,
    "ConstantOfShape": _constant_of_shape,
    "Conv": conv,
    "ConvTranspose": conv_transpose,
    "DepthToSpace": _depth_to_space,
    "Expand": _expand,
    "Gather": _gather,
    "Gemm": _gemm,
    "GridSample": _grid_sample,
    "Identity": _identity,
    "MatMul": _mat_mul,
    "Mul": _computed(np.multiply),
    "Pad": _pad,
    "Range": _range,
    "Reshape": _reshape,
    "Resize": _resize,
    "Shape": _shape,
    "Slice": _slice,
    "Split": _split,
    "Squeeze": _squeeze,
    "Sub": _computed(np.subtract),
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
}
"""Operator -> the rule of its shapes. They are those that exports use, and some close to them."""
