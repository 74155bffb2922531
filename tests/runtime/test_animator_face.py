"""The animator in a user's hands: representation, wrong arguments, copies, and frames in other forms."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fomm_rt import Animator, Framing, ImageError, StateError, VideoReader
from fomm_rt.image import Image
from fomm_rt.media.read.video_reader import VideoFrame
from golden_files import Golden

GOLDEN = Golden("small_aligned")


@pytest.fixture
def animator(small_model: Path) -> Iterator[Animator]:
    with Animator.load(small_model, "onnxruntime-cpu") as animator:
        animator.set_source(GOLDEN.source)
        yield animator


def test_repr(small_model: Path) -> None:
    animator = Animator.load(small_model, "onnxruntime-cpu")
    device = animator.backend.device
    start = f"<Animator small_aligned 64×64 on {device} (onnxruntime-cpu), "
    assert repr(animator) == f"{start}relative, adapt_scale, no source>"
    animator.set_source(GOLDEN.source)
    animator.adapt_scale = False
    assert repr(animator) == f"{start}relative, source set>"
    animator.relative = False
    assert repr(animator) == f"{start}absolute, source set>"
    animator.close()
    assert repr(animator) == "<Animator small_aligned 64×64, closed>"


@pytest.mark.parametrize(
    ("name", "hint"),
    [("relativ", "did you mean relative?"), ("source", "did you mean kp_source or set_source"), ("zzz", "see help")],
)
def test_rejects_unknown_attributes(animator: Animator, name: str, hint: str) -> None:
    with pytest.raises(AttributeError, match=f"Animator has no attribute {name!r}; ") as caught:
        setattr(animator, name, False)
    assert hint in str(caught.value)
    assert not hasattr(animator, name)


def test_rejects_assignments_to_read_only_properties(animator: Animator) -> None:
    with pytest.raises(AttributeError):
        animator.size = 128  # type: ignore[misc]


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("relative", "no", "relative: expected True or False; got 'no'"),
        ("adapt_scale", 1, "adapt_scale: expected True or False; got 1"),
        ("source_framing", "fit", r"source_framing: expected a fomm_rt.Framing such as Framing\('fit'\); got 'fit'"),
        ("driving_framing", None, "driving_framing: expected a fomm_rt.Framing"),
    ],
)
def test_rejects_wrong_types(small_model: Path, animator: Animator, name: str, value: Any, expected: str) -> None:
    before = getattr(animator, name)
    with pytest.raises(TypeError, match=expected):
        setattr(animator, name, value)
    assert getattr(animator, name) == before
    with pytest.raises(TypeError, match=expected):
        Animator.load(small_model, "onnxruntime-cpu", **{name: value})


def test_rejects_a_framing_of_the_wrong_type(animator: Animator) -> None:
    with pytest.raises(TypeError, match=r"framing: expected a fomm_rt\.Framing"):
        animator.prepare_source(GOLDEN.source, "fit")  # type: ignore[arg-type]


def test_motion_settings_are_keyword_only(small_model: Path) -> None:
    with pytest.raises(TypeError, match="positional"):
        Animator.load(small_model, "onnxruntime-cpu", False)  # type: ignore[call-arg]


@pytest.mark.parametrize("copies", [pickle.dumps, copy.copy, copy.deepcopy])
def test_cannot_be_pickled_or_copied(animator: Animator, copies: Callable[[Animator], object]) -> None:
    with pytest.raises(TypeError, match=r"cannot be pickled or copied.*; call Animator\.load in each process"):
        copies(animator)


def test_a_new_source_framing_applies_to_the_next_source(animator: Animator) -> None:
    wide = np.zeros((64, 128, 3), np.uint8)
    wide[:, 64:] = GOLDEN.source
    animator.source_framing = Framing(rectangle=(64, 0, 64, 64))
    animator.set_source(wide)
    assert np.array_equal(animator.source_image, GOLDEN.source)


def test_takes_the_frames_of_a_video_reader(animator: Animator) -> None:
    frames = [VideoFrame(i, Fraction(i, 25), pixels) for i, pixels in enumerate(GOLDEN.driving)]
    expected = [animator.animate(pixels) for pixels in GOLDEN.driving]
    animator.clear_reference()
    animator.set_source(VideoFrame(0, Fraction(0), GOLDEN.source))
    found = [animator.animate(frame) for frame in frames]
    assert all(map(np.array_equal, found, expected))
    assert all(map(np.array_equal, animator.animate_all(frames), expected))
    animator.set_reference(frames[0])
    assert np.array_equal(animator.animate(animator.keypoints(frames[1])), expected[1])
    assert np.array_equal(animator.explain(frames[2]).prediction, expected[2])
    assert np.array_equal(animator.frame_driving(frames[1]), GOLDEN.driving[1])
    assert np.array_equal(animator.prepare_source(frames[1]).image, GOLDEN.driving[1])


def test_reads_a_file_frame_by_frame(animator: Animator, tmp_path: Path) -> None:
    from fomm_rt import write_picture

    write_picture(tmp_path / "driving.png", GOLDEN.driving[1])
    with VideoReader(tmp_path / "driving.png") as reader:
        (prediction,) = animator.animate_all(reader)
    animator.clear_reference()
    assert np.array_equal(prediction, animator.animate(GOLDEN.driving[1]))


@pytest.mark.parametrize("shape", [(64, 64), (90, 70)])
def test_takes_opencv_frames_turned_to_rgb(animator: Animator, shape: tuple[int, int]) -> None:
    """`frame[..., ::-1]` is a view with a negative stride."""
    rgb = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    bgr = np.ascontiguousarray(rgb[..., ::-1])
    animator.set_reference(GOLDEN.driving[0])
    for framing in (Framing(), Framing("fit"), Framing(rectangle=(8, 8, 40, 30))):
        animator.source_framing = animator.driving_framing = framing
        animator.set_source(rgb)
        expected = animator.animate(rgb), animator.source_image, animator.frame_driving(rgb)
        animator.set_source(bgr[..., ::-1])
        found = animator.animate(bgr[..., ::-1]), animator.source_image, animator.frame_driving(bgr[..., ::-1])
        assert all(map(np.array_equal, found, expected))
        (by_iteration,) = animator.animate_all([bgr[..., ::-1]])
        assert np.array_equal(by_iteration, expected[0])


CALLS: dict[str, Callable[[Animator], object]] = {
    "animate": lambda animator: animator.animate(GOLDEN.driving[0]),
    "animate_all": lambda animator: animator.animate_all([GOLDEN.driving[0]]),
    "explain": lambda animator: animator.explain(GOLDEN.driving[0]),
    "keypoints": lambda animator: animator.keypoints(GOLDEN.driving[0]),
    "prepare_source": lambda animator: animator.prepare_source(GOLDEN.source),
    "set_source": lambda animator: animator.set_source(GOLDEN.source),
    "set_reference": lambda animator: animator.set_reference(GOLDEN.driving[0]),
    "clear_reference": lambda animator: animator.clear_reference(),
    "relative": lambda animator: setattr(animator, "relative", False),
    "adapt_scale": lambda animator: setattr(animator, "adapt_scale", False),
    "source_framing": lambda animator: setattr(animator, "source_framing", Framing("fit")),
    "driving_framing": lambda animator: setattr(animator, "driving_framing", Framing("fit")),
}


@pytest.mark.parametrize("name", CALLS)
def test_calls_during_animate_all_are_refused(animator: Animator, name: str) -> None:
    animator.set_reference(GOLDEN.driving[0])
    expected = [animator.animate(frame) for frame in GOLDEN.driving]
    kp_source = animator.kp_source
    predictions = animator.animate_all(GOLDEN.driving)
    for prediction, wanted in zip(predictions, expected, strict=True):
        with pytest.raises(StateError, match="an iterator of animate_all is open; exhaust or close it"):
            CALLS[name](animator)
        assert np.array_equal(prediction, wanted)
        assert np.array_equal(animator.kp_source.value, kp_source.value), "reading is allowed"
        assert "source set" in repr(animator)
    CALLS[name](animator)


def test_an_iterator_is_open_before_its_first_result(animator: Animator) -> None:
    predictions = animator.animate_all(GOLDEN.driving)
    with pytest.raises(StateError, match="animate_all is open"):
        animator.set_source(GOLDEN.source)
    predictions.close()
    animator.set_source(GOLDEN.source)


@pytest.mark.parametrize("taken", [0, 1])
def test_closing_or_dropping_an_iterator_frees_the_animator(animator: Animator, taken: int) -> None:
    for end in (lambda iterator: iterator.close(), lambda _iterator: None):
        predictions = animator.animate_all(GOLDEN.driving)
        for _ in range(taken):
            next(predictions)
        end(predictions)
        del predictions
        animator.animate(GOLDEN.driving[0])


def test_failing_frames_free_the_animator(animator: Animator) -> None:
    def broken() -> Iterator[Image]:
        yield GOLDEN.driving[0]
        raise ValueError("the decoder fails")

    predictions = animator.animate_all(broken())
    with pytest.raises(ValueError, match="the decoder fails"):
        list(predictions)
    animator.animate(GOLDEN.driving[0])


def test_the_source_of_frames_cannot_call_the_animator(animator: Animator) -> None:
    def frames() -> Iterator[Image]:
        for frame in GOLDEN.driving:
            animator.keypoints(frame)
            yield frame

    with pytest.raises(StateError, match="animate_all is open"):
        list(animator.animate_all(frames()))


@pytest.mark.parametrize("taken", [0, 1])
def test_closing_the_animator_ends_its_iterator(small_model: Path, taken: int) -> None:
    animator = Animator.load(small_model, "onnxruntime-cpu")
    animator.set_source(GOLDEN.source)
    predictions = animator.animate_all(GOLDEN.driving)
    for _ in range(taken):
        next(predictions)
    animator.close()
    with pytest.raises(StateError, match="this animator is closed"):
        next(predictions)


def test_animate_all_refuses_at_once(small_model: Path) -> None:
    with (
        Animator.load(small_model, "onnxruntime-cpu") as animator,
        pytest.raises(StateError, match="call set_source"),
    ):
        animator.animate_all(GOLDEN.driving)


def test_animate_all_refuses_anything_but_frames(animator: Animator) -> None:
    with pytest.raises(ImageError, match="got a NoneType"):
        list(animator.animate_all([None]))  # type: ignore[list-item]
