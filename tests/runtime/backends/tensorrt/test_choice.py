"""Building missing engines, and the choice of a backend."""

from __future__ import annotations

import importlib.metadata
from typing import Any

import pytest

from fakes.tensorrt_machine import World
from fomm_rt.backends.tensorrt.backend import BUILDERS
from fomm_rt.engines.engine_set import EngineSet
from fomm_rt.errors import BackendError, EngineError
from fomm_rt.machine.onnx_runtime import onnxruntime
from fomm_rt.model.folder import ModelFolder
from golden_files import Golden

GOLDEN = Golden("small_aligned")


class EntryPoint:
    def __init__(self, builder: Any) -> None:
        self._builder = builder

    def load(self) -> Any:
        if isinstance(self._builder, Exception):
            raise self._builder
        return self._builder


@pytest.fixture
def builders(monkeypatch: pytest.MonkeyPatch) -> list[EntryPoint]:
    found: list[EntryPoint] = []
    group = BUILDERS
    monkeypatch.setattr(
        "fomm_rt.backends.tensorrt.backend.entry_points", lambda *, group: found if group == BUILDERS else []
    )
    assert [point.name for point in importlib.metadata.entry_points(group=group)] in (["default"], [])
    return found


def test_auto_build_builds_missing_engines(
    world: World, builders: list[EntryPoint], caplog: pytest.LogCaptureFixture
) -> None:
    asked: list[tuple[Any, ...]] = []

    def builder(model: ModelFolder, *options: Any) -> EngineSet:
        asked.append((model.path, *options[:-1]))
        assert options[-1].folder == world.store.folder
        return world.build()

    builders.append(EntryPoint(builder))
    with pytest.raises(EngineError, match="Build them"):
        world.load()
    assert not asked
    for _ in range(2):
        with world.load(auto_build=True) as animator:
            animator.set_source(GOLDEN.source)
            animator.animate(GOLDEN.driving[0])
    assert asked == [(world.model.path, "tensorrt", "fp32", "split", 1)], "once"
    (record,) = caplog.records
    assert "building engines of small_aligned for this GPU, once; this takes minutes: " in record.getMessage()


def test_missing_builders(world: World, builders: list[EntryPoint]) -> None:
    with pytest.raises(BackendError, match="this installation cannot build engines; install fomm-rt as a whole: pip"):
        world.load(auto_build=True)
    builders.append(EntryPoint(ModuleNotFoundError("No module named 'onnx'")))
    words = r"engines cannot be built here \(No module named 'onnx'\); run: pip install 'fomm-rt\[tensorrt\]'"
    with pytest.raises(BackendError, match=words):
        world.load(auto_build=True)

    def builder(*_: Any) -> Any:
        raise ModuleNotFoundError("No module named 'onnx'")

    builders[:] = [EntryPoint(builder)]
    with pytest.raises(BackendError, match=words):
        world.load(auto_build=True)


def test_failing_builders(world: World, builders: list[EntryPoint]) -> None:
    def builder(*_: Any) -> Any:
        raise EngineError("the generator's prediction is 31 dB from ONNX Runtime's; the worst layer is conv_3")

    builders.append(EntryPoint(builder))
    with pytest.raises(EngineError, match=r"31 dB .* the worst layer is conv_3$"):
        world.load(auto_build=True)


def test_auto_takes_tensorrt(world: World) -> None:
    world.build()
    with world.load("auto") as animator:
        assert animator.backend.name == "tensorrt"
        assert animator.backend.reason == "the fastest backend available here"


def test_auto_falls_back_and_gives_reasons(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """TensorRT has no engines, TensorRT-RTX is not installed and ONNX Runtime has no CUDA, so the CPU remains."""
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    with world.load("auto", precision=None) as animator:
        assert animator.backend.name == "onnxruntime-cpu"
        reasons = animator.backend.reason.split("; not ")
    assert reasons[0] == "the fastest backend available here"
    assert [reason.split(":")[0] for reason in reasons[1:]] == ["tensorrt", "tensorrt-rtx", "onnxruntime-cuda"]
    assert "none have been built here" in reasons[1]
    assert "tensorrt_rtx cannot be imported" in reasons[2]
    assert "is built without CUDA" in reasons[3]
    (record,) = caplog.records
    assert record.getMessage().startswith("backend tensorrt is skipped: ")
