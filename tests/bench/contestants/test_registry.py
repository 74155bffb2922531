"""The contestants, and why one cannot run."""

from __future__ import annotations

import dataclasses
import shutil
from importlib import util
from typing import Any

import pytest

from fomm_bench.contestants import availability, registry
from fomm_bench.contestants.registry import REFERENCES, choose, entries
from fomm_bench.model.model_spec import ModelSpec
from fomm_bench.results.agreement import EXACT, HALF, INT8
from fomm_rt.backends.registry import REGISTRY, BackendEntry
from fomm_rt.errors import BenchmarkError
from fomm_rt.machine import nvidia_driver


def why_unavailable(name: str, spec: ModelSpec) -> str | None:
    (entry,) = choose([name])
    return entry.why_unavailable(spec)


def test_names_are_unique_and_cover_the_references() -> None:
    names = [entry.name for entry in entries()]
    assert len(set(names)) == len(names)
    for references in REFERENCES.values():
        assert set(references) <= set(names)
    for backend in REGISTRY:
        assert f"fomm-rt:{backend.name}" in names


def test_rejects_an_unknown_contestant() -> None:
    with pytest.raises(BenchmarkError, match=r"expected a contestant among pytorch, .*openvino.*; got 'tensorflow'"):
        choose(["pytorch", "tensorflow"])


def test_a_choice_keeps_the_order_of_the_registry() -> None:
    assert [entry.name for entry in choose(["openvino", "pytorch"])] == ["pytorch", "openvino"]
    assert [e.name for e in choose([])] == [e.name for e in entries()]


@pytest.mark.parametrize(
    ("name", "module", "remedy"),
    [
        ("openvino", "openvino", 'pip install "fomm-rt[bench]"'),
        ("pytorch", "torch", 'pip install "fomm-rt[export]"'),
        ("onnxruntime", "onnxruntime", "pip install onnxruntime"),
    ],
)
def test_names_a_missing_package_and_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch, tiny_spec: ModelSpec, name: str, module: str, remedy: str
) -> None:
    assert why_unavailable(name, tiny_spec) is None
    monkeypatch.setattr(availability, "find_spec", lambda name: None if name == module else util.find_spec(name))
    assert why_unavailable(name, tiny_spec) == f"{module} is not installed; install it with: {remedy}"


def test_pytorch_needs_a_checkpoint(tiny_spec: ModelSpec) -> None:
    without = dataclasses.replace(tiny_spec, stand_in_seed=None)
    assert "--checkpoint FILE" in str(why_unavailable("pytorch", without))
    assert why_unavailable("onnxruntime", without) is None


def test_gpu_contestants_need_a_driver(monkeypatch: pytest.MonkeyPatch, tiny_spec: ModelSpec) -> None:
    monkeypatch.setattr(nvidia_driver, "is_installed", lambda: False)
    for entry in entries():
        if entry.on_gpu:
            problem = entry.why_unavailable(tiny_spec)
            assert problem is not None, entry.name
            # A backend may report a missing package first.
            if "driver" in problem:
                assert "this machine has no NVIDIA driver" in problem
                assert "https://www.nvidia.com/drivers" in problem


def test_compiling_needs_a_compiler(monkeypatch: pytest.MonkeyPatch, tiny_spec: ModelSpec) -> None:
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    assert "apt install g++" in str(why_unavailable("pytorch-compile", tiny_spec))


def test_int8_needs_int8_graphs(tiny_spec: ModelSpec) -> None:
    assert "no int8" in str(why_unavailable("fomm-rt:onnxruntime-cpu:int8", tiny_spec))


def later(name: Any, precisions: tuple[Any, ...], problem: str | None = None) -> BackendEntry:
    return dataclasses.replace(REGISTRY[0], name=name, precisions=precisions, why_unavailable=lambda: problem)


def test_a_backend_is_one_contestant_per_precision(monkeypatch: pytest.MonkeyPatch, tiny_spec: ModelSpec) -> None:
    """The default precision is not part of a name; only int8 needs graphs of its own."""
    monkeypatch.setattr(registry, "REGISTRY", (*REGISTRY, later("later", ("fp16", "fp32", "int8"))))
    found = {entry.name: entry for entry in entries() if "later" in entry.name}
    told = {name: (entry.on_gpu, entry.precision, entry.requirement) for name, entry in found.items()}
    assert told == {
        "fomm-rt:later": (True, "fp16", HALF),
        "fomm-rt:later:fp32": (True, "fp32", EXACT),
        "fomm-rt:later:int8": (True, "int8", INT8),
    }
    problems = [entry.why_unavailable(tiny_spec) for entry in found.values()]
    assert problems == [None, None, "the model folder has no int8 graphs; export it again with --int8"]


def test_tensorrt_has_two_precisions() -> None:
    found = {entry.name: (entry.precision, entry.device_type) for entry in entries()}
    for flavour in ("tensorrt", "tensorrt-rtx"):
        assert found[f"fomm-rt:{flavour}"] == ("fp16", "cuda")
        assert found[f"fomm-rt:{flavour}:fp32"] == ("fp32", "cuda")


@pytest.mark.parametrize(
    ("problem", "shown"),
    [
        (
            'TensorRT is not installed; install it with: pip install "fomm-rt[tensorrt]"',
            'TensorRT is not installed; install it with: pip install "fomm-rt[tensorrt]"',
        ),
        (
            "this machine has no NVIDIA driver",
            "this machine has no NVIDIA driver; it needs an NVIDIA GPU, and the driver from "
            "https://www.nvidia.com/drivers",
        ),
    ],
)
def test_an_unavailable_backend_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, tiny_spec: ModelSpec, problem: str, shown: str
) -> None:
    monkeypatch.setattr(registry, "REGISTRY", (*REGISTRY, later("later", ("fp16",), problem)))
    (entry,) = choose(["fomm-rt:later"])
    assert entry.why_unavailable(tiny_spec) == shown


def test_requirements_follow_precision() -> None:
    by_name = {entry.name: entry.requirement for entry in entries()}
    assert by_name["pytorch-cached"] == by_name["fomm-rt:onnxruntime-cpu"] == EXACT
    assert by_name["fomm-rt:onnxruntime-cpu:int8"] == INT8
    assert by_name["pytorch-compile-cuda"] == HALF
