"""Choosing the reference frame: frames that show nothing are passed over, and that is said."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from clips import write_clip
from fomm_rt.animator import Animator
from fomm_rt.bundled import bundled_avatars, bundled_performance
from fomm_rt.clip.animate_file import animate_file
from fomm_rt.clip.demo import run_demo
from fomm_rt.clip.driving import DrivingFrame
from fomm_rt.clip.reference import LEAST_CONTRAST, BestFrame, ChosenFrame, PoseHold, ReferenceSearch, contrast
from fomm_rt.errors import MotionError
from fomm_rt.image import Image
from fomm_rt.media.read.picture import read_picture
from fomm_rt.media.read.video_reader import VideoReader
from fomm_rt.media.write.picture import write_picture
from golden_files import Golden

GOLDEN = Golden("small_aligned")
BLACK, WHITE, GREY = (np.full((64, 64, 3), level, np.uint8) for level in (0, 255, 128))
SHOWN = GOLDEN.driving[0]
NOISE = np.random.default_rng(0).integers(0, 12, (64, 64, 3), np.uint8)


@pytest.fixture
def animator(small_model: Path) -> Iterator[Animator]:
    with Animator.load(small_model) as animator:
        animator.set_source(GOLDEN.source)
        yield animator


def choose(animator: Animator, pictures: Sequence[Image], best_frame: BestFrame | None) -> ChosenFrame:
    frames = [DrivingFrame(index, Fraction(index, 25), picture) for index, picture in enumerate(pictures)]
    return ReferenceSearch(animator, best_frame).find(frames)


def test_contrast() -> None:
    assert contrast(BLACK) == contrast(WHITE) == contrast(GREY) == 0
    assert contrast(NOISE) < 8
    halves = np.concatenate([BLACK, WHITE])
    assert contrast(halves) == 255
    assert contrast(halves[:, :, ::-1] // 2) == pytest.approx(127, abs=1)
    assert contrast(SHOWN) > LEAST_CONTRAST


@pytest.mark.parametrize("blank", [BLACK, WHITE, GREY, NOISE, SHOWN // 16, 240 + SHOWN // 17])
def test_frames_without_contrast_are_passed_over(animator: Animator, blank: Image) -> None:
    reference = choose(animator, [blank, blank, blank, SHOWN, blank], None)
    assert reference.index == 3
    assert np.array_equal(reference.keypoints.value, animator.keypoints(SHOWN).value)
    assert reference.note is not None
    assert "frame 3" in reference.note


def test_the_first_frame_is_taken_if_it_shows_something(animator: Animator) -> None:
    assert choose(animator, [SHOWN, GOLDEN.driving[1]], None).index == 0
    assert choose(animator, [SHOWN, BLACK], None).note is None


def test_the_best_frame_has_contrast(animator: Animator) -> None:
    animator.set_source(BLACK)  # whose pose is nearest to that of a black frame
    reference = choose(animator, [BLACK, SHOWN, BLACK], "auto")
    assert (reference.index, reference.note) == (1, None)


def test_a_frame_that_is_asked_for_is_taken_with_a_warning(animator: Animator) -> None:
    reference = choose(animator, [SHOWN, BLACK, SHOWN], 1)
    assert reference.index == 1
    assert reference.note is not None
    assert "frame 1 was asked for" in reference.note
    assert choose(animator, [BLACK, SHOWN], 1).note is None


@pytest.mark.parametrize("best_frame", [None, "auto"])
def test_without_any_contrast_the_frame_that_has_most_is_taken(
    animator: Animator, best_frame: BestFrame | None
) -> None:
    reference = choose(animator, [BLACK, NOISE, BLACK], best_frame)
    assert reference.index == 1
    assert reference.note is not None
    assert "no frame shows enough" in reference.note


def test_recorded_keypoints_are_taken_as_they_are(animator: Animator) -> None:
    frames = [DrivingFrame(0, Fraction(0), animator.keypoints(SHOWN))]
    reference = ReferenceSearch(animator, None).find(frames)
    assert (reference.index, reference.note) == (0, None)


def test_a_clip_without_frames_has_no_reference(animator: Animator) -> None:
    with pytest.raises(MotionError, match="has 0 frames"):
        choose(animator, [], None)


def black_lead_in(path: Path) -> Path:
    """Three black frames, then four of the golden's."""

    def pixels(index: int) -> Image:
        return BLACK if index < 3 else GOLDEN.driving[index % 3]

    return write_clip(path, frames=7, size=(64, 64), pixels=pixels, codec="ffv1", pix_fmt="bgr0")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    write_picture(tmp_path / "source.png", GOLDEN.source)
    return tmp_path / "source.png"


def test_a_black_lead_in_does_not_spoil_the_result(
    animator: Animator, source: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clip = black_lead_in(tmp_path / "clip.mkv")
    report = animate_file(source, clip, tmp_path / "a-%d.png", animator=animator)
    assert report.reference_frame == 3
    assert report.frames == 7
    assert [record.message for record in caplog.records] == [
        f"{clip}: the first frames show hardly any contrast; frame 3, the first that is usable, is the reference",
        f"{clip}: 3 frames have hardly any contrast and keep the pose of neighbouring frames",
    ]
    asked = animate_file(source, clip, tmp_path / "b-%d.png", animator=animator, best_frame=3)
    assert asked.reference_frame == 3
    pictures = [read_picture(tmp_path / f"a-{number}.png") for number in range(1, 8)]
    for number, picture in enumerate(pictures, start=1):
        assert np.array_equal(picture, read_picture(tmp_path / f"b-{number}.png"))
    # The black frames keep the pose of the reference, so the source keeps its own.
    assert all(np.array_equal(picture, pictures[3]) for picture in pictures[:3])
    assert not np.array_equal(pictures[3], pictures[4])


def test_poses_are_held_over_frames_that_show_nothing(animator: Animator) -> None:
    pictures = [BLACK, SHOWN, GOLDEN.driving[1], BLACK, SHOWN // 16, GOLDEN.driving[2]]
    frames = [DrivingFrame(index, Fraction(index, 25), picture) for index, picture in enumerate(pictures)]
    hold = PoseHold(animator, frames[1])
    held = [hold(frame) for frame in frames]
    drives = [SHOWN, SHOWN, GOLDEN.driving[1], GOLDEN.driving[1], GOLDEN.driving[1], GOLDEN.driving[2]]
    for frame, picture in zip(held, drives, strict=True):
        assert frame.pixels is not None
        assert np.array_equal(frame.pixels, picture)
    assert [frame.shown is None for frame in held] == [False, True, True, False, False, True]
    assert held[3].shown is BLACK
    assert [(frame.index, frame.time) for frame in held] == [(frame.index, frame.time) for frame in frames]
    assert (hold.reference, hold.count) == (1, 3)
    assert hold.note() == "3 frames have hardly any contrast and keep the pose of neighbouring frames"


@pytest.mark.parametrize("reference", [None, DrivingFrame(0, Fraction(0), BLACK)])
def test_nothing_is_held_without_a_reference_that_shows_something(
    animator: Animator, reference: DrivingFrame | None
) -> None:
    hold = PoseHold(animator, reference)
    frame = DrivingFrame(1, Fraction(1), BLACK)
    assert hold(frame) is frame
    assert hold.note() is None


def test_absolute_motion_does_not_look_for_a_reference(
    small_model: Path, source: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clip = black_lead_in(tmp_path / "clip.mkv")
    report = animate_file(source, clip, tmp_path / "a-%d.png", model=small_model, relative=False)
    assert report.reference_frame is None
    assert not caplog.records


def test_the_demo_passes_over_a_black_lead_in(
    small_model: Path, source: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clip = black_lead_in(tmp_path / "clip.mkv")
    with Animator.load(small_model) as animator:
        run_demo(tmp_path / "demo", also=(source, clip), animator=animator)
    assert "frame 3, the first that is usable, is the reference" in caplog.text


def test_keypoints_hold_down_to_the_least_contrast() -> None:
    """LEAST_CONTRAST is chosen by how far keypoints move, of a range of 2, when a face fades to black or white."""
    with VideoReader(bundled_performance()) as reader:
        faces = [frame.pixels for frame in reader][::60] + [read_picture(path) for path in bundled_avatars()[:2]]
    with Animator.load() as animator:
        for target in (0.0, 255.0):

            def moved(face: Image, wanted: float, target: float = target) -> float:
                share = wanted / contrast(face)
                faded = (target + (face - target) * share).round().clip(0, 255).astype(np.uint8)
                return float(np.abs(animator.keypoints(faded).value - animator.keypoints(face).value).mean())

            assert np.median([moved(face, LEAST_CONTRAST) for face in faces]) < 0.03
            assert np.median([moved(face, LEAST_CONTRAST / 3) for face in faces]) > 0.1
