"""The GPU backend after failures, and its end, on the stand-in for the driver."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import numpy as np
import pytest

from driver_stand_in.loaded import stand_in
from fakes.animator import FakeGpu
from fomm_rt.errors import BackendError
from fomm_rt.model.folder import ModelFolder
from gpu_frames import GOLDEN, frames

pytestmark = pytest.mark.stand_in


ILLEGAL_ADDRESS = 700
"""A result of the driver."""


def test_a_failed_frame_leaves_the_animator_usable(fake: FakeGpu) -> None:
    fake.animator.set_source(GOLDEN.source)
    expected = [fake.animator.animate(frame) for frame in frames()]
    stand_in().fail("cuStreamSynchronize", ILLEGAL_ADDRESS)
    with pytest.raises(BackendError, match="ILLEGAL_ADDRESS"):
        fake.animator.animate(GOLDEN.driving[0])
    for frame, wanted in zip(frames(), expected, strict=True):
        assert np.array_equal(fake.animator.animate(frame), wanted)


def test_a_failed_batch_leaves_the_animator_usable(fake: FakeGpu) -> None:
    fake.animator.set_source(GOLDEN.source)
    expected = list(fake.animator.animate_all(frames(9)))
    stand_in().fail("cuStreamSynchronize", ILLEGAL_ADDRESS)
    with pytest.raises(BackendError, match="ILLEGAL_ADDRESS"):
        list(fake.animator.animate_all(frames(9)))
    for found, wanted in zip(fake.animator.animate_all(frames(9)), expected, strict=True):
        assert np.array_equal(found, wanted)


def test_closing_frees_everything_at_once(model: ModelFolder) -> None:
    """Not at a garbage collection, which could come while another frame stream captures."""
    fake = FakeGpu(model)
    fake.animator.set_source(GOLDEN.source)
    list(fake.animator.animate_all(frames(7)))
    frame_streams = [
        weakref.ref(frame_stream) for frame_stream in (fake.backend._frame_stream, *fake.backend._batch_streams)
    ]
    assert len(frame_streams) == 3
    gc.disable()
    try:
        fake.close()
        assert all(frame_stream() is None for frame_stream in frame_streams)
    finally:
        gc.enable()


def test_a_broken_device_is_closed(model: ModelFolder) -> None:
    fake = FakeGpu(model)
    fake.animator.set_source(GOLDEN.source)
    predictions = fake.animator.animate_all(frames(7))
    next(predictions)
    stand_in().break_devices()
    with pytest.raises(BackendError, match="ILLEGAL_ADDRESS"):
        fake.animator.close()
    assert fake.device.is_closed
    assert not fake.backend._batch_streams
    predictions.close()


def test_closed_while_predictions_are_fetched(fake: FakeGpu) -> None:
    fake.animator.set_source(GOLDEN.source)
    predictions = fake.animator.animate_all(frames(7))
    next(predictions)
    fake.close()
    predictions.close()


def test_an_interrupted_source_leaves_nothing_queued(fake: FakeGpu, monkeypatch: pytest.MonkeyPatch) -> None:
    fake.animator.set_source(GOLDEN.source)
    expected = fake.animator.animate(GOLDEN.driving[1])

    def interrupt(*_arguments: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(fake.trunks, "run", interrupt)
    with pytest.raises(KeyboardInterrupt):
        fake.animator.prepare_source(GOLDEN.driving[2])
    assert not stand_in().waiting()
    monkeypatch.undo()
    assert np.array_equal(fake.animator.animate(GOLDEN.driving[1]), expected)
