"""The animator: ownership of arrays, sizes, architectures, and calls that it refuses."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from fomm_rt import Animator, FommError, Framing, Keypoints
from fomm_rt.backends.protocol import STAGES
from fomm_rt.errors import BackendError, ImageError, ModelError, MotionError, StateError
from fomm_rt.model.folder import ModelFolder
from golden_files import Golden

GOLDEN = Golden("small_aligned")
ModelOf = Callable[[str], ModelFolder]


@pytest.fixture
def animator(small_model: Path) -> Iterator[Animator]:
    with Animator.load(small_model) as animator:
        animator.set_source(GOLDEN.source)
        yield animator


def test_the_caller_owns_results(animator: Animator) -> None:
    first = animator.animate(GOLDEN.driving[0])
    kept = first.copy()
    second = animator.animate(GOLDEN.driving[2])
    assert np.array_equal(first, kept)
    assert not np.shares_memory(first, second)
    assert first.flags.writeable


def test_writes_into_out(animator: Animator) -> None:
    out = np.zeros((64, 64, 3), np.uint8)
    animator.animate(GOLDEN.driving[0])
    assert animator.animate(GOLDEN.driving[1], out=out) is out
    assert np.array_equal(out, animator.animate(GOLDEN.driving[1]))


def test_out_may_be_part_of_a_larger_picture(animator: Animator) -> None:
    canvas = np.zeros((64, 192, 3), np.uint8)
    expected = animator.animate(GOLDEN.driving[0])
    animator.animate(GOLDEN.driving[0], out=canvas[:, 64:128])
    assert np.array_equal(canvas[:, 64:128], expected)
    assert not canvas[:, :64].any()
    assert not canvas[:, 128:].any()


@pytest.mark.parametrize(
    ("out", "found"),
    [
        (np.zeros((64, 64, 3), np.float32), r"float32 \(64, 64, 3\)"),
        (np.zeros((32, 32, 3), np.uint8), r"uint8 \(32, 32, 3\)"),
        ("no array", "str"),
    ],
)
def test_other_out_is_refused(animator: Animator, out: object, found: str) -> None:
    with pytest.raises(ImageError, match=rf"out: expected a writable uint8 array of shape \(64, 64, 3\); got {found}"):
        animator.animate(GOLDEN.driving[0], out=out)  # type: ignore[call-overload]


def test_read_only_out_is_refused(animator: Animator) -> None:
    out = np.zeros((64, 64, 3), np.uint8)
    out.flags.writeable = False
    with pytest.raises(ImageError, match=r"got uint8 \(64, 64, 3\), read-only"):
        animator.animate(GOLDEN.driving[0], out=out)


def test_inputs_are_not_changed_or_kept(small_model: Path) -> None:
    source, frame = GOLDEN.source.copy(), GOLDEN.driving[1].copy()
    with Animator.load(small_model) as animator:
        animator.set_source(source)
        before = animator.animate(frame)
        assert np.array_equal(source, GOLDEN.source)
        assert np.array_equal(frame, GOLDEN.driving[1])
        source[:], frame_copy = 0, frame.copy()
        frame[:] = 0
        assert np.array_equal(animator.animate(frame_copy), before)
        assert np.array_equal(animator.source_image, GOLDEN.source)


def test_keypoints_animate_as_their_frame_does(animator: Animator) -> None:
    animator.animate(GOLDEN.driving[0])
    keypoints = animator.keypoints(GOLDEN.driving[2])
    assert np.array_equal(animator.animate(keypoints), animator.animate(GOLDEN.driving[2]))


@pytest.mark.parametrize("name", ["small_no_jacobian", "small_no_occlusion", "small_single_jacobian"])
def test_every_architecture(golden_model: ModelOf, name: str) -> None:
    golden = Golden(name)
    with Animator.load(golden_model(name).path) as animator:
        animator.set_source(golden.source)
        explanation = animator.explain(golden.driving[2])
        assert (explanation.kp_driving.jacobian is None) == (name == "small_no_jacobian")
        assert (explanation.occlusion_map is None) == (name == "small_no_occlusion")
        assert explanation.mask.shape == (6, 16, 16)
        np.testing.assert_allclose(explanation.mask.sum(axis=0), 1, atol=1e-5)


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 500, 3), (500, 1, 3), (65, 63, 3), (480, 640, 3), (4320, 7680, 3)])
@pytest.mark.parametrize("mode", ["crop", "fit"])
def test_any_size(small_model: Path, shape: tuple[int, int, int], mode: Literal["crop", "fit"]) -> None:
    picture = np.full(shape, 128, np.uint8)
    framing = Framing(mode)
    with Animator.load(small_model, source_framing=framing, driving_framing=framing) as animator:
        animator.set_source(picture)
        assert animator.animate(picture).shape == (64, 64, 3)


def test_views_that_are_not_contiguous(animator: Animator) -> None:
    wide = np.repeat(GOLDEN.driving[1], 2, axis=1)
    expected = animator.animate(np.ascontiguousarray(wide[:, ::2]))
    assert np.array_equal(animator.animate(wide[:, ::2]), expected)
    assert np.array_equal(animator.animate(np.asfortranarray(wide[:, ::2])), expected)


def test_framing_applies_to_its_own_side(small_model: Path) -> None:
    wide = np.zeros((64, 128, 3), np.uint8)
    wide[:, 64:] = GOLDEN.source
    right = Framing(rectangle=(64, 0, 64, 64))
    with Animator.load(small_model, source_framing=right, driving_framing=Framing()) as animator:
        animator.set_source(wide)
        assert np.array_equal(animator.source_image, GOLDEN.source)
        assert np.array_equal(animator.frame_driving(GOLDEN.source), GOLDEN.source)
        with pytest.raises(ImageError, match="64,0,64,64"):
            animator.set_source(GOLDEN.source)


@pytest.mark.parametrize(
    ("picture", "word"),
    [
        (np.zeros((64, 64), np.uint8), "uint8"),
        (np.zeros((64, 64, 4), np.uint8), r"\(64, 64, 4\)"),
        (np.zeros((0, 64, 3), np.uint8), r"\(0, 64, 3\)"),
        (np.zeros((64, 64, 3), np.float32), "convert floats"),
        (None, "NoneType"),
    ],
)
def test_other_arrays_are_refused(animator: Animator, picture: object, word: str) -> None:
    calls: list[Callable[[object], object]] = [
        animator.set_source,  # type: ignore[list-item]
        animator.set_reference,  # type: ignore[list-item]
        animator.animate,  # type: ignore[list-item]
        animator.keypoints,  # type: ignore[list-item]
        animator.explain,  # type: ignore[list-item]
    ]
    for call in calls:
        with pytest.raises(ImageError, match=word):
            call(picture)


def test_keypoints_of_another_model(animator: Animator) -> None:
    with pytest.raises(MotionError, match="expected 5 keypoints with jacobians; got 10 without"):
        animator.animate(Keypoints(np.zeros((10, 2), np.float32)))


def test_calls_in_the_wrong_order(small_model: Path) -> None:
    animator = Animator.load(small_model)
    with pytest.raises(StateError, match="set_source"):
        animator.animate(GOLDEN.driving[0])
    animator.set_source(GOLDEN.source)
    animator.close()
    animator.close()
    calls: list[Callable[[], object]] = [
        lambda: animator.set_source(GOLDEN.source),
        lambda: animator.animate(GOLDEN.driving[0]),
        lambda: animator.keypoints(GOLDEN.driving[0]),
        lambda: animator.kp_source,
        lambda: animator.source_image,
    ]
    for call in calls:
        with pytest.raises(StateError, match="closed"):
            call()


def test_several_animators(small_model: Path, golden_model: ModelOf) -> None:
    other = golden_model("small_no_occlusion").path
    with Animator.load(small_model) as a, Animator.load(other) as b, Animator.load(small_model) as c:
        for animator in (a, b, c):
            animator.set_source(GOLDEN.source)
        results = [animator.animate(GOLDEN.driving[0]) for animator in (a, b, c)]
    assert np.array_equal(results[0], results[2])
    assert not np.array_equal(results[0], results[1])


def test_threads_do_not_change_the_result(small_model: Path) -> None:
    results = []
    for threads in (1, 2):
        with Animator.load(small_model, threads=threads) as animator:
            animator.set_source(GOLDEN.source)
            results.append(animator.animate(GOLDEN.driving[0]).astype(int))
    assert np.abs(results[0] - results[1]).max() <= 1


@pytest.mark.parametrize("layout", ["rgba", "upside down", "mirrored", "bgr", "every other row", "tile"])
def test_out_of_any_layout(animator: Animator, layout: str) -> None:
    expected = animator.animate(GOLDEN.driving[1])
    s = animator.size
    out = {
        "rgba": np.zeros((s, s, 4), np.uint8)[..., :3],
        "upside down": np.zeros((s, s, 3), np.uint8)[::-1],
        "mirrored": np.zeros((s, s, 3), np.uint8)[:, ::-1],
        "bgr": np.zeros((s, s, 3), np.uint8)[..., ::-1],
        "every other row": np.zeros((2 * s, s, 3), np.uint8)[::2],
        "tile": np.zeros((s, 3 * s, 3), np.uint8)[:, s : 2 * s],
    }[layout]
    assert animator.animate(GOLDEN.driving[1], out=out) is out
    assert np.array_equal(out, expected)


def test_times_the_stages_of_each_frame(animator: Animator) -> None:
    animator.set_source(GOLDEN.source)
    for frame in GOLDEN.driving[:2]:  # the first becomes the reference
        of_frame = animator.animate_timed(frame).stage_ms
        assert set(of_frame) == set(STAGES) - {"warp"}
    of_keypoints = animator.animate_timed(animator.keypoints(GOLDEN.driving[1])).stage_ms
    assert set(of_keypoints) == set(STAGES) - {"upload", "detector", "warp"}
    assert all(ms >= 0 for ms in (*of_frame.values(), *of_keypoints.values()))
    before = dict(of_frame)
    animator.animate_timed(GOLDEN.driving[2])
    assert of_frame == before, "times belong to their frame"
    with pytest.raises(TypeError):
        of_frame["upload"] = 0.0  # type: ignore[index]


@pytest.mark.parametrize("relative", [True, False])
def test_a_timed_frame_equals_an_untimed_one(small_model: Path, relative: bool) -> None:
    """This includes the first frame, which becomes the reference."""
    with Animator.load(small_model, relative=relative) as plain, Animator.load(small_model, relative=relative) as timed:
        plain.set_source(GOLDEN.source)
        timed.set_source(GOLDEN.source)
        out = np.zeros((timed.size, timed.size, 3), np.uint8)
        for frame in GOLDEN.driving:
            assert timed.animate_timed(frame, out).prediction is out
            assert np.array_equal(out, plain.animate(frame))


def test_every_error_is_a_fomm_error() -> None:
    assert all(issubclass(e, FommError) for e in (BackendError, ImageError, ModelError, MotionError, StateError))
