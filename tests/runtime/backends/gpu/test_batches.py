"""Batches of the GPU backend, on the stand-in for the driver."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from driver_stand_in.loaded import stand_in
from fakes.animator import FakeGpu
from fomm_rt import Animator
from fomm_rt.image import Image
from gpu_frames import GOLDEN, close_to, frames

pytestmark = pytest.mark.stand_in


@pytest.mark.parametrize("count", [0, 1, 2, 3, 7, 12, 13])
def test_batches_equal_single_frames(fake: FakeGpu, count: int) -> None:
    fake.animator.set_source(GOLDEN.source)
    fake.animator.set_reference(GOLDEN.driving[0])
    wanted = [fake.animator.animate(frame) for frame in frames(count)]
    found = list(fake.animator.animate_all(frames(count)))
    assert len(found) == count
    assert all(close_to(a, b, 1) for a, b in zip(found, wanted, strict=True))
    assert len({id(picture) for picture in found}) == count


def test_batches_use_the_first_frame_as_reference(fake: FakeGpu, reference: Animator) -> None:
    for animator in (fake.animator, reference):
        animator.set_source(GOLDEN.source)
    pictures = frames(5)
    for found, wanted in zip(
        fake.animator.animate_all(iter(pictures)), reference.animate_all(iter(pictures)), strict=True
    ):
        assert close_to(found, wanted)


def test_batches_of_changing_frames(fake: FakeGpu) -> None:
    """A change of size ends a batch; order and number of frames do not change."""
    shapes = [(64, 64), (64, 64), (90, 80), (64, 64), (50, 50), (50, 50), (50, 50), (50, 50)]
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 255, (*shape, 3), np.uint8) for shape in shapes]
    fake.animator.set_source(GOLDEN.source)
    fake.animator.set_reference(GOLDEN.driving[0])
    wanted = [fake.animator.animate(picture) for picture in pictures]
    found = list(fake.animator.animate_all(pictures))
    assert len(found) == len(shapes)
    assert all(close_to(a, b) for a, b in zip(found, wanted, strict=True))


def test_batches_read_a_bounded_number_of_frames_ahead(fake: FakeGpu) -> None:
    fake.animator.set_source(GOLDEN.source)
    asked = 0

    def counted() -> Iterator[Image]:
        nonlocal asked
        for frame in frames(30):
            asked += 1
            yield frame

    results = fake.animator.animate_all(counted())
    next(results)
    assert 6 < asked <= 10, "two frame streams of three, the next batch, and one frame that ends it"
    results.close()
    assert not stand_in().waiting()
    (only,) = fake.animator.animate_all(frames(1))
    assert close_to(only, fake.animator.animate(frames(1)[0]))


def test_frames_that_fail_in_a_batch(fake: FakeGpu) -> None:
    def broken() -> Iterator[Image]:
        yield from frames(8)
        raise ValueError("the decoder fails")

    fake.animator.set_source(GOLDEN.source)
    with pytest.raises(ValueError, match="the decoder fails"):
        list(fake.animator.animate_all(broken()))
    assert len(list(fake.animator.animate_all(frames(4)))) == 4
