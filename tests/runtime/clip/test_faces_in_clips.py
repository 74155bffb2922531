"""animate_file with faces: found, framed, followed and pasted back."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from clips import write_clip
from fomm_bench.scenes import PlacedFace, background, scene
from fomm_rt.animator import Animator
from fomm_rt.clip.animate_file import animate_file
from fomm_rt.errors import ImageError, MotionError, OutputError
from fomm_rt.faces.framing import FaceFraming
from fomm_rt.framing import Framing
from fomm_rt.image import Image
from fomm_rt.media.read.picture import read_picture
from fomm_rt.media.read.video_reader import VideoReader
from fomm_rt.media.write.picture import write_picture

HEIGHT, WIDTH, FRAMES = 240, 400, 21
FIND = FaceFraming(margin=1.5)
LEFT, RIGHT = PlacedFace(1, (110, 120), 100), PlacedFace(4, (290, 120), 86)


def path_of_the_head(index: int) -> PlacedFace:
    return PlacedFace(0, (130 + 3 * index, 120), 90)


@pytest.fixture
def animator(small_model: Path) -> Iterator[Animator]:
    with Animator.load(small_model, source_framing=FIND, driving_framing=FIND) as animator:
        yield animator


@pytest.fixture
def group(tmp_path: Path) -> Path:
    path = tmp_path / "group.png"
    write_picture(path, scene(HEIGHT, WIDTH, LEFT, RIGHT))
    return path


@pytest.fixture
def make_clip(tmp_path: Path) -> Callable[..., Path]:
    def make(name: str, pixels: Callable[[int], Image], frames: int = FRAMES) -> Path:
        return write_clip(tmp_path / name, frames=frames, size=(WIDTH, HEIGHT), pixels=pixels, options={"crf": "12"})

    return make


@pytest.fixture
def clip(make_clip: Callable[..., Path]) -> Path:
    return make_clip("head.mp4", lambda index: scene(HEIGHT, WIDTH, path_of_the_head(index)))


def results(folder: Path, count: int = FRAMES) -> list[Image]:
    return [read_picture(folder / f"{index:03d}.png") for index in range(1, count + 1)]


def inside(square: tuple[int, int, int, int]) -> tuple[slice, slice]:
    x, y, width, height = square
    return np.s_[y : y + height, x : x + width]


def test_squares_are_found_on_both_sides(animator: Animator, group: Path, clip: Path, tmp_path: Path) -> None:
    said: list[str] = []
    report = animate_file(group, clip, tmp_path / "r.mp4", animator=animator, say=said.append)
    ((x, y, side, _),) = report.source_squares
    assert (x + side / 2, y + side / 2) == pytest.approx(LEFT.centre, abs=12)
    assert report.driving_square is not None
    x, y, side, height = report.driving_square
    assert side == height
    assert (x + side / 2, y + side / 2) == pytest.approx((130 + 3 * 10, 120), abs=12)
    assert side == pytest.approx(1.2 * (0.76 * 90 + 3 * 20), rel=0.15)
    assert report.driving_faces == (3, 3)
    assert any("group.png: square" in line for line in said)
    assert any("the face in 3 of 3 searched frames" in line for line in said)
    assert animator.driving_framing == FIND


def test_the_result_is_that_of_these_squares(animator: Animator, group: Path, clip: Path, tmp_path: Path) -> None:
    report = animate_file(group, clip, tmp_path / "found" / "%03d.png", animator=animator)
    animator.source_framing = Framing(rectangle=report.source_squares[0])
    animator.driving_framing = Framing(rectangle=report.driving_square)
    animate_file(group, clip, tmp_path / "given" / "%03d.png", animator=animator)
    assert_array_equal(results(tmp_path / "found"), results(tmp_path / "given"))


def test_pasting_back_leaves_every_pixel_outside_untouched(
    animator: Animator, group: Path, clip: Path, tmp_path: Path
) -> None:
    picture = read_picture(group)
    report = animate_file(group, clip, tmp_path / "%03d.png", animator=animator, paste_back=True)
    assert (report.width, report.height) == (WIDTH, HEIGHT)
    outside = np.ones((HEIGHT, WIDTH), bool)
    outside[inside(report.source_squares[0])] = False
    frames = results(tmp_path)
    for frame in frames:
        assert_array_equal(frame[outside], picture[outside])
    assert (frames[-1] != picture).any()
    # The first frame is the reference: nothing has moved.
    assert_array_equal(frames[0], picture)


def test_all_faces_follow_one_driver(animator: Animator, group: Path, clip: Path, tmp_path: Path) -> None:
    picture = read_picture(group)
    report = animate_file(group, clip, tmp_path / "%03d.png", animator=animator, paste_back=True, all_faces=True)
    assert len(report.source_squares) == 2
    last = results(tmp_path)[-1]
    for square in report.source_squares:
        assert (last[inside(square)] != picture[inside(square)]).any()


def test_every_face_follows_its_own_driver(
    animator: Animator, group: Path, clip: Path, make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    other = make_clip("other.mp4", lambda index: scene(HEIGHT, WIDTH, PlacedFace(4, (200, 100 + 2 * index), 90)), 12)
    both = animate_file(
        group, clip, tmp_path / "both" / "%03d.png", animator=animator, paste_back=True, further_driving=[other]
    )
    animator.source_framing = FaceFraming(1.5, face=2)
    alone = animate_file(group, other, tmp_path / "alone" / "%03d.png", animator=animator, paste_back=True)
    assert both.source_squares[1] == alone.source_squares[0]
    assert both.frames == FRAMES
    x, y, side, _ = alone.source_squares[0]
    own = np.s_[y : y + side, max(x, sum(both.source_squares[0][::2])) : x + side]  # not under the other square
    frames, expected = results(tmp_path / "both"), results(tmp_path / "alone", 12)
    for index in range(FRAMES):
        assert_array_equal(frames[index][own], expected[min(index, 11)][own])  # the last frame is held


def test_a_driver_without_a_face_gets_the_centred_square(
    animator: Animator,
    group: Path,
    make_clip: Callable[..., Path],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    empty = make_clip("empty.mp4", lambda index: background(HEIGHT, WIDTH, index))
    report = animate_file(group, empty, tmp_path / "r.mp4", animator=animator)
    assert report.driving_square == ((WIDTH - HEIGHT) // 2, 0, HEIGHT, HEIGHT)
    assert report.driving_faces == (0, 3)
    assert "no face in 3 frames" in caplog.text


def test_a_face_that_comes_and_goes_is_framed(
    animator: Animator, group: Path, make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    def pixels(index: int) -> Image:
        return scene(HEIGHT, WIDTH, PlacedFace(0, (260, 120), 90)) if 15 <= index < 45 else background(HEIGHT, WIDTH)

    report = animate_file(group, make_clip("gone.mp4", pixels, 60), tmp_path / "r.mp4", animator=animator)
    assert report.driving_square is not None
    x, y, side, _ = report.driving_square
    assert (x + side / 2, y + side / 2) == pytest.approx((260, 120), abs=12)


def test_files_are_framed_by_faces_by_default(
    small_model: Path, group: Path, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[object] = []
    load = Animator.load.__func__  # type: ignore[attr-defined]

    def record(cls: type[Animator], /, *arguments: object, **options: object) -> Animator:
        loaded.append((options["source_framing"], options["driving_framing"]))
        return load(cls, *arguments, **options)  # type: ignore[no-any-return]

    monkeypatch.setattr(Animator, "load", classmethod(record))
    animate_file(group, clip, tmp_path / "r.mp4", model=small_model)
    animate_file(group, clip, tmp_path / "r.mp4", model=small_model, source_framing=Framing("fit"))
    assert loaded == [(FaceFraming(), FaceFraming()), (Framing("fit"), FaceFraming())]


def test_smoothing_also_smooths_a_motion_file(animator: Animator, group: Path, clip: Path, tmp_path: Path) -> None:
    motion = tmp_path / "motion.npz"
    animate_file(group, clip, tmp_path / "plain" / "%03d.png", animator=animator, motion_output=motion)
    animate_file(group, clip, tmp_path / "smooth" / "%03d.png", animator=animator, smooth=0.8)
    animate_file(group, motion, tmp_path / "replayed" / "%03d.png", animator=animator, smooth=0.8)
    smooth = results(tmp_path / "smooth")
    assert_array_equal(smooth, results(tmp_path / "replayed"))
    assert (np.array(smooth) != results(tmp_path / "plain")).any()


def test_refuses_contradicting_options(animator: Animator, group: Path, clip: Path, tmp_path: Path) -> None:
    output = tmp_path / "r.mp4"
    with pytest.raises(ImageError, match="several faces need paste_back"):
        animate_file(group, clip, output, animator=animator, all_faces=True)
    with pytest.raises(ImageError, match="the whole picture"):
        animate_file(group, clip, output, animator=animator, paste_back=True, view="panel")
    with pytest.raises(ImageError, match="2 faces; expected one for each of 3 drivers"):
        animate_file(group, clip, output, animator=animator, paste_back=True, further_driving=[clip, clip])
    with pytest.raises(MotionError, match="from 0 to 1"):
        animate_file(group, clip, output, animator=animator, smooth=2)
    animator.source_framing = Framing("fit")
    with pytest.raises(ImageError, match="leave out the crop"):
        animate_file(group, clip, output, animator=animator, paste_back=True, all_faces=True)
    with pytest.raises(ImageError, match="leave out the fit"):
        animate_file(group, clip, output, animator=animator, paste_back=True)
    with pytest.raises(ImageError, match="by one driver"):
        animate_file(group, clip, output, animator=animator, paste_back=True, all_faces=True, further_driving=[clip])
    assert not output.exists()


def test_all_faces_of_a_picture_without_one(animator: Animator, clip: Path, tmp_path: Path) -> None:
    path = tmp_path / "empty.png"
    write_picture(path, background(HEIGHT, WIDTH))
    with pytest.raises(ImageError, match="no faces; expected at least one"):
        animate_file(path, clip, tmp_path / "r.mp4", animator=animator, paste_back=True, all_faces=True)


def test_absolute_motion_can_be_pasted_back(animator: Animator, group: Path, clip: Path, tmp_path: Path) -> None:
    animator.relative = False
    report = animate_file(group, clip, tmp_path / "%03d.png", animator=animator, paste_back=True)
    assert report.reference_frame is None
    assert (results(tmp_path)[0] != read_picture(group)).any()


def test_warnings_name_the_file(
    animator: Animator, clip: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "empty.png"
    write_picture(path, background(HEIGHT, WIDTH))
    with caplog.at_level(logging.WARNING, "fomm_rt"):
        animate_file(path, clip, tmp_path / "r.mp4", animator=animator)
    assert "no face was found" in caplog.text


def test_the_first_frame_with_the_face_is_the_reference(
    animator: Animator,
    group: Path,
    make_clip: Callable[..., Path],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def pixels(index: int) -> Image:
        return scene(HEIGHT, WIDTH, PlacedFace(0, (200, 120), 90)) if index >= 5 else background(HEIGHT, WIDTH)

    clip = make_clip("late.mp4", pixels)
    for options in ({}, {"best_frame": "auto"}, {"paste_back": True}):
        report = animate_file(group, clip, tmp_path / "r.mp4", animator=animator, **options)
        assert report.reference_frame is not None
        assert report.reference_frame >= 5
    assert "the first frames show no face; frame 5" in caplog.text


def test_the_best_frame_shows_the_face_whole(
    animator: Animator, group: Path, make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    whole = 12

    def pixels(index: int) -> Image:
        return scene(HEIGHT, WIDTH, PlacedFace(1, (110, 120 if index == whole else 22), 100))

    clip = make_clip("cut.mp4", pixels)
    report = animate_file(group, clip, tmp_path / "r.mp4", animator=animator, best_frame="auto")
    assert report.reference_frame == whole


def test_no_input_is_overwritten(animator: Animator, group: Path, clip: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.gif"
    other.write_bytes(b"GIF89a")
    with pytest.raises(OutputError, match="also an input"):
        animate_file(group, clip, other, animator=animator, paste_back=True, further_driving=[other])


def test_a_further_driver_holds_its_pose_over_black_frames(
    animator: Animator, group: Path, clip: Path, make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    def pixels(index: int) -> Image:
        if index >= 8:
            return np.zeros((HEIGHT, WIDTH, 3), np.uint8)
        return scene(HEIGHT, WIDTH, PlacedFace(4, (200, 100 + 3 * index), 90))

    other = make_clip("fades.mp4", pixels)
    report = animate_file(
        group, clip, tmp_path / "%03d.png", animator=animator, paste_back=True, further_driving=[other]
    )
    x, y, side, _ = report.source_squares[1]
    own = np.s_[y : y + side, max(x, sum(report.source_squares[0][::2])) : x + side]
    frames = results(tmp_path)
    assert (frames[7][own] != frames[0][own]).any()
    for frame in frames[8:]:
        assert_array_equal(frame[own], frames[7][own])


def test_the_second_face_of_a_driver_is_never_the_first(
    animator: Animator, group: Path, make_clip: Callable[..., Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    alone = make_clip("alone.mp4", lambda _index: scene(HEIGHT, WIDTH, LEFT))
    later = make_clip("later.mp4", lambda index: scene(HEIGHT, WIDTH, LEFT, *([RIGHT] if index >= 10 else [])))
    animator.driving_framing = FaceFraming(1.5, face=2)
    report = animate_file(group, alone, tmp_path / "r.mp4", animator=animator)
    assert report.driving_faces == (0, 3)
    assert "no face 2 in 3 frames" in caplog.text
    report = animate_file(group, later, tmp_path / "r.mp4", animator=animator)
    assert report.driving_square is not None
    x, y, side, _ = report.driving_square
    assert (x + side / 2, y + side / 2) == pytest.approx(RIGHT.centre, abs=12)


def test_the_reported_size_is_that_of_the_file(animator: Animator, clip: Path, tmp_path: Path) -> None:
    path = tmp_path / "odd.png"
    write_picture(path, scene(241, 401, LEFT))
    report = animate_file(path, clip, tmp_path / "r.mp4", animator=animator, paste_back=True)
    with VideoReader(tmp_path / "r.mp4") as reader:
        assert (reader.width, reader.height) == (report.width, report.height) == (402, 242)
