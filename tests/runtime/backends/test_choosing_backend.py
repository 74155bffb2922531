"""The choice of a backend, its reason, and the graphs that it runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from fomm_rt import Animator
from fomm_rt.backends.onnxruntime import cuda as onnx_runtime_cuda
from fomm_rt.backends.onnxruntime.backend import OnnxRuntimeBackend
from fomm_rt.backends.options import BACKENDS, Options
from fomm_rt.backends.registry import REGISTRY
from fomm_rt.errors import BackendError, ModelError
from fomm_rt.machine import nvidia_driver
from fomm_rt.machine.onnx_runtime import onnxruntime
from fomm_rt.model.folder import open_model_folder
from fomm_rt.model.manifest import CPU_INT8
from fomm_rt.model.precision import PRECISIONS, Precision
from model_copies import add_int8, edit_network


@pytest.fixture
def cpu_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes ONNX Runtime look as if it were built without CUDA."""
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])


@pytest.mark.usefixtures("cpu_only")
def test_aliases_take_the_fastest_of_a_device(small_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nvidia_driver, "is_installed", lambda: False)
    with Animator.load(small_model, backend="cpu") as animator:
        assert animator.backend.name == "onnxruntime-cpu"
        assert animator.backend.reason == "the fastest backend available here on the CPU"
    with pytest.raises(
        BackendError,
        match=r"no backend can run on the GPU: not tensorrt, tensorrt-rtx, onnxruntime-cuda: .*no NVIDIA driver",
    ):
        Animator.load(small_model, backend="cuda")


@pytest.mark.usefixtures("cpu_only")
@pytest.mark.parametrize(("driver", "words"), [(False, "no NVIDIA driver"), (True, "pip install onnxruntime-gpu")])
def test_auto_gives_the_reason_for_its_choice(
    small_model: Path, monkeypatch: pytest.MonkeyPatch, driver: bool, words: str
) -> None:
    monkeypatch.setattr(nvidia_driver, "is_installed", lambda: driver)
    with Animator.load(small_model) as animator:
        assert animator.backend.name == "onnxruntime-cpu"
        assert animator.backend.device.startswith("CPU")
        assert "onnxruntime-cuda: " in animator.backend.reason
        assert words in animator.backend.reason
    with pytest.raises(BackendError, match=words):
        Animator.load(small_model, backend="onnxruntime-cuda")


def test_names_are_those_of_the_registry() -> None:
    assert [entry.name for entry in REGISTRY] == list(BACKENDS)
    assert {precision for entry in REGISTRY for precision in entry.precisions} == set(PRECISIONS)


def test_unknown_backend(small_model: Path) -> None:
    with pytest.raises(BackendError, match="expected a backend among auto, cpu, cuda, tensorrt, tensorrt-rtx, onnx"):
        Animator.load(small_model, backend="fast")  # type: ignore[arg-type]


def test_rejects_a_provider_that_falls_back_silently(small_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a driver, ONNX Runtime silently runs on the CPU when asked for CUDA."""
    session = onnxruntime.InferenceSession

    def fall_back(content: bytes, options: object, providers: list[tuple[str, object]], enable_fallback: int) -> object:
        assert [name for name, _ in providers] == ["CUDAExecutionProvider"]
        assert not enable_fallback
        return session(content, options, providers=["CPUExecutionProvider"])

    monkeypatch.setattr(onnxruntime, "InferenceSession", fall_back)
    with pytest.raises(BackendError, match=r"CUDAExecutionProvider .* would run on CPUExecutionProvider"):
        OnnxRuntimeBackend("onnxruntime-cuda", open_model_folder(small_model), "test")


def test_auto_falls_to_the_next_backend(
    small_model: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    session = onnxruntime.InferenceSession

    def fall_back(content: bytes, options: object, **_: object) -> object:
        return session(content, options, providers=["CPUExecutionProvider"])

    claimed = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(nvidia_driver, "is_installed", lambda: True)
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: claimed)
    monkeypatch.setattr(onnxruntime, "InferenceSession", fall_back)
    with Animator.load(small_model) as animator:
        assert animator.backend.name == "onnxruntime-cpu"
        assert "driver" in animator.backend.reason
    assert "onnxruntime-cuda is skipped" in caplog.text


def test_precision(copied_model: Path) -> None:
    for backend in ("auto", "onnxruntime-cpu"):
        with pytest.raises(ModelError, match=r"copy: has no int8 graphs, only fp32; export it again with --int8"):
            Animator.load(copied_model, backend=backend, precision="int8")
    add_int8(copied_model)
    with pytest.raises(BackendError, match="expected a precision among fp32, fp16, int8; got 'bf16'"):
        Animator.load(copied_model, precision="bf16")  # type: ignore[arg-type]
    with pytest.raises(BackendError, match="onnxruntime-cpu is not available: it runs fp32, int8, not fp16"):
        Animator.load(copied_model, backend="onnxruntime-cpu", precision="fp16")
    with pytest.raises(BackendError, match="onnxruntime-cuda is not available: it runs fp32, not int8"):
        Animator.load(copied_model, backend="onnxruntime-cuda", precision="int8")
    with Animator.load(copied_model, precision="int8") as animator:
        assert animator.backend.name == "onnxruntime-cpu"
        assert "not onnxruntime-cuda: it runs fp32, not int8" in animator.backend.reason


@pytest.mark.parametrize(
    ("name", "precision", "generator"),
    [
        ("onnxruntime-cpu", "fp32", "generator.cpu.onnx"),
        ("onnxruntime-cpu", "int8", "generator.cpu-int8.onnx"),
        ("onnxruntime-cuda", "fp32", "generator.onnx"),
    ],
)
def test_every_backend_runs_its_own_graphs(
    copied_model: Path, monkeypatch: pytest.MonkeyPatch, name: str, precision: Precision, generator: str
) -> None:
    add_int8(copied_model)
    edit_network(copied_model, "generator", lambda network: setattr(network, "doc_string", "int8"), CPU_INT8)
    session, opened = onnxruntime.InferenceSession, []
    names = {path.read_bytes(): path.name for path in copied_model.glob("*.onnx")}

    class Session:
        def __init__(self, content: bytes, options: object, providers: list[tuple[str, object]], **_: object) -> None:
            opened.append(names[content])
            self.provider = providers[0][0]
            self.session = session(content, options, providers=["CPUExecutionProvider"])

        def __getattr__(self, name: str) -> object:
            return getattr(self.session, name)

        def get_providers(self) -> list[str]:
            return [self.provider]

    monkeypatch.setattr(onnxruntime, "InferenceSession", Session)
    monkeypatch.setitem(onnx_runtime_cuda.DEVICES, "onnxruntime-cuda", "cpu")
    OnnxRuntimeBackend(name, open_model_folder(copied_model), "test", Options(precision=precision))
    encoder = "source_encoder.onnx" if name == "onnxruntime-cuda" else "source_encoder.cpu.onnx"
    assert opened == ["keypoint_detector.onnx", encoder, "dense_motion.onnx", generator]
