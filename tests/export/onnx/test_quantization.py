"""int8 graphs: close to the exact ones, or refused."""

from __future__ import annotations

import errno
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from google.protobuf.message import DecodeError

from fomm_export.export_model import export_networks
from fomm_export.onnx import quantization
from fomm_export.onnx.quantization import SMALLEST_PSNR, CalibrationFrames, FramePair
from fomm_rt.animator import Animator
from fomm_rt.errors import ModelError, OutputError, ParityError
from fomm_rt.image import Image
from fomm_rt.machine import processor
from fomm_rt.model.folder import ModelFolder
from fomm_rt.model.manifest import CPU_INT8, Weights
from fomm_rt.model.precision import GRAPH_PRECISIONS, Precision
from golden_files import Golden, blending_networks

GOLDEN = Golden("small_aligned")
WEIGHTS = Weights("stand-in", "test", None, None)
PAIRS = [FramePair(GOLDEN.source, frame) for frame in (*GOLDEN.driving, GOLDEN.source)]
FRAMES = CalibrationFrames(PAIRS[::2], PAIRS[1::2], "frames of a golden")
ModelOf = Callable[[str], ModelFolder]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> ModelFolder:
    output = tmp_path_factory.mktemp("int8") / "model"
    return export_networks(GOLDEN.networks, WEIGHTS, output, calibration=FRAMES)


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    return float(-10 * np.log10(np.square((a.astype(float) - b) / 255).mean()))


def test_writes_int8_convolutions_except_the_last_layer(model: ModelFolder) -> None:
    manifest = model.manifest
    assert manifest.precisions == ("fp32", "int8")
    assert list(manifest.variants[CPU_INT8]) == ["generator"]
    assert manifest.parity["int8_psnr_db"] >= SMALLEST_PSNR
    assert manifest.parity["int8_checked_on"] == "frames of a golden"
    quantized_model = onnx.load(model.network_path("generator", (CPU_INT8,)))
    assert quantized_model.ir_version == 8
    assert {entry.key: entry.value for entry in quantized_model.metadata_props}["fomm_rt.variant"] == CPU_INT8
    graph = quantized_model.graph
    initializers = {tensor.name: tensor for tensor in graph.initializer}
    weights = {node.output[0]: node.input[0] for node in graph.node if node.op_type == "DequantizeLinear"}
    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    quantized = [node for node in convolutions if node.input[1] in weights]
    # All but the two convolutions of the last layer have int8 weights.
    assert len(quantized) == len(convolutions) - 2
    assert not set(convolutions[-1].input) & set(weights)
    for node in quantized:
        assert initializers[weights[node.input[1]]].data_type == onnx.TensorProto.INT8


def test_int8_animation_is_close_to_exact(model: ModelFolder) -> None:
    def animated(precision: Precision) -> tuple[list[Image], np.ndarray]:
        with Animator.load(model.path, "onnxruntime-cpu", precision=precision) as animator:
            animator.set_source(GOLDEN.source)
            return [animator.animate(frame) for frame in GOLDEN.driving], animator.keypoints(GOLDEN.driving[1]).value

    (exact, kp_exact), (quick, kp_quick) = animated("fp32"), animated("int8")
    assert np.array_equal(kp_exact, kp_quick)
    assert not all(np.array_equal(a, b) for a, b in zip(exact, quick, strict=True))
    assert min(psnr(a, b) for a, b in zip(exact, quick, strict=True)) >= SMALLEST_PSNR


def test_a_model_with_blend_mask(tmp_path: Path) -> None:
    """The merged last convolution, which gives the mask too, stays float32; the blend is not quantized."""
    model = export_networks(blending_networks(), WEIGHTS, tmp_path / "m", calibration=FRAMES)
    graph = onnx.load(model.network_path("generator", (CPU_INT8,))).graph
    weights = {node.output[0] for node in graph.node if node.op_type == "DequantizeLinear"}
    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    assert [node.input[1] in weights for node in convolutions] == [True] * (len(convolutions) - 2) + [False] * 2
    results: dict[str, list[Image]] = {}
    for precision in GRAPH_PRECISIONS:
        with Animator.load(model.path, "onnxruntime-cpu", precision=precision) as animator:
            animator.set_source(GOLDEN.source)
            results[precision] = [animator.animate(frame) for frame in GOLDEN.driving]
    assert min(map(psnr, results["fp32"], results["int8"])) >= SMALLEST_PSNR


@pytest.mark.parametrize(
    ("flags", "warned"),
    [("fpu avx2 avx512f", True), ("fpu avx2 avx512_vnni", False), ("fpu avx2 avx_vnni", False), (None, False)],
)
def test_warns_on_processors_without_vnni(
    model: ModelFolder,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    flags: str | None,
    warned: bool,
) -> None:
    if flags is not None:
        (tmp_path / "cpuinfo").write_text(f"processor : 0\nflags\t\t: {flags}\n")
    monkeypatch.setattr(processor, "CPU_INFO", tmp_path / "cpuinfo")
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    Animator.load(model.path, precision="int8").close()
    assert ("no VNNI" in caplog.text) is warned


def test_rejects_int8_of_a_model_without_it(small_model: Path) -> None:
    with pytest.raises(ModelError, match="has no int8 graphs, only fp32; export it again with --int8"):
        Animator.load(small_model, precision="int8")


def test_rejects_int8_far_from_exact(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quantization, "SMALLEST_PSNR", 99.0)
    with pytest.raises(ParityError, match=r"the int8 predictions are \d+\.\d dB from the exact ones"):
        export_networks(GOLDEN.networks, WEIGHTS, tmp_path / "m", calibration=FRAMES)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("error", "words"),
    [(OSError(errno.ENOSPC, "No space left on device"), "No space left"), (DecodeError(), "a file was cut short")],
)
def test_full_disk_for_temporary_files_names_tmpdir(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, words: str
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise error

    (tmp_path / "small disk").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "small disk"))
    monkeypatch.setattr(quantization, "export_onnx", lambda *_: onnx.ModelProto())
    monkeypatch.setattr("onnxruntime.quantization.quantize_static", full)
    with pytest.raises(OutputError, match=rf"small disk: temporary files .*{words}.* TMPDIR") as caught:
        quantization.quantize_generator(GOLDEN.networks, FRAMES, tmp_path / "int8.onnx")
    assert "-o" not in str(caught.value).split()
    assert not list(tmp_path.rglob("fomm-rt-*"))
    assert not (tmp_path / "int8.onnx").exists()
