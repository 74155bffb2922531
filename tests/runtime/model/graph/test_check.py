"""What may be given to a runtime: every export, and nothing that grows, runs on, or reads other files."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper

from conftest import ModelOf
from fomm_rt.bundled import open_bundled_model
from fomm_rt.errors import ModelError
from fomm_rt.model.folder import ModelFolder
from fomm_rt.model.graph import check
from small_graphs import SIZE, checked, floats, graph_of, ints, node, ones


@pytest.mark.parametrize("name", ["small_aligned", "small_no_jacobian", "small_no_occlusion", "small_single_jacobian"])
def test_every_export_passes(golden_model: ModelOf, name: str) -> None:
    golden_model(name).check_graphs()


def test_the_bundled_model_and_one_with_blend_mask_pass(blending_model: ModelFolder) -> None:
    open_bundled_model().check_graphs()
    blending_model.check_graphs()


@pytest.mark.parametrize(
    ("nodes", "constants", "word"),
    [
        ([node("Loop", "frame")], {}, "operator Loop, which no model"),
        ([node("Scan", "frame")], {}, "operator Scan, which no model"),
        ([node("Tile", "frame", "n")], {"n": ints([1, 9, 9, 9])}, "operator Tile, which no model"),
        ([node("\x1b[2J", "frame")], {}, r"operator \\x1b\[2J"),
        ([node("ConstantOfShape", "n")], {"n": ints([1 << 16, 1 << 16])}, "GB of memory"),
        ([node("ConstantOfShape", "n")], {"n": ints([1 << 40, 1 << 40])}, "GB of memory"),
        ([node("Expand", "frame", "n")], {"n": ints([1 << 14, 3, SIZE, SIZE])}, "GB of memory"),
        ([node("Expand", "frame", "n")], {"n": ints([-1])}, "cannot be run: its sizes do not fit"),
        ([node("Range", "a", "b", "c")], {"a": ints(0), "b": ints(1 << 40), "c": ints(1)}, "GB of memory"),
        ([node("Range", "a", "b", "c")], {"a": ints(0), "b": ints(9), "c": ints(0)}, "its step is zero"),
        ([node("Range", "a", "b", "c")], {"a": floats(0), "b": floats(np.inf), "c": floats(1)}, "not finite"),
        (
            [node("Range", "a", "b", "c")],
            {"a": floats(0), "b": floats(1e30), "c": floats(1e-30)},
            "GB of memory",
        ),
        ([node("Pad", "frame", "n")], {"n": ints([0, 0, 0, 0, 0, 0, 1 << 20, 1 << 20])}, "GB of memory"),
        ([node("Pad", "frame", "n")], {"n": ints([0, 0, 0, 0, 0, 0, -1, 0])}, "its margins do not fit"),
        ([node("Resize", "frame", "", "", "n")], {"n": ints([1, 3, 1 << 20, 1 << 20])}, "GB of memory"),
        ([node("Resize", "frame", "", "n")], {"n": floats([1, 1, 3e38, 3e38])}, "GB of memory"),
        ([node("Mul", "a", "b")], {"a": ones(9999, 1), "b": ones(9999)}, "GB of memory"),
        ([node("Expand", "frame", "frame")], {}, "not known beforehand"),
        ([node("Reshape", "frame", "n")], {"n": ints([5, -1])}, "its sizes do not fit"),
        ([node("Conv", "frame", "w", auto_pad="SAME_UPPER")], {"w": ones(3, 3, 1, 1)}, "itself"),
        ([node("Conv", "frame", "w")], {"w": ones(3, 5, 1, 1)}, "its inputs do not fit"),
        ([node("Conv", "frame", "w", strides=[0, 0])], {"w": ones(3, 3, 1, 1)}, "its window"),
        (
            [node("ConvTranspose", "frame", "w", strides=[4096, 4096])],
            {"w": ones(3, 3, 1, 1)},
            "GB of memory",
        ),
        ([node("Identity")], {}, "Identity that cannot be run"),
        ([node("Concat", "frame", "frame")], {}, "Concat that cannot be run"),
        ([node("Identity", "later"), node("Identity", "frame", to="later")], {}, "on later, which nothing computes"),
        ([node("Identity", "frame"), node("Identity", "frame")], {}, "computes out twice"),
        ([node("Identity", "frame", to="frame")], {}, "computes frame twice"),
        ([node("Identity", "frame", to="other")], {}, "does not compute its output out"),
        ([helper.make_node("Identity", ["frame"], ["out", "more"])], {}, "more outputs than it gives"),
        ([node("Add", "frame", "a")], {"a": floats(np.nan)}, r"not finite numbers \(a\)"),
        ([node("Add", "frame", "a")], {"a": floats([np.inf, -np.inf])}, r"not finite numbers \(a\)"),
        ([node("Add", "frame", "a")], {"a": np.array([np.inf], np.float16)}, r"not finite numbers \(a\)"),
    ],
)  # fmt: skip
def test_refuses(nodes: list[onnx.NodeProto], constants: dict[str, Any], word: str) -> None:
    with pytest.raises(ModelError, match=word) as caught:
        checked(graph_of(*nodes, **constants))
    assert str(caught.value).startswith("test.onnx: ")


def test_weights_whose_sum_overflows_pass() -> None:
    checked(graph_of(node("Add", "frame", "a"), a=ones(1, 3, SIZE, SIZE) * 3e38))


def test_growth_by_many_small_steps_is_refused() -> None:
    """Every step doubles; no single tensor says how large the last one is."""
    names = ["frame", *(f"step{i}" for i in range(40)), "out"]
    steps = [node("Concat", a, a, to=b, axis=1) for a, b in pairwise(names)]
    with pytest.raises(ModelError, match="GB of memory"):
        checked(graph_of(*steps))


def test_the_memory_of_tensors_that_are_no_longer_needed_is_free() -> None:
    names = ["frame", *(f"step{i}" for i in range(3000)), "out"]
    checked(graph_of(*(node("Relu", a, to=b) for a, b in pairwise(names))))


def test_tensors_that_stay_needed_are_added_up() -> None:
    kept = [node("Relu", "frame", to=f"kept{i}") for i in range(1000)]
    with pytest.raises(ModelError, match="GB of memory"):
        checked(graph_of(*kept, node("Concat", *(f"kept{i}" for i in range(1000)), axis=1)))


@pytest.mark.parametrize("shape", ["a constant", "that of the frame"])
def test_memory_of_folded_constants_adds_up(shape: str) -> None:
    """Constant folding makes a tensor of each Expand before the first run."""
    names = ["frame", *(f"sum{i}" for i in range(2000)), "out"]
    nodes = [] if shape == "a constant" else [node("Shape", "frame", to="n")]
    constants: dict[str, Any] = {"n": ints([1, 3, SIZE, SIZE])} if shape == "a constant" else {}
    for index, (a, b) in enumerate(pairwise(names)):
        nodes += [node("Expand", "zero", "n", to=f"large{index}"), node("Add", a, f"large{index}", to=b)]
    with pytest.raises(ModelError, match="GB of memory"):
        checked(graph_of(*nodes, zero=floats(0), **constants))


def test_endless_work_is_refused() -> None:
    """A small file whose only convolution would run for hours."""
    wide = node("AveragePool", "frame", kernel_shape=[4001, 4001], pads=[2000] * 4)
    with pytest.raises(ModelError, match="GMAC for one frame"):
        checked(graph_of(wide))


@pytest.mark.parametrize("operator", ["Conv", "ConvTranspose"])
def test_memory_that_a_runtime_takes_beside_the_tensors(operator: str) -> None:
    """Small weights and a small result, but ONNX Runtime lays out all that is multiplied."""
    attributes: dict[str, Any] = {"pads": [127 if operator == "Conv" else 128] * 4}
    with pytest.raises(ModelError, match=rf"GB of memory for one frame \(at {operator}\)"):
        checked(graph_of(node(operator, "frame", "w", **attributes), w=ones(3, 3, 255, 255)))


def test_very_many_operations_are_refused() -> None:
    relus = [node("Relu", "frame", to=f"r{i}") for i in range(check.MOST_NODES)]
    with pytest.raises(ModelError, match="operations"):
        checked(graph_of(*relus, node("Relu", "frame")))


def test_sizes_that_are_known_only_by_propagation() -> None:
    """As exports have them: the batch is taken from a shape, joined with constants, and expanded to."""
    nodes = [
        node("Shape", "frame", to="batch", start=0, end=1),
        node("Concat", "batch", "n", to="target", axis=0),
        node("Expand", "zero", "target"),
    ]
    constants = {"n": ints([2, SIZE]), "zero": floats(0)}
    checked(graph_of(*nodes, shape=("batch", 2, SIZE), **constants), ("batch", 2, SIZE))
    with pytest.raises(ModelError, match="takes or gives other tensors"):
        checked(graph_of(*nodes, shape=("batch", 2, SIZE), **constants), ("batch", 3, SIZE))
    with pytest.raises(ModelError, match="takes or gives other tensors"):
        checked(graph_of(*nodes, shape=("batch", 3, SIZE), **constants), ("batch", 3, SIZE))


def test_this_machine_must_have_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    content = graph_of(node("Relu", "frame"))
    checked(content)
    monkeypatch.setattr(check, "allowed_bytes", lambda: 1000)
    with pytest.raises(ModelError, match="GB of memory"):
        checked(content)
