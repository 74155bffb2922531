"""References of relative motion, and settings that change between frames."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fomm_rt import Animator, Framing
from golden_files import Golden

GOLDEN = Golden("small_aligned")


def test_first_frame_is_the_reference(small_model: Path) -> None:
    with Animator.load(small_model) as a, Animator.load(small_model) as b:
        a.set_source(GOLDEN.source)
        b.set_source(GOLDEN.source)
        b.set_reference(GOLDEN.driving[1])
        for frame in GOLDEN.driving[1:]:
            assert np.array_equal(a.animate(frame), b.animate(frame))


def test_reference_can_be_set_before_the_source_and_changed(small_model: Path) -> None:
    with Animator.load(small_model) as animator:
        animator.set_reference(GOLDEN.driving[0])
        animator.set_source(GOLDEN.source)
        by_first = animator.animate(GOLDEN.driving[2])
        animator.set_reference(GOLDEN.driving[1])
        assert not np.array_equal(by_first, animator.animate(GOLDEN.driving[2]))
        animator.clear_reference()
        animator.animate(GOLDEN.driving[0])
        assert np.array_equal(by_first, animator.animate(GOLDEN.driving[2]))


def test_new_source_keeps_the_reference(small_model: Path) -> None:
    with Animator.load(small_model) as animator:
        animator.set_source(GOLDEN.source)
        animator.set_reference(GOLDEN.driving[0])
        expected = animator.animate(GOLDEN.driving[2])
        animator.set_source(GOLDEN.driving[1])
        assert not np.array_equal(expected, animator.animate(GOLDEN.driving[2]))
        animator.set_source(GOLDEN.source)
        assert np.array_equal(expected, animator.animate(GOLDEN.driving[2]))


def test_keypoints_given_and_found_are_not_shared(small_model: Path) -> None:
    with Animator.load(small_model) as animator:
        animator.set_source(GOLDEN.source)
        animator.kp_source.value[...] = 0
        keypoints = animator.keypoints(GOLDEN.driving[1])
        animator.set_reference(keypoints)
        expected = animator.animate(GOLDEN.driving[2])
        keypoints.value[...] += 0.3
        animator.set_source(GOLDEN.source)
        assert np.array_equal(expected, animator.animate(GOLDEN.driving[2]))
        animator.clear_reference()
        first = animator.keypoints(GOLDEN.driving[1])
        animator.animate(first)
        first.value[...] += 0.3
        animator.set_source(GOLDEN.source)
        assert np.array_equal(expected, animator.animate(GOLDEN.driving[2]))


def test_absolute_has_no_reference(small_model: Path) -> None:
    with Animator.load(small_model, relative=False) as animator:
        animator.set_source(GOLDEN.source)
        expected = animator.animate(GOLDEN.driving[2])
        animator.set_reference(GOLDEN.driving[1])
        assert np.array_equal(expected, animator.animate(GOLDEN.driving[2]))


def test_adapt_scale_matters_when_sizes_differ(small_model: Path) -> None:
    results = []
    for adapt_scale in (True, False):
        with Animator.load(small_model, adapt_scale=adapt_scale) as animator:
            animator.set_source(GOLDEN.source)
            animator.set_reference(GOLDEN.driving[1])
            results.append(animator.animate(GOLDEN.driving[2]))
    assert not np.array_equal(results[0], results[1])


def test_settings_can_change_between_frames(small_model: Path) -> None:
    settings = [(relative, scale) for relative in (True, False) for scale in (True, False)]
    with Animator.load(small_model) as changing:
        changing.set_source(GOLDEN.source)
        changing.set_reference(GOLDEN.driving[1])
        for relative, adapt_scale in settings:
            changing.relative, changing.adapt_scale = relative, adapt_scale
            with Animator.load(small_model, relative=relative, adapt_scale=adapt_scale) as fixed:
                fixed.set_source(GOLDEN.source)
                fixed.set_reference(GOLDEN.driving[1])
                assert np.array_equal(changing.animate(GOLDEN.driving[2]), fixed.animate(GOLDEN.driving[2]))
        changing.driving_framing = Framing(rectangle=(0, 0, 32, 32))
        assert np.array_equal(changing.frame_driving(GOLDEN.source)[::63, ::63], GOLDEN.source[:32:31, :32:31])
