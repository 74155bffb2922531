"""Engines in the store: whole sets or nothing, whatever happens on the way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from fomm_build import build as build_module
from fomm_build.build import BuildOptions, build_engines, build_for_runtime
from fomm_build.builder import BuiltEngine
from fomm_kernels import KERNELS
from fomm_kernels.sources import source_hash
from fomm_rt.backends.tensorrt import library as tensorrt_library
from fomm_rt.backends.tensorrt.library import TensorRT
from fomm_rt.engines.manifest import TENSORRT, TENSORRT_RTX, model_hash
from fomm_rt.engines.store import EngineRequirements, EngineStore
from fomm_rt.errors import BackendError, EngineError
from fomm_rt.machine import nvidia_driver
from fomm_rt.machine.nvidia_driver import Gpu
from fomm_rt.model.folder import ModelFolder, open_model_folder
from fomm_rt.model.frame_shape import TRUNKS
from fomm_rt.model.manifest import NETWORKS

ModelOf = Callable[[str], ModelFolder]

OPTIONS = BuildOptions(TENSORRT_RTX, targets=("sm_89", "sm_120"))


@pytest.fixture
def model(small_model: Path) -> ModelFolder:
    return open_model_folder(small_model)


def test_what_the_runtime_finds(model: ModelFolder, store: EngineStore, rtx: TensorRT) -> None:
    said: list[str] = []
    built: dict[str, BuiltEngine] = {}
    folder = build_engines(model, OPTIONS, store, lambda what, _: said.append(what), built.__setitem__)
    assert tuple(built) == tuple(folder.manifest.engines) == TRUNKS
    assert list(dict.fromkeys(said)) == [f"building {name}" for name in TRUNKS]
    for name in TRUNKS:
        assert folder.read(name) == built[name].content
    manifest = folder.manifest
    assert manifest.parity is None
    assert manifest.driver is None
    assert {"fomm-rt", "onnx", "numpy", "python"} <= manifest.tools.keys()
    wanted = EngineRequirements(
        model_sha256=model_hash(model.manifest),
        flavour=rtx.flavour,
        library_version=rtx.version,
        capability="sm_120",
        gpu="NVIDIA GeForce RTX 5090",
        precision="fp16",
        layout="split",
        batch=1,
        kernels_sha256=source_hash(KERNELS),
        model_name=model.manifest.name,
    )
    assert store.find(wanted).path == folder.path


def test_built_once(model: ModelFolder, store: EngineStore) -> None:
    first = build_engines(model, OPTIONS, store)
    built: list[str] = []
    again = build_engines(model, OPTIONS, store, built=lambda name, _: built.append(name))
    assert again.path == first.path
    assert not built
    rebuilt = build_engines(
        model,
        BuildOptions(OPTIONS.flavour, targets=OPTIONS.targets, rebuild=True),
        store,
        built=lambda name, _: built.append(name),
    )
    assert tuple(built) == TRUNKS
    assert rebuilt.path != first.path
    assert [folder.path for folder in store.look()[0]] == [rebuilt.path]


def test_the_whole_layout(model: ModelFolder, store: EngineStore) -> None:
    options = BuildOptions(TENSORRT_RTX, layout="whole", max_batch=2, targets=("sm_89",))
    folder = build_engines(model, options, store)
    assert tuple(folder.manifest.engines) == NETWORKS
    assert folder.manifest.spec.layout == "whole"
    assert folder.manifest.engines["generator"].inputs[0].shape[0] == "batch"


def test_for_the_runtime(model: ModelFolder, store: EngineStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """The GPU is played; what compares engines on it is not executed."""
    monkeypatch.setattr(nvidia_driver, "gpu", lambda: Gpu("NVIDIA GeForce RTX 4090", (8, 9), "580.1"))
    checked: list[str] = []

    def check_on_gpu(*arguments: object) -> dict[str, object]:
        checked.append(str(arguments[2]))
        return {"keypoints_pixels": 0.01, "prediction_psnr_db": 60.0}

    from fomm_build.parity import gpu_engines

    monkeypatch.setattr(gpu_engines, "check_on_gpu", check_on_gpu)
    folder = build_for_runtime(model, TENSORRT_RTX, "fp16", "split", 1, store)
    assert folder.manifest.spec.capabilities == ("sm_89",)
    assert folder.manifest.spec.gpu is None, "built for any of this capability"
    assert folder.manifest.driver == "580.1"
    assert folder.manifest.parity == {"keypoints_pixels": 0.01, "prediction_psnr_db": 60.0}
    assert len(checked) == 1


def test_engines_that_fail_the_gate_are_not_kept(
    model: ModelFolder, store: EngineStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fomm_build.parity import gpu_engines

    def check_on_gpu(*_: object) -> None:
        raise EngineError("the engines do not reproduce small")

    monkeypatch.setattr(nvidia_driver, "gpu", lambda: Gpu("NVIDIA GeForce RTX 4090", (8, 9), "580.1"))
    monkeypatch.setattr(gpu_engines, "check_on_gpu", check_on_gpu)
    with pytest.raises(EngineError, match="do not reproduce"):
        build_for_runtime(model, TENSORRT_RTX, "fp16", "split", 1, store)
    _assert_nothing_kept(store)


def test_without_a_gpu_or_target(model: ModelFolder, store: EngineStore) -> None:
    with pytest.raises(
        BackendError, match=r"^there is no GPU here .* fomm-rt build --backend tensorrt-rtx --target sm"
    ):
        build_engines(model, BuildOptions(TENSORRT_RTX), store)
    assert not store.folder.exists()


def test_a_gpu_that_the_flavour_leaves_out(
    model: ModelFolder, store: EngineStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nvidia_driver, "gpu", lambda: Gpu("NVIDIA H200", (9, 0), "580.1"))
    with pytest.raises(BackendError, match=r"builds no engines for sm_90; .*--backend tensorrt$"):
        build_engines(model, BuildOptions(TENSORRT_RTX), store)


def test_tensorrt_itself_wants_the_gpu(model: ModelFolder, store: EngineStore, monkeypatch: pytest.MonkeyPatch) -> None:
    full = TensorRT(TENSORRT, "10.13.3.9", SimpleNamespace(IBuilderConfig=object))
    monkeypatch.setattr(tensorrt_library, "load", lambda _: full)
    with pytest.raises(BackendError, match=r"TensorRT 10\.13\.3\.9 builds engines on the GPU that runs them"):
        build_engines(model, BuildOptions(TENSORRT), store)
    with pytest.raises(BackendError, match="not for named ones"):
        build_engines(model, BuildOptions(TENSORRT, targets=("sm_89",)), store)


def test_a_plugin_that_cannot_be_had(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    full = TensorRT(TENSORRT, "10.13.3.9", SimpleNamespace())
    assert not build_module._takes_plugin(full, "fp32")
    assert not build_module._takes_plugin(TensorRT(TENSORRT, "10.8.0.43", SimpleNamespace()), "fp16")
    monkeypatch.setitem(sys.modules, "tensorrt", None)
    assert not build_module._takes_plugin(full, "fp16")
    assert "will be float32 GridSample" in caplog.text


@pytest.mark.parametrize(
    "wrong", [{"flavour": "openvino"}, {"precision": "int8"}, {"layout": "both"}, {"max_batch": 0}]
)
def test_options_that_are_none(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="expected"):
        BuildOptions(**{"flavour": TENSORRT_RTX, **wrong})  # type: ignore[arg-type]


def test_a_store_that_cannot_be_written(model: ModelFolder, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(EngineError, match=rf"^{file}/engines: engines cannot be kept"):
        build_engines(model, OPTIONS, EngineStore(file / "engines"))


def test_what_is_built_half_way_leaves_nothing(model: ModelFolder, store: EngineStore) -> None:
    def stop(name: str, _: BuiltEngine) -> None:
        if name == "dense_motion":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_engines(model, OPTIONS, store, built=stop)
    _assert_nothing_kept(store)


def test_interrupted(small_model: Path, store: EngineStore) -> None:
    with _builder(small_model, store) as process:
        process.send_signal(signal.SIGINT)
        assert process.stdin is not None
        process.stdin.close()  # the step it is in has to end first
        assert process.wait() == 130
    _assert_nothing_kept(store)


def test_killed(small_model: Path, model: ModelFolder, store: EngineStore) -> None:
    with _builder(small_model, store) as process:
        process.kill()
    assert not store.look()[0]
    left = [path for path in store.folder.iterdir() if path.is_dir()]
    assert left, "it was in the middle"
    folder = build_engines(model, OPTIONS, store)
    assert [path for path in store.folder.iterdir() if path.is_dir()] == [folder.path]


def test_two_at_once(small_model: Path, model: ModelFolder, store: EngineStore) -> None:
    said: list[str] = []
    built: list[str] = []
    with _builder(small_model, store) as process, ThreadPoolExecutor(1) as pool:
        assert process.stdin is not None

        def report(what: str, _: float) -> None:
            said.append(what)
            assert process.stdin is not None
            process.stdin.close()  # lets the first go on

        second = pool.submit(build_engines, model, OPTIONS, store, report, lambda name, _: built.append(name))
        folder = second.result()
        assert process.wait() == 0
    assert said == ["waiting for another builder of the same engines"]
    assert not built
    assert [found.path for found in store.look()[0]] == [folder.path]


CHILD = """
import sys
from pathlib import Path
from fomm_build.build import BuildOptions, build_engines
from fomm_rt.engines.store import EngineStore
from fomm_rt.model.folder import open_model_folder

told = False

def report(what, fraction):
    global told
    if fraction > 0 and not told:
        told = True
        print("building", flush=True)
        sys.stdin.read()

try:
    build_engines(open_model_folder(sys.argv[1]), BuildOptions("tensorrt-rtx", targets=("sm_89", "sm_120")),
                  EngineStore(Path(sys.argv[2])), report)
except KeyboardInterrupt:
    sys.exit(130)
"""


@contextmanager
def _builder(model: Path, store: EngineStore) -> Iterator[subprocess.Popen[str]]:
    """A process that builds, and waits in the middle of it until its standard input is closed."""
    process = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(model), str(store.folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "building\n"
        yield process
        if process.stdin is not None and not process.stdin.closed:
            process.stdin.close()


def _assert_nothing_kept(store: EngineStore) -> None:
    assert not store.look()[0]
    assert not [path for path in store.folder.iterdir() if path.is_dir()]
