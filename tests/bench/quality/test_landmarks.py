"""Facial landmarks of predictions against those of true frames, in composed scenes."""

from __future__ import annotations

import numpy as np
import pytest

from fomm_bench.quality.landmarks import LandmarkQuality, TrueFace, TrueFaces, compare_landmarks
from fomm_bench.scenes import PlacedFace, background, scene
from fomm_rt.image import Image

SIZE = 256
EMPTY = background(SIZE, SIZE)


def picture(x: float, y: float, height: float = 110, subject: int = 1) -> Image:
    return scene(SIZE, SIZE, PlacedFace(subject, (x, y), height))


def true_face(frame: Image) -> TrueFace:
    face = TrueFaces()(frame)
    assert face is not None
    return face


def test_equal_frames_have_no_distance() -> None:
    frame = picture(128, 130)
    assert true_face(frame).compare(frame) == LandmarkQuality(False, 0, 0)


@pytest.mark.parametrize("subject", [1, 3, 7])
@pytest.mark.parametrize(("dx", "dy"), [(6, -8), (-12, 0)])
def test_a_moved_face_is_as_far_as_it_moved(subject: int, dx: int, dy: int) -> None:
    face = true_face(picture(128, 130, subject=subject))
    quality = face.compare(picture(128 + dx, 130 + dy, subject=subject))
    moved = float(np.hypot(dx, dy))
    assert quality.landmark_px == pytest.approx(moved, abs=0.8)
    eyes_px = float(np.hypot(*(face.points[1] - face.points[0])))
    assert quality.landmark_eye_distances == pytest.approx((quality.landmark_px or 0) / eyes_px)


def test_a_prediction_without_a_face_is_a_missing_face() -> None:
    assert true_face(picture(128, 130)).compare(EMPTY) == LandmarkQuality(True, None, None)
    assert true_face(picture(128, 130)).compare(np.zeros_like(EMPTY)).face_missing


def test_a_true_frame_without_a_face_misses_none() -> None:
    face = TrueFaces()(EMPTY)
    assert face is None
    assert compare_landmarks(face, picture(128, 130)) == LandmarkQuality(None, None, None)


def test_of_two_faces_the_nearer_one_counts() -> None:
    face = true_face(picture(90, 128, 70))
    both = scene(SIZE, SIZE, PlacedFace(1, (90, 128), 70), PlacedFace(3, (170, 128), 80))
    quality = face.compare(both)
    assert quality.landmark_px is not None
    assert quality.landmark_px < 3


def test_follows_the_true_face() -> None:
    true_faces = TrueFaces()
    found = []
    for x in (70, 100, 130, 160, 190):
        frame = picture(x, 128, 80)
        face = true_faces(frame)
        assert face is not None
        assert face.compare(frame).landmark_px == 0
        found.append(float(face.points[:, 0].mean()))
    assert np.diff(found) == pytest.approx([30] * 4, abs=4)


def test_faces_that_leave_and_return_are_found() -> None:
    true_faces = TrueFaces()
    shown = [true_faces(frame) is not None for frame in (EMPTY, picture(100, 128), EMPTY, picture(150, 128))]
    assert shown == [False, True, False, True]
