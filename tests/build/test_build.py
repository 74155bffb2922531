"""Builds: a complete set or nothing, whatever happens on the way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from fakes.engine_sets import kept_names
from fomm_build import build as build_module
from fomm_build.build import BuildOptions, build_engines, build_for_runtime, build_whole_engines
from fomm_kernels import KERNELS
from fomm_kernels.sources import source_hash
from fomm_rt.backends.tensorrt.library import TensorRT
from fomm_rt.engines.manifest import TENSORRT, TENSORRT_RTX, EngineSpec, model_hash
from fomm_rt.engines.requirements import EngineRequirements
from fomm_rt.engines.store import EngineStore
from fomm_rt.engines.whole_folder import WholeFolder, open_whole_folder
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


def test_the_runtime_finds_what_was_built(model: ModelFolder, store: EngineStore, rtx: TensorRT) -> None:
    said: list[str] = []
    result = build_engines(model, OPTIONS, store, lambda step, _: said.append(step))
    engines = result.engines
    assert tuple(result.built) == tuple(engines.manifest.engines) == TRUNKS
    assert list(dict.fromkeys(said)) == [f"building {name}" for name in TRUNKS]
    for name in TRUNKS:
        assert engines.read(name) == result.built[name].content
    manifest = engines.manifest
    assert manifest.parity is None
    assert manifest.driver is None
    assert {"fomm-rt", "onnx", "numpy", "python"} <= manifest.tools.keys()
    spec = EngineSpec(
        model_sha256=model_hash(model.manifest),
        flavour=rtx.flavour,
        library_version=rtx.version,
        capabilities=("sm_120",),
        gpu="NVIDIA GeForce RTX 5090",
        precision="fp16",
        layout="split",
        max_batch=1,
        kernels_sha256=source_hash(KERNELS),
    )
    wanted = EngineRequirements(spec, model.manifest.name)
    assert store.find(wanted).path == engines.path


def test_existing_engines_are_not_built_again(model: ModelFolder, store: EngineStore) -> None:
    first = build_engines(model, OPTIONS, store)
    again = build_engines(model, OPTIONS, store)
    assert again.engines.path == first.engines.path
    assert not again.built
    rebuilt = build_engines(model, replace(OPTIONS, rebuild=True), store)
    assert tuple(rebuilt.built) == TRUNKS
    assert rebuilt.engines.manifest != first.engines.manifest
    assert [found.manifest for found in store.look()[0]] == [rebuilt.engines.manifest]


def test_whole_engines(model: ModelFolder, tmp_path: Path) -> None:
    options = BuildOptions(TENSORRT_RTX, layout="whole", max_batch=2, targets=("sm_89",))
    (result,) = build_whole_engines(model, options, tmp_path / "whole")
    manifest = result.engines.manifest
    assert tuple(manifest.engines) == NETWORKS
    assert manifest.spec.layout == "whole"
    assert manifest.engines["generator"].inputs[0].shape[0] == "batch"
    files = {f"{name}.engine" for name in NETWORKS} | {"manifest.json"}
    assert files == {path.name for path in (tmp_path / "whole").iterdir() if path.suffix != ".lock"}
    for name in NETWORKS:
        assert (tmp_path / "whole" / f"{name}.engine").read_bytes() == result.built[name].content
    (again,) = build_whole_engines(model, options, tmp_path / "whole")
    assert not again.built
    (rebuilt,) = build_whole_engines(model, replace(options, rebuild=True), tmp_path / "whole")
    assert files == {path.name for path in (tmp_path / "whole").iterdir() if path.suffix != ".lock"}
    assert open_whole_folder(tmp_path / "whole").manifest == rebuilt.engines.manifest


def test_whole_engines_of_several_targets_have_a_folder_each(
    model: ModelFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built: list[tuple[tuple[str, ...], Path]] = []

    def build_one(_: object, options: BuildOptions, place: WholeFolder, *__: object) -> None:
        built.append((options.targets, place.folder))

    monkeypatch.setattr(build_module, "build_engines", build_one)
    options = BuildOptions(TENSORRT_RTX, layout="whole", targets=("sm_89", "sm_120", "sm_89"))
    build_whole_engines(model, options, tmp_path)
    assert built == [(("sm_89",), tmp_path / "sm_89"), (("sm_120",), tmp_path / "sm_120")]
    with pytest.raises(BackendError, match="builds no engines for sm_90"):
        build_whole_engines(model, replace(options, targets=("sm_89", "sm_90")), tmp_path)
    assert len(built) == 2, "nothing is built if one target is unknown"


def test_a_build_for_the_runtime(model: ModelFolder, store: EngineStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a fake GPU; the comparison on it is replaced."""
    monkeypatch.setattr(nvidia_driver, "gpu", lambda: Gpu("NVIDIA GeForce RTX 4090", (8, 9), "580.1"))
    checked: list[str] = []

    def check_on_gpu(*arguments: object) -> dict[str, object]:
        checked.append(str(arguments[2]))
        return {"keypoints_pixels": 0.01, "prediction_psnr_db": 60.0}

    from fomm_build.parity import gpu_engines

    monkeypatch.setattr(gpu_engines, "check_on_gpu", check_on_gpu)
    manifest = build_for_runtime(model, TENSORRT_RTX, "fp16", "split", 1, store).manifest
    assert manifest.spec.capabilities == ("sm_89",)
    assert manifest.spec.gpu is None, "built for any GPU of this capability"
    assert manifest.driver == "580.1"
    assert manifest.parity == {"keypoints_pixels": 0.01, "prediction_psnr_db": 60.0}
    assert len(checked) == 1


def test_engines_that_fail_the_comparison_are_not_kept(
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
    with pytest.raises(BackendError, match=r"^there is no GPU here .* fomm-rt build --backend tensorrt-rtx --target 8"):
        build_engines(model, BuildOptions(TENSORRT_RTX), store)
    assert not store.folder.exists()


def test_a_gpu_that_the_flavour_does_not_support(
    model: ModelFolder, store: EngineStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nvidia_driver, "gpu", lambda: Gpu("NVIDIA H200", (9, 0), "580.1"))
    with pytest.raises(BackendError, match=r"builds no engines for sm_90; .*--backend tensorrt$"):
        build_engines(model, BuildOptions(TENSORRT_RTX), store)


def test_tensorrt_needs_the_gpu(model: ModelFolder, store: EngineStore, monkeypatch: pytest.MonkeyPatch) -> None:
    full = TensorRT(TENSORRT, "10.13.3.9", SimpleNamespace(IBuilderConfig=object))
    monkeypatch.setattr("fomm_build.build.load_tensorrt", lambda _: full)
    with pytest.raises(BackendError, match=r"TensorRT 10\.13\.3\.9 builds engines on the GPU that runs them"):
        build_engines(model, BuildOptions(TENSORRT), store)
    with pytest.raises(BackendError, match="not for named ones"):
        build_engines(model, BuildOptions(TENSORRT, targets=("sm_89",)), store)


def test_a_plugin_that_is_not_available(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    full = TensorRT(TENSORRT, "10.13.3.9", SimpleNamespace())
    assert not build_module._takes_plugin(full, "fp32")
    assert not build_module._takes_plugin(TensorRT(TENSORRT, "10.8.0.43", SimpleNamespace()), "fp16")
    monkeypatch.setitem(sys.modules, "tensorrt", None)
    assert not build_module._takes_plugin(full, "fp16")
    assert "will be float32 GridSample" in caplog.text


@pytest.mark.parametrize(
    "wrong", [{"flavour": "openvino"}, {"precision": "int8"}, {"layout": "both"}, {"max_batch": 0}]
)
def test_rejects_wrong_options(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="expected"):
        BuildOptions(**{"flavour": TENSORRT_RTX, **wrong})  # type: ignore[arg-type]


def test_a_store_that_cannot_be_written(model: ModelFolder, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(EngineError, match=rf"^{file}/engines: engines cannot be kept"):
        build_engines(model, OPTIONS, EngineStore(file / "engines"))


def test_an_incomplete_build_leaves_nothing(model: ModelFolder, store: EngineStore) -> None:
    def stop(step: str, fraction: float) -> None:
        if step == "building dense_motion" and fraction == 1.0:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_engines(model, OPTIONS, store, stop)
    _assert_nothing_kept(store)


def test_an_interrupted_build_leaves_nothing(small_model: Path, store: EngineStore) -> None:
    with _builder(small_model, store) as process:
        process.send_signal(signal.SIGINT)
        assert process.stdin is not None
        process.stdin.close()  # the current step must end first
        assert process.wait() == 130
    _assert_nothing_kept(store)


def test_a_killed_build_leaves_nothing(small_model: Path, model: ModelFolder, store: EngineStore) -> None:
    with _builder(small_model, store) as process:
        process.kill()
    _assert_nothing_kept(store)
    engines = build_engines(model, OPTIONS, store).engines
    assert kept_names(store) == [engines.path.name]


def test_a_second_builder_takes_what_the_first_built(small_model: Path, model: ModelFolder, store: EngineStore) -> None:
    said: list[str] = []
    with _builder(small_model, store) as process, ThreadPoolExecutor(1) as pool:
        assert process.stdin is not None

        def report(step: str, _: float) -> None:
            said.append(step)
            assert process.stdin is not None
            process.stdin.close()  # lets the first continue

        second = pool.submit(build_engines, model, OPTIONS, store, report).result()
        assert process.wait() == 0
    assert said == ["waiting for another builder of the same engines"]
    assert not second.built
    assert [found.path for found in store.look()[0]] == [second.engines.path]


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
    """Starts a process that waits in the middle of a build until its standard input is closed."""
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
    assert kept_names(store) == []
