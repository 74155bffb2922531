"""What a frame stream captures, keeps and times, on the stand-in for the driver."""

from __future__ import annotations

import logging

import numpy as np
import pytest

from driver_stand_in.loaded import stand_in
from fakes.animator import FakeGpu
from fomm_rt.backends.gpu.frame_stream import SHAPES_KEPT
from fomm_rt.backends.protocol import STAGES, PreparedReference
from fomm_rt.framing import Region
from fomm_rt.image import Image
from fomm_rt.model.folder import ModelFolder
from fomm_rt.motion.transfer import ABSOLUTE
from gpu_frames import GOLDEN, frames

pytestmark = pytest.mark.stand_in


UNSUPPORTED_IN_CAPTURE = 900
"""A result of the driver."""


def test_replay_equals_eager(model: ModelFolder, fake: FakeGpu) -> None:
    eager = FakeGpu(model, captures=False)
    for animator in (fake.animator, eager.animator):
        animator.set_source(GOLDEN.source)
        animator.set_reference(GOLDEN.driving[0])
    for _ in range(2):
        for frame in frames():
            assert np.array_equal(fake.animator.animate(frame), eager.animator.animate(frame))
    assert fake.device.captures == 1, "only the frame; the detector ran once for the reference"
    assert fake.device.replays == 2 * len(frames()) - 2, "captured with the second frame"
    assert not eager.device.captures
    assert "without a CUDA graph: asked for" in eager.animator.backend.reason
    eager.close()


def test_a_frame_allocates_nothing(fake: FakeGpu) -> None:
    fake.animator.set_source(GOLDEN.source)
    fake.animator.animate(GOLDEN.driving[0])
    fake.animator.animate(GOLDEN.driving[1])
    before = fake.device.allocations
    for frame in frames(40):
        fake.animator.animate(frame)
    assert fake.device.allocations == before


def test_a_refused_capture_falls_back_to_eager(model: ModelFolder, caplog: pytest.LogCaptureFixture) -> None:
    fake = FakeGpu(model)
    stand_in().fail("cuStreamBeginCapture", UNSUPPORTED_IN_CAPTURE)
    fake.animator.set_source(GOLDEN.source)
    with caplog.at_level(logging.WARNING, "fomm_rt"):
        results = [fake.animator.animate(frame) for frame in frames()]
    assert len(caplog.records) == 1, "logged once"
    assert "step by step" in caplog.text
    assert "operation not permitted when stream is capturing" in fake.animator.backend.reason
    eager = FakeGpu(model, captures=False)
    eager.animator.set_source(GOLDEN.source)
    for frame, found in zip(frames(), results, strict=True):
        assert np.array_equal(eager.animator.animate(frame), found)
    for one in (fake, eager):
        one.close()


def test_buffers_of_a_few_shapes_are_kept(fake: FakeGpu) -> None:
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 255, (50 + i, 50 + i, 3), np.uint8) for i in range(SHAPES_KEPT + 2)]
    fake.animator.set_source(GOLDEN.source)
    fake.animator.set_reference(GOLDEN.driving[0])
    first = [[fake.animator.animate(picture) for _ in range(2)] for picture in pictures]
    assert fake.device.captures == len(pictures)
    for picture, (expected, again) in zip(reversed(pictures), reversed(first), strict=True):
        assert np.array_equal(again, expected)
        assert np.array_equal(fake.animator.animate(picture), expected)
    assert fake.device.captures == len(pictures), "shapes that were dropped are captured again"
    assert fake.device.replays == SHAPES_KEPT


def events() -> int:
    """Number of events that exist."""
    return sum(left.kind == "event" for left in stand_in().leftovers())


def test_shapes_that_come_once_are_not_captured(fake: FakeGpu) -> None:
    """For example, frames of a crop that zooms."""
    fake.animator.set_source(GOLDEN.source)
    fake.animator.set_reference(GOLDEN.driving[0])
    for side in range(50, 50 + 3 * SHAPES_KEPT):
        fake.animator.animate_timed(np.zeros((side, side, 3), np.uint8))
    assert fake.device.captures == 0
    assert 0 < events() <= (SHAPES_KEPT + 1) * (len(STAGES) + 1)


def test_stages_are_timed_when_asked(fake: FakeGpu) -> None:
    fake.animator.set_source(GOLDEN.source)
    fake.animator.set_reference(GOLDEN.driving[0])
    plain = fake.animator.animate(GOLDEN.driving[1])
    assert not events()
    for _ in range(3):
        frame = fake.animator.animate_timed(GOLDEN.driving[1])
        assert np.array_equal(frame.prediction, plain)
        assert set(frame.stage_ms) == set(STAGES)
        assert all(ms >= 0 for ms in frame.stage_ms.values())
    by_keypoints = fake.animator.animate_timed(fake.animator.keypoints(GOLDEN.driving[1]))
    assert set(by_keypoints.stage_ms) == set(STAGES) - {"detector"}
    count = events()
    fake.animator.animate(GOLDEN.driving[1])
    assert events() == count, "untimed frames record no events"
    _, stage_ms = fake.backend.animate(*reference_and_frame(fake))
    assert not stage_ms


def reference_and_frame(fake: FakeGpu) -> tuple[PreparedReference, Image, Region, Image]:
    """Arguments of `Backend.animate` for a driving frame."""
    square, out = Region.square(fake.animator.size), np.zeros_like(GOLDEN.source)
    reference = fake.backend.prepare_reference(fake.backend.prepare_source(GOLDEN.source, square), ABSOLUTE)
    return reference, GOLDEN.driving[1], square, out
