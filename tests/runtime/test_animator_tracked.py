"""Frames that come with their keypoints, and the end of a frame that another thread is animating."""

from __future__ import annotations

from dataclasses import replace
from threading import Event, Thread

import numpy as np
import pytest

from fomm_rt import Animator, BackendError, Keypoints, VideoReader, read_picture
from fomm_rt.bundled import bundled_avatars, bundled_performance
from fomm_rt.image import Image


@pytest.fixture
def animator() -> Animator:
    animator = Animator.load()
    animator.set_source(read_picture(bundled_avatars()[0]))
    return animator


def animate_often(animator: Animator, frame: Image) -> None:
    for _ in range(1000):
        animator.animate(frame)


def driving() -> list[Image]:
    with VideoReader(bundled_performance()) as reader:
        return [frame.pixels for frame, _ in zip(reader.sample(20), range(3), strict=False)]


def test_tracked_frames_are_those_of_animate(animator: Animator) -> None:
    for frame in driving():
        tracked = animator.animate_tracked(frame)
        assert np.array_equal(tracked.prediction, animator.animate(frame))
        assert np.array_equal(tracked.kp_driving.value, animator.keypoints(frame).value)


def test_adjusted_keypoints_move_the_source(animator: Animator) -> None:
    first, second = driving()[:2]

    def still(_found: Keypoints) -> Keypoints:
        return kp_first

    kp_first = animator.keypoints(first)
    animator.set_reference(kp_first)
    at_rest = animator.animate(kp_first)
    tracked = animator.animate_tracked(second, still)
    assert np.array_equal(tracked.prediction, at_rest)
    assert not np.array_equal(tracked.kp_driving.value, kp_first.value), "those of the frame itself are returned"


def test_an_adjusted_first_frame_is_the_reference(animator: Animator) -> None:
    frame = driving()[0]
    tracked = animator.animate_tracked(frame, lambda found: replace(found, value=found.value + np.float32(0.1)))
    assert animator.reference is not None
    assert animator.reference.keypoints is not None
    assert np.allclose(animator.reference.keypoints.value, tracked.kp_driving.value + 0.1)


def test_an_interruption_ends_the_running_frame_alone(animator: Animator) -> None:
    frame = driving()[0]
    expected = animator.animate(frame)
    is_over = Event()

    def interrupt_again_and_again() -> None:
        while not is_over.is_set():
            animator.interrupt()

    thread = Thread(target=interrupt_again_and_again)
    thread.start()
    try:
        with pytest.raises(BackendError):
            animate_often(animator, frame)
    finally:
        is_over.set()
        thread.join()
    assert np.array_equal(animator.animate(frame), expected)
