"""Frames of the GPU backend, on the stand-in for the driver, against ONNX Runtime."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from fakes.animator import FakeGpu
from fomm_rt import Animator
from fomm_rt.backends.tensorrt.engine_memory import HWC8
from fomm_rt.errors import ModelError
from fomm_rt.image import Image
from fomm_rt.model.folder import ModelFolder, open_model_folder
from gpu_frames import CHANNELS_LAST, GOLDEN, close_to, frames
from model_copies import edit_network

pytestmark = pytest.mark.stand_in


@pytest.mark.parametrize("formats", [None, CHANNELS_LAST], ids=["linear", "channels last"])
@pytest.mark.parametrize("relative", [True, False])
def test_equals_onnx_runtime(model: ModelFolder, reference: Animator, relative: bool, formats: Any) -> None:
    fake = FakeGpu(model, formats=formats)
    for animator in (fake.animator, reference):
        animator.relative = relative
        animator.set_source(GOLDEN.source)
    for frame in frames():
        assert close_to(fake.animator.animate(frame), reference.animate(frame))
        found, wanted = fake.animator.keypoints(frame), reference.keypoints(frame)
        assert np.abs(found.value - wanted.value).max() <= 1e-5
        assert close_to(fake.animator.animate(found), reference.animate(wanted))
    fake.close()
    assert fake.device.is_closed


@pytest.mark.parametrize("formats", [None, CHANNELS_LAST | {"decoded": HWC8}], ids=["linear", "channels last"])
def test_a_model_with_blend_mask(blending_model: ModelFolder, formats: Any) -> None:
    """Eager and replayed frames, batches, explanations, and sources that are switched."""
    fake = FakeGpu(blending_model, formats=formats)
    with Animator.load(blending_model.path, "onnxruntime-cpu") as reference:
        for picture in (GOLDEN.source, GOLDEN.driving[2], GOLDEN.source):
            for animator in (fake.animator, reference):
                animator.set_source(picture)
                animator.set_reference(GOLDEN.driving[0])
            expected = [reference.animate(frame) for frame in frames(5)]
            for frame, wanted in zip(frames(5), expected, strict=True):
                assert close_to(fake.animator.animate(frame), wanted)
            found = list(fake.animator.animate_all(frames(5)))
            assert all(close_to(one, wanted) for one, wanted in zip(found, expected, strict=True))
        explained, wanted_too = (animator.explain(GOLDEN.driving[2]) for animator in (fake.animator, reference))
    assert fake.device.replays
    assert explained.blend_mask is not None
    assert wanted_too.blend_mask is not None
    assert explained.blend_mask.shape == (64, 64)
    assert np.abs(explained.blend_mask - wanted_too.blend_mask).max() <= 2e-4
    assert np.abs(explained.deformation - wanted_too.deformation).max() <= 2e-4
    fake.close()


def test_keypoints_that_are_not_finite_are_refused(copied_model: Path) -> None:
    """Finite weights whose sums overflow."""

    def enlarge(network: onnx.ModelProto) -> None:
        for tensor in network.graph.initializer:
            if tensor.name.endswith("bias"):
                tensor.raw_data = np.full(tensor.dims, 3e38, np.float32).tobytes()

    edit_network(copied_model, "keypoint_detector", enlarge)
    fake = FakeGpu(open_model_folder(copied_model))
    with pytest.raises(ModelError, match="its keypoints are not finite numbers"):
        fake.animator.set_source(GOLDEN.source)
    fake.close()


def test_explain(fake: FakeGpu, reference: Animator) -> None:
    for animator in (fake.animator, reference):
        animator.set_source(GOLDEN.source)
        animator.set_reference(GOLDEN.driving[0])
    found, wanted = (animator.explain(GOLDEN.driving[2]) for animator in (fake.animator, reference))
    assert close_to(found.prediction, wanted.prediction)
    for name in ("deformation", "mask", "occlusion_map"):
        assert np.abs(getattr(found, name) - getattr(wanted, name)).max() <= 2e-4, name
    assert np.abs(found.kp_animated.value - wanted.kp_animated.value).max() <= 1e-5


def test_sources_are_switched_by_copies(model: ModelFolder, fake: FakeGpu) -> None:
    """A graph captured for one source serves all others, from the next frame on."""
    sources = [GOLDEN.source, GOLDEN.driving[2], GOLDEN.driving[1]]
    alone = []
    for source in sources:
        single = FakeGpu(model)
        single.animator.set_source(source)
        single.animator.set_reference(GOLDEN.driving[0])
        alone.append([single.animator.animate(frame) for frame in frames()])
        single.close()
    prepared = [fake.animator.prepare_source(source) for source in sources]
    fake.animator.set_reference(GOLDEN.driving[0])
    captures = fake.device.captures
    for index, frame in enumerate(frames()):
        for which, source in enumerate(prepared):
            fake.animator.set_source(source)
            assert np.array_equal(fake.animator.animate(frame), alone[which][index])
    assert fake.device.captures == captures + 1
    allocations = fake.device.allocations
    fake.animator.set_source(prepared[0])
    fake.animator.animate(GOLDEN.driving[0])
    assert fake.device.allocations == allocations


def test_a_source_may_be_freed_while_it_is_shown(fake: FakeGpu) -> None:
    fake.animator.set_source(GOLDEN.source)
    fake.animator.set_reference(GOLDEN.driving[0])
    expected = fake.animator.animate(GOLDEN.driving[1])
    for _ in range(3):
        fake.animator.set_source(GOLDEN.driving[2])
        fake.animator.animate(GOLDEN.driving[1])
        fake.animator.set_source(GOLDEN.source)
        assert np.array_equal(fake.animator.animate(GOLDEN.driving[1]), expected)


def test_keypoints_come_with_the_frame(fake: FakeGpu) -> None:
    fake.animator.set_source(GOLDEN.source)
    fake.animator.set_reference(GOLDEN.driving[0])
    for frame in (GOLDEN.driving[0], GOLDEN.driving[1], GOLDEN.driving[2]):
        found = fake.animator.keypoints(frame)
        replays = fake.device.replays
        tracked = fake.animator.animate_tracked(frame)
        assert fake.device.replays <= replays + 1, "a frame stays one graph"
        assert np.array_equal(tracked.kp_driving.value, found.value)
        assert tracked.kp_driving.jacobian is not None
        assert found.jacobian is not None
        assert np.array_equal(tracked.kp_driving.jacobian, found.jacobian)
        assert np.array_equal(tracked.prediction, fake.animator.animate(frame))


def test_several_animators_in_threads(model: ModelFolder) -> None:
    wanted = FakeGpu(model)
    wanted.animator.set_source(GOLDEN.source)
    expected = [wanted.animator.animate(frame) for frame in frames()]
    wanted.close()
    found: dict[int, list[Image]] = {}

    def animate(number: int) -> None:
        fake = FakeGpu(model)
        fake.animator.set_source(GOLDEN.source)
        found[number] = [fake.animator.animate(frame) for frame in frames()]
        fake.close()

    threads = [threading.Thread(target=animate, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number in range(3):
        assert all(np.array_equal(a, b) for a, b in zip(found[number], expected, strict=True))


def test_half_storage(model: ModelFolder, reference: Animator) -> None:
    fake = FakeGpu(model, np.float16, formats=CHANNELS_LAST)
    for animator in (fake.animator, reference):
        animator.set_source(GOLDEN.source)
    for frame in frames():
        error = fake.animator.animate(frame).astype(float) - reference.animate(frame)
        assert 10 * np.log10(255**2 / max(np.square(error).mean(), 1e-9)) >= 40
    fake.close()
