"""Who takes part, and why not."""

from __future__ import annotations

import dataclasses
import shutil
from importlib import util

import pytest

from fomm_bench.agreement import EXACT, HALF, INT8
from fomm_bench.contestants import availability, registry
from fomm_bench.contestants.registry import REFERENCES, choose, entries
from fomm_bench.model_spec import ModelSpec
from fomm_rt import nvidia_driver
from fomm_rt.backends import REGISTRY
from fomm_rt.errors import BenchmarkError


def problem(name: str, spec: ModelSpec) -> str | None:
    (entry,) = choose([name])
    return entry.problem(spec)


def test_names() -> None:
    names = [entry.name for entry in entries()]
    assert len(set(names)) == len(names)
    assert set(REFERENCES) <= set(names)
    for backend in REGISTRY:
        assert f"fomm-rt:{backend.name}" in names


def test_unknown_contestant() -> None:
    with pytest.raises(BenchmarkError, match=r"expected a contestant among pytorch, .*openvino.*; got 'tensorflow'"):
        choose(["pytorch", "tensorflow"])


def test_choice_keeps_the_registrys_order() -> None:
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
def test_a_missing_package_is_named_with_its_remedy(
    monkeypatch: pytest.MonkeyPatch, tiny_spec: ModelSpec, name: str, module: str, remedy: str
) -> None:
    assert problem(name, tiny_spec) is None
    monkeypatch.setattr(availability, "find_spec", lambda wanted: None if wanted == module else util.find_spec(wanted))
    assert problem(name, tiny_spec) == f"{module} is not installed; install it with: {remedy}"


def test_without_a_checkpoint_pytorch_cannot_run(tiny_spec: ModelSpec) -> None:
    without = dataclasses.replace(tiny_spec, stand_in_seed=None)
    assert "--checkpoint FILE" in str(problem("pytorch", without))
    assert problem("onnxruntime", without) is None


def test_gpu_contestants_need_a_driver(monkeypatch: pytest.MonkeyPatch, tiny_spec: ModelSpec) -> None:
    monkeypatch.setattr(nvidia_driver, "is_installed", lambda: False)
    for entry in entries():
        if entry.on_gpu:
            assert entry.problem(tiny_spec) == "this machine has no NVIDIA driver"


def test_compiling_needs_a_compiler(monkeypatch: pytest.MonkeyPatch, tiny_spec: ModelSpec) -> None:
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    assert "apt install g++" in str(problem("pytorch-compile", tiny_spec))


def test_int8_needs_int8_graphs(tiny_spec: ModelSpec) -> None:
    assert "no int8" in str(problem("fomm-rt:onnxruntime-cpu:int8", tiny_spec))


def test_backends_that_come_later_take_part(monkeypatch: pytest.MonkeyPatch) -> None:
    later = dataclasses.replace(REGISTRY[0], name="tensorrt", problem=lambda: "TensorRT is not installed")
    monkeypatch.setattr(registry, "REGISTRY", (later, *REGISTRY))
    (entry,) = choose(["fomm-rt:tensorrt"])
    assert (entry.on_gpu, entry.precision, entry.requirement) == (True, "fp16", HALF)


def test_requirements_follow_precision() -> None:
    by_name = {entry.name: entry.requirement for entry in entries()}
    assert by_name["pytorch-cached"] == by_name["fomm-rt:onnxruntime-cpu"] == EXACT
    assert by_name["fomm-rt:onnxruntime-cpu:int8"] == INT8
    assert by_name["pytorch-compile-cuda"] == HALF
