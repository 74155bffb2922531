"""int8 graphs: near the exact ones, calibrated on real frames, refused when they are not near."""

from __future__ import annotations

import errno
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from google.protobuf.message import DecodeError

from clips import write_clip
from fomm_export.export_model import export_networks
from fomm_export.onnx import quantization
from fomm_export.onnx.calibration import BLOCKS, FRAMES_OF_A_CLIP, calibration_frames, split_in_blocks
from fomm_export.onnx.quantization import SMALLEST_PSNR, CalibrationFrames, FramePair
from fomm_rt.animator import Animator
from fomm_rt.errors import MediaError, ModelError, OutputError, ParityError
from fomm_rt.image import Image
from fomm_rt.machine import processor
from fomm_rt.media.read.video_reader import VideoReader
from fomm_rt.model.folder import ModelFolder
from fomm_rt.model.manifest import CPU_INT8, Weights
from fomm_rt.model.parity_picture import MOVES
from fomm_rt.model.precision import Precision
from golden_files import Golden

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


def test_folder(model: ModelFolder) -> None:
    manifest = model.manifest
    assert manifest.precisions == ("fp32", "int8")
    assert list(manifest.variants[CPU_INT8]) == ["generator"]
    assert manifest.parity["int8_psnr_db"] >= SMALLEST_PSNR
    assert manifest.parity["int8_checked_on"] == "frames of a golden"
    graph = onnx.load(model.network_path("generator", (CPU_INT8,))).graph
    initializers = {tensor.name: tensor for tensor in graph.initializer}
    weights = {node.output[0]: node.input[0] for node in graph.node if node.op_type == "DequantizeLinear"}
    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    quantized = [node for node in convolutions if node.input[1] in weights]
    # All but the two of the last layer, each with its weights in 8 bits and a scale a channel.
    assert len(quantized) == len(convolutions) - 2
    assert not set(convolutions[-1].input) & set(weights)
    for node in quantized:
        assert initializers[weights[node.input[1]]].data_type == onnx.TensorProto.INT8


def test_animates_nearly_the_same(model: ModelFolder) -> None:
    def animated(precision: Precision) -> tuple[list[Image], np.ndarray]:
        with Animator.load(model.path, "onnxruntime-cpu", precision=precision) as animator:
            animator.set_source(GOLDEN.source)
            return [animator.animate(frame) for frame in GOLDEN.driving], animator.keypoints(GOLDEN.driving[1]).value

    (exact, kp_exact), (quick, kp_quick) = animated("fp32"), animated("int8")
    assert np.array_equal(kp_exact, kp_quick)
    assert not all(np.array_equal(a, b) for a, b in zip(exact, quick, strict=True))
    assert min(psnr(a, b) for a, b in zip(exact, quick, strict=True)) >= SMALLEST_PSNR


@pytest.mark.parametrize(
    ("flags", "warned"),
    [("fpu avx2 avx512f", True), ("fpu avx2 avx512_vnni", False), ("fpu avx2 avx_vnni", False), (None, False)],
)
def test_a_processor_without_the_instructions(
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


def test_a_model_without(small_model: Path) -> None:
    with pytest.raises(ModelError, match="has no int8 graphs, only fp32; export it again with --int8"):
        Animator.load(small_model, precision="int8")


def test_too_far_from_exact(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quantization, "SMALLEST_PSNR", 99.0)
    with pytest.raises(ParityError, match=r"the int8 predictions are \d+\.\d dB from the exact ones"):
        export_networks(GOLDEN.networks, WEIGHTS, tmp_path / "m", calibration=FRAMES)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("error", "words"),
    [(OSError(errno.ENOSPC, "No space left on device"), "No space left"), (DecodeError(), "a file was cut short")],
)
def test_no_room_for_temporary_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, words: str
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise error

    (tmp_path / "small disk").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "small disk"))
    monkeypatch.setattr(quantization, "export_onnx", lambda *_: onnx.ModelProto())
    monkeypatch.setattr(quantization, "quantize_static", full)
    with pytest.raises(OutputError, match=rf"small disk: temporary files .*{words}.* TMPDIR") as caught:
        quantization.quantize_generator(GOLDEN.networks, FRAMES, tmp_path / "int8.onnx")
    assert "-o" not in str(caught.value).split()
    assert not list(tmp_path.rglob("fomm-rt-*"))
    assert not (tmp_path / "int8.onnx").exists()


def test_frames_of_the_picture() -> None:
    frames = calibration_frames(64)
    pairs = [*frames.calibrated, *frames.held_out]
    assert (len(frames.calibrated), len(frames.held_out)) == (len(MOVES) - 1, 1)
    assert all(frame.shape == (64, 64, 3) for pair in pairs for frame in asdict(pair).values())
    assert np.array_equal(pairs[0].source, pairs[0].driving)
    assert frames.held_out_from == "1 frame of the bundled picture, moved otherwise; no clip was given"


@pytest.mark.parametrize("count", range(1, 60))
def test_blocks_of_a_clip(count: int) -> None:
    calibrated, held_out = split_in_blocks(count)
    assert set(calibrated) | set(held_out) <= set(range(count))
    assert calibrated
    assert min((abs(a - b) for a in calibrated for b in held_out), default=2) >= 2
    # Whole blocks: few of the frames held out have none beside them.
    ends = [index for index in held_out if index + 1 not in held_out]
    assert len(ends) <= BLOCKS
    assert len(held_out) >= count // 8 * 2 - 1 if count >= 8 else len(held_out) <= 1


@pytest.mark.parametrize("frames", [1, FRAMES_OF_A_CLIP, 2 * FRAMES_OF_A_CLIP - 1, 3 * FRAMES_OF_A_CLIP])
def test_frames_of_a_clip(tmp_path: Path, frames: int) -> None:
    clip = write_clip(tmp_path / "clip.mp4", frames=frames)
    found = calibration_frames(64, [clip])
    assert " of clip.mp4" in found.held_out_from
    assert ("too short" in found.held_out_from) is (len(found.held_out) == 1) is (frames == 1)
    pairs = found.calibrated[len(MOVES) - 1 :]
    assert min(frames, FRAMES_OF_A_CLIP / 4) <= len(pairs) <= FRAMES_OF_A_CLIP
    assert all(np.array_equal(pair.source, pairs[0].driving) for pair in pairs)
    with VideoReader(clip) as reader:
        last = [frame.pixels for frame in reader][-1]
    # Spread to the end: the last pair is driven by one of the clip's last frames. Brightness tells a frame's number.
    assert abs(int(pairs[-1].driving[32, 48].mean()) - int(last[24, 48].mean())) <= 14
    levels = [int(pair.driving[32, 48].mean()) for pair in pairs]
    assert len(set(levels)) > len(pairs) // 4


def test_a_clip_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").write_bytes(b"nothing")
    with pytest.raises(MediaError):
        calibration_frames(64, [tmp_path / "clip.mp4"])
