"""Checks an ONNX file before a runtime sees it, so that a model folder made by others can do no harm.

A file may neither read other files, nor loop, nor grow without limit. `onnx_file` and `operators` define the allowed
content.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from fomm_rt.errors import ModelError
from fomm_rt.machine.memory import allowed_bytes
from fomm_rt.model.graph.onnx_file import Constant, Graph, Node, read_graph
from fomm_rt.model.graph.operators import RULES
from fomm_rt.model.graph.shapes import ShapeError, Value, small_numbers
from fomm_rt.model.graph.wire import WireError
from fomm_rt.model.graph.work import scratch_bytes, work_of

MOST_NODES = 5_000
"""Of one file; exports have a few hundred."""

BYTES_PER_PIXEL = 1 << 14
"""Largest memory of a run, without weights, for each pixel of a frame: five times that of published models."""

WORK_PER_PIXEL = 1 << 24
"""Largest number of multiply-accumulates of a run for each pixel of a frame: thirty times that of published models."""

BATCH = 1
"""The batch that sizes are computed for, as runtimes use it."""

_VALUE_BYTES = 4


@dataclass(frozen=True)
class Expected:
    """The entries of model.json for a file.

    Attributes:
        inputs, outputs: (name, *shape) of each tensor; a str in a shape stands for a free size.
        size: Side of the model's frames in pixels.
    """

    inputs: Sequence[tuple[int | str, ...]]
    outputs: Sequence[tuple[int | str, ...]]
    size: int


def check_graph(content: bytes, file: str, expected: Expected) -> None:
    """Checks an ONNX file.

    Args:
        content: The file.
        file: Its path, for messages.
        expected: Its entries in model.json.

    Raises:
        ModelError: The file may not be given to a runtime.
    """
    try:
        graph = read_graph(content)
        for name, constant in graph.constants.items():
            _check_finite(name, constant)
        declared = [[(name, *shape) for name, shape in side.items()] for side in (graph.inputs, graph.outputs)]
        computed = _Run(graph, expected.size**2).shapes()
        if declared != [list(expected.inputs), list(expected.outputs)] or computed != {
            name: _fixed(shape) for name, shape in graph.outputs.items()
        }:
            raise WireError("takes or gives other tensors than model.json says")
    except WireError as error:
        raise ModelError(f"{file}: {error}. Use models of sources that you trust, or export this one again") from error


class _Run:
    """A run of a graph in which only shapes are computed."""

    def __init__(self, graph: Graph, pixels: int) -> None:
        if len(graph.nodes) > MOST_NODES:
            raise WireError(f"has {len(graph.nodes)} operations; models of this project have at most {MOST_NODES}")
        self._graph = graph
        self._most_bytes = BYTES_PER_PIXEL * pixels
        if (memory := allowed_bytes()) is not None:
            self._most_bytes = min(self._most_bytes, memory)
        self._most_work = WORK_PER_PIXEL * pixels
        self._work = self._scratch_bytes = 0
        self._values: dict[str, Value] = {}
        self._live = 0
        self._last_use = {name: index for index, node in enumerate(graph.nodes) for name in node.inputs}
        self._last_use |= dict.fromkeys(graph.outputs, len(graph.nodes))
        for name, constant in graph.constants.items():
            self._values[name] = Value(constant.shape, small_numbers(constant.values()))

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Name -> shape of each output."""
        for name, shape in self._graph.inputs.items():
            self._add(name, Value(_fixed(shape)))
        # Values that do not depend on a frame, which runtimes compute once and keep.
        kept = set(self._graph.constants)
        for index, node in enumerate(self._graph.nodes):
            if kept.issuperset(filter(None, node.inputs)):
                kept.update(node.outputs)
            for name, value in zip(node.outputs, self._results(node), strict=False):
                if name:
                    self._add(name, value)
                    kept.update([name] if value.numbers is not None else [])
            needed = self._live * _VALUE_BYTES + self._scratch_bytes
            self._limit(needed, self._most_bytes, "GB of memory", node.operator)
            self._limit(self._work, self._most_work, "GMAC", node.operator)
            for name in {*node.inputs, *node.outputs} - kept:
                if name and self._last_use.get(name, index) == index:
                    self._live -= math.prod(self._values[name].shape)
        if missing := self._graph.outputs.keys() - self._values.keys():
            raise WireError(f"does not compute its output {_shown(min(missing))}")
        return {name: self._values[name].shape for name in self._graph.outputs}

    def _results(self, node: Node) -> list[Value]:
        operator = _shown(node.operator)
        rule = RULES.get(node.operator)
        if rule is None:
            raise WireError(f"has the operator {operator}, which no model of this project has")
        if missing := [name for name in node.inputs if name and name not in self._values]:
            raise WireError(f"has the operator {operator} on {_shown(missing[0])}, which nothing computes before it")
        try:
            inputs = [self._values[name] if name else Value(()) for name in node.inputs]
            results = rule(node, inputs)
            self._work += work_of(node, inputs, results)
            self._scratch_bytes = scratch_bytes(node, inputs, results)
        except ShapeError as error:
            raise WireError(f"has the operator {operator} that cannot be run: {error}") from error
        # Too many causes to name: an input or attribute is missing, or a number is out of range.
        except (ValueError, IndexError, KeyError, TypeError, AttributeError, OverflowError, ArithmeticError) as error:
            raise WireError(f"has the operator {operator} that cannot be run") from error
        if len(node.outputs) > len(results):
            raise WireError(f"has the operator {operator} with more outputs than it gives")
        return results

    def _add(self, name: str, value: Value) -> None:
        if name in self._values:
            raise WireError(f"computes {_shown(name)} twice")
        self._values[name] = value
        self._live += math.prod(value.shape)
        self._limit(self._live * _VALUE_BYTES, self._most_bytes, "GB of memory", name)

    def _limit(self, needed: int, most: int, what: str, name: str) -> None:
        if needed > most:
            takes, limit = f"{needed / 1e9:.3g} {what}", f"{most / 1e9:.3g}"
            raise WireError(f"needs {takes} for one frame (at {_shown(name)}); at most {limit} are allowed")


def _fixed(shape: Iterable[int | str]) -> tuple[int, ...]:
    return tuple(BATCH if isinstance(size, str) else size for size in shape)


def _check_finite(name: str, constant: Constant) -> None:
    if not np.issubdtype(constant.dtype, np.floating):
        return
    values = constant.values()
    with np.errstate(over="ignore", invalid="ignore"):
        total = values.sum(dtype=np.float32)
    # A sum is finite only if all values are, and five times as fast; it may also overflow.
    if not np.isfinite(total) and not np.isfinite(values).all():
        raise WireError(f"has weights that are not finite numbers ({_shown(name)}), so they are damaged")


def _shown(name: str) -> str:
    return ascii(name)[1:-1][:80]
