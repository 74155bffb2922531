"""The kernel path on a CPU, trunks on ONNX Runtime and kernels in their host build, against the authors' code."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from fomm_build.parity import host_pipeline as host_pipeline_module
from fomm_build.parity.host_pipeline import host_pipeline
from fomm_export.checkpoints.stand_in import stand_in_weights
from fomm_export.export_model import export_networks
from fomm_export.networks.anti_alias import gaussian_kernel
from fomm_export.networks.generator import Generator
from fomm_export.networks.keypoint_detector import KeypointDetector
from fomm_export.networks.model import build_networks
from fomm_kernels import CompileError, HostKernels, keypoint_head
from fomm_rt import Animator
from fomm_rt.backends.gpu.frame_pipeline import FramePipeline, SourceTensors, keypoints_from_rows, transfer_rows
from fomm_rt.errors import BackendError, ModelError
from fomm_rt.framing import Framing, Region
from fomm_rt.image import Image
from fomm_rt.model.blur import Blur
from fomm_rt.model.folder import ModelFolder
from fomm_rt.model.manifest import Weights
from fomm_rt.motion.transfer import ABSOLUTE, Transfer, relative_transfer
from golden_files import MODES, SMALL, VOX, Golden, max_abs

PREDICTION = 5e-4
EXPLAINED = 2e-5
HALF_PSNR_DB = 40
HALF_KEYPOINT_PIXELS = 0.05
SHRUNK, GROWN = (1, 0.01), (2, 0.15)
"""Largest and mean difference in levels between predictions from pictures resized by a kernel and by cv2. Shrunk
pictures are equal; in enlarged ones cv2 rounds weights to 11 bits, which changes every eighth level by one."""
ModelOf = Callable[[str], ModelFolder]
LAYOUTS = pytest.mark.parametrize("channels_last", [False, True], ids=["channels first", "channels last"])


@pytest.mark.parametrize(
    ("name", "channels_last", "batch"),
    [
        *((name, channels_last, batch) for name in SMALL for channels_last in (False, True) for batch in (1, 2)),
        *((name, name == "vox256_aligned", 1) for name in VOX),
    ],
)
def test_float32_reproduces_the_goldens(golden_model: ModelOf, name: str, channels_last: bool, batch: int) -> None:
    golden = Golden(name)
    chain = host_pipeline(golden_model(name), batch=batch, channels_last=channels_last)
    predictions = {(mode, index): expected for mode, index, expected in golden.predictions()}
    for mode, first in predictions:
        frames = [(first + i) % len(golden.driving) for i in range(batch)]
        _animate(chain, golden, mode, frames)
        for item, index in enumerate(frames):
            found = keypoints_from_rows(chain.keypoints[item], chain.shape.jacobian_maps > 0)
            keypoints = golden.keypoints(f"kp_driving.{index}")
            assert max_abs(found.value, keypoints.value) <= 1e-5
            assert (found.jacobian is None) == (keypoints.jacobian is None)
            if found.jacobian is not None and keypoints.jacobian is not None:
                assert max_abs(found.jacobian, keypoints.jacobian) <= 1e-5
            if (mode, index) in predictions:
                expected = predictions[mode, index]
                assert max_abs(chain.tensors["prediction"][item].transpose(1, 2, 0), expected) <= PREDICTION
                assert max_abs(chain.pictures[item], np.rint(255 * expected)) <= 1


@pytest.mark.parametrize(
    ("name", "channels_last"), [*((name, last) for name in SMALL for last in (False, True)), ("vox256", True)]
)
def test_half_storage_is_accurate_enough(golden_model: ModelOf, name: str, channels_last: bool) -> None:
    golden = Golden(name)
    chain = host_pipeline(golden_model(name), np.float16, channels_last=channels_last)
    exact = host_pipeline(golden_model(name))
    exact_source = exact.prepare_source(golden.source[None], _square(golden))
    for mode, index, expected in golden.predictions():
        source = _animate(chain, golden, mode, [index])
        exact.detect(golden.driving[index : index + 1], _square(golden))
        assert np.array_equal(chain.keypoints, exact.keypoints), "the detector's tensors stay float32"
        assert np.array_equal(source.keypoints, exact_source.keypoints)
        error = chain.tensors["prediction"][0].transpose(1, 2, 0).astype(np.float64) - expected
        assert 10 * np.log10(1 / np.square(error).mean()) >= HALF_PSNR_DB


def test_the_detector_needs_float32(golden_model: ModelOf) -> None:
    """The reason for FLOAT32: the softmax magnifies the rounding of logits."""
    golden = Golden("small_no_jacobian")
    chain = host_pipeline(golden_model(golden.name))
    pixels = 0.0
    for index in range(len(golden.driving)):
        chain.detect(golden.driving[index : index + 1], _square(golden))
        logits, rounded = chain.tensors["kp_logits"], np.empty_like(chain.keypoints)
        logits[...] = logits.astype(np.float16)
        keypoint_head(HostKernels(), logits, None, rounded, temperature=chain.shape.temperature)
        pixels = max(pixels, max_abs(rounded[..., :2], chain.keypoints[..., :2]) * (golden.meta["size"] - 1) / 2)
    assert pixels > HALF_KEYPOINT_PIXELS


PICTURES = [
    (90, 150, Framing(), SHRUNK),
    (150, 90, Framing("fit"), SHRUNK),
    (90, 150, Framing("fit", (10, 5, 140, 61)), SHRUNK),
    (37, 53, Framing(), GROWN),
    (37, 53, Framing("fit"), GROWN),
]
"""Height and width of source and driving picture, their framing, and the tolerance; a frame is 64×64."""


@LAYOUTS
@pytest.mark.parametrize(("height", "width", "framing", "levels"), PICTURES)
def test_pictures_of_any_size(
    golden_model: ModelOf, height: int, width: int, framing: Framing, levels: tuple[float, float], channels_last: bool
) -> None:
    """The kernel resizes, not cv2."""
    golden = Golden("small")
    model = golden_model(golden.name)
    source, driving = (_enlarged(picture, height, width) for picture in (golden.source, golden.driving[1]))
    region = framing.region(height, width)
    with Animator.load(
        model.path, "onnxruntime-cpu", relative=False, source_framing=framing, driving_framing=framing
    ) as animator:
        animator.set_source(source)
        expected = animator.animate(driving)
    chain = host_pipeline(model, channels_last=channels_last)
    prepared = chain.prepare_source(source[None], region)
    chain.detect(driving[None], region)
    chain.animate(prepared, transfer_rows(ABSOLUTE, chain.shape.num_kp))
    difference = np.abs(chain.pictures[0].astype(int) - expected)
    assert difference.max() <= levels[0]
    assert difference.mean() <= levels[1]


@LAYOUTS
@pytest.mark.parametrize("resize_align_corners", [True, False])
def test_features_finer_than_the_motion(tmp_path: Path, resize_align_corners: bool, channels_last: bool) -> None:
    golden = Golden("small_aligned")
    configuration = replace(golden.configuration, num_down_blocks=1, resize_align_corners=resize_align_corners)
    torch.manual_seed(0)
    detector, generator = KeypointDetector(configuration, 4), Generator(configuration, 4, align_corners=True)
    networks = build_networks(configuration, detector.state_dict(), generator.state_dict())
    model = export_networks(networks, Weights("stand-in", "finer", None, None), tmp_path / "finer")
    with Animator.load(model.path, "onnxruntime-cpu", relative=False) as animator:
        animator.set_source(golden.source)
        expected = animator.animate(golden.driving[1])
    chain = host_pipeline(model, channels_last=channels_last)
    assert (chain.shape.feature_size, chain.shape.motion_size) == (32, 16)
    assert chain.shape.resize_align_corners == resize_align_corners
    source = chain.prepare_source(golden.source[None], _square(golden))
    chain.detect(golden.driving[1:2], _square(golden))
    chain.animate(source, transfer_rows(ABSOLUTE, chain.shape.num_kp))
    assert max_abs(chain.pictures[0].astype(int), expected) <= 1


def _with_own_blur(kernel: torch.Tensor, tmp_path: Path) -> ModelFolder:
    """A model like the public ones for 512 pixels: every 8th pixel of a frame, and the kernel that it stores."""
    configuration = replace(Golden("small_aligned").configuration, frame_size=128, scale_factor=0.125, kp_variance=0.03)
    detector, generator = stand_in_weights(configuration, 1)
    detector["down.weight"] = generator["dense_motion_network.down.weight"] = kernel
    networks = build_networks(configuration, detector, generator)
    return export_networks(networks, Weights("stand-in", "blur", None, None), tmp_path / "blur")


def test_a_model_with_its_own_blur_and_variance(tmp_path: Path) -> None:
    blur = Blur(1.5, 6)
    model = _with_own_blur(gaussian_kernel(blur).expand(3, 1, -1, -1), tmp_path)
    assert model.manifest.blurs == {"kp_hourglass_input": blur, "source_quarter": blur}
    golden = Golden("small")
    source, driving = (_enlarged(picture, 128, 128) for picture in (golden.source, golden.driving[1]))
    with Animator.load(model.path, "onnxruntime-cpu", relative=False) as animator:
        animator.set_source(source)
        expected = animator.explain(driving)
    chain = host_pipeline(model)
    assert (chain.shape.detector_blur, chain.shape.source_blur, chain.shape.kp_variance) == (blur, blur, 0.03)
    mask = np.empty((1, chain.shape.num_kp + 1, 16, 16), np.float32)
    prepared = chain.prepare_source(source[None], Region.square(128))
    chain.detect(driving[None], Region.square(128))
    chain.animate(prepared, transfer_rows(ABSOLUTE, chain.shape.num_kp), mask=mask)
    assert max_abs(mask[0], expected.mask) <= EXPLAINED
    assert max_abs(chain.pictures[0].astype(int), expected.prediction) <= 1


def test_a_blur_that_is_no_gaussian_runs_on_onnx_runtime_only(tmp_path: Path) -> None:
    model = _with_own_blur(torch.full((3, 1, 5, 5), 1 / 25), tmp_path)
    assert model.manifest.blurs == {"kp_hourglass_input": None, "source_quarter": None}
    with Animator.load(model.path, "onnxruntime-cpu") as animator:
        animator.set_source(np.zeros((128, 128, 3), np.uint8))
    with pytest.raises(ModelError, match=r"not a Gaussian.*Run it on ONNX Runtime"):
        host_pipeline(model)


@LAYOUTS
@pytest.mark.parametrize("name", ["small", "small_aligned", "small_no_occlusion"])
def test_explains_like_the_animator(golden_model: ModelOf, name: str, channels_last: bool) -> None:
    golden = Golden(name)
    model = golden_model(name)
    with Animator.load(model.path, "onnxruntime-cpu", relative=False) as animator:
        animator.set_source(golden.source)
        expected = animator.explain(golden.driving[2])
    chain = host_pipeline(model, channels_last=channels_last)
    k, side = chain.shape.num_kp, chain.shape.motion_size
    deformation, mask = np.empty((1, side, side, 2), np.float32), np.empty((1, k + 1, side, side), np.float32)
    occlusion_map = np.empty((1, 1, side, side), np.float32) if chain.shape.occludes else None
    source = chain.prepare_source(golden.source[None], _square(golden))
    chain.detect(golden.driving[2:], _square(golden))
    chain.animate(source, transfer_rows(ABSOLUTE, k), deformation=deformation, mask=mask, occlusion_map=occlusion_map)
    assert max_abs(deformation[0], expected.deformation) <= EXPLAINED
    assert max_abs(mask[0], expected.mask) <= EXPLAINED
    assert (occlusion_map is None) == (expected.occlusion_map is None)
    if occlusion_map is not None and expected.occlusion_map is not None:
        assert max_abs(occlusion_map[0, 0], expected.occlusion_map) <= EXPLAINED
    assert max_abs(chain.pictures[0], expected.prediction) <= 1


@LAYOUTS
@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("storage", [np.float32, np.float16])
def test_blends_like_the_animator(blending_model: ModelFolder, storage: type, batch: int, channels_last: bool) -> None:
    golden = Golden("small_aligned")
    with Animator.load(blending_model.path, "onnxruntime-cpu", relative=False) as animator:
        animator.set_source(golden.source)
        expected = [animator.explain(frame) for frame in golden.driving[:batch]]
    chain = host_pipeline(blending_model, storage, batch, channels_last)
    assert chain.shape.blends
    blend_mask = np.empty((batch, 1, 64, 64), np.float32)
    source = chain.prepare_source(golden.source[None], _square(golden))
    chain.detect(golden.driving[:batch], _square(golden))
    chain.animate(source, transfer_rows(ABSOLUTE, chain.shape.num_kp), blend_mask=blend_mask)
    for picture, mask, wanted in zip(chain.pictures, blend_mask[:, 0], expected, strict=True):
        assert wanted.blend_mask is not None
        if storage == np.float32:
            assert max_abs(picture, wanted.prediction) <= 1
            assert max_abs(mask, wanted.blend_mask) <= EXPLAINED
        else:
            error = np.square((picture.astype(np.float64) - wanted.prediction) / 255).mean()
            assert 10 * np.log10(1 / error) >= HALF_PSNR_DB


@pytest.mark.parametrize("blends", [False, True])
def test_prepared_sources_do_not_change(golden_model: ModelOf, blending_model: ModelFolder, blends: bool) -> None:
    """Preparing a source does not change earlier ones, and a source copied into the slot gives the same result."""
    golden = Golden("small")
    chain = host_pipeline(blending_model if blends else golden_model(golden.name))
    source = _animate(chain, golden, "absolute", [2])
    expected = chain.pictures.copy()
    chain.prepare_source(golden.driving[:1], _square(golden))
    for place, array in zip(chain.source_slot.arrays, source.arrays, strict=True):
        place[...] = array
    chain.pictures[...] = 0
    chain.animate(chain.source_slot, transfer_rows(ABSOLUTE, chain.shape.num_kp))
    assert np.array_equal(chain.pictures, expected)


def test_without_a_compiler(golden_model: ModelOf, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise CompileError("no C++ compiler")

    monkeypatch.setattr(host_pipeline_module, "HostKernels", missing)
    with pytest.raises(BackendError, match=r"^no C\+\+ compiler$"):
        host_pipeline(golden_model("small"))


def _animate(chain: FramePipeline, golden: Golden, mode: str, frames: Sequence[int]) -> SourceTensors:
    """Animates the source by a batch of driving frames; returns the source."""
    assert mode in MODES
    source = chain.prepare_source(golden.source[None], _square(golden))
    transfer = _relative(chain, golden, source, mode, len(frames)) if mode != "absolute" else ABSOLUTE
    chain.detect(golden.driving[list(frames)], _square(golden))
    chain.animate(source, transfer_rows(transfer, chain.shape.num_kp))
    return source


def _relative(chain: FramePipeline, golden: Golden, source: SourceTensors, mode: str, batch: int) -> Transfer:
    has_jacobians = chain.shape.jacobian_maps > 0
    chain.detect(golden.driving[[0] * batch], _square(golden))
    initial = keypoints_from_rows(chain.keypoints[0], has_jacobians)
    return relative_transfer(
        keypoints_from_rows(source.keypoints[0], has_jacobians), initial, adapt_scale=mode == "relative_scaled"
    )


def _square(golden: Golden) -> Region:
    return Region.square(golden.meta["size"])


def _enlarged(picture: Image, height: int, width: int) -> Image:
    return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)
