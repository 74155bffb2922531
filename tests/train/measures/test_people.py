"""Measures on people: what perfect and lazy models score, and how subjects of a folder are read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import cast

import cv2
import numpy as np
import pytest

from fomm_rt.animator import Animator
from fomm_rt.errors import TrainingError
from fomm_rt.image import Image
from fomm_rt.motion.keypoints import Keypoints
from fomm_train.measures.people import PeopleMeasures, figures_of, measure_subjects
from fomm_train.measures.picture_warps import WARPS, HeadEllipse, shift_head, warp
from fomm_train.measures.subjects import ASTRONAUT, CLIP_FRAMES, MARKS_FILE, Subject, astronaut, drawn, of_folder

SIZE = 128
SPOTS = np.array([(50, 50), (78, 50), (50, 44), (78, 44), (64, 66), (54, 78), (74, 78), (64, 84)], np.float64)


def _face() -> Image:
    """A bright square for each mark on a dark picture; every square has a colour of its own."""
    picture = np.full((SIZE, SIZE, 3), 40, np.uint8)
    for index, (x, y) in enumerate(SPOTS.astype(int)):
        picture[y - 1 : y + 2, x - 1 : x + 2] = (255, 20 * index + 60, 255 - 25 * index)
    return cv2.GaussianBlur(picture, (0, 0), 1.5).astype(np.uint8)


class FakePerfectAnimator:
    """Shows the driving frame; finds nothing but the given keypoints."""

    relative = True
    adapt_scale = True
    size = SIZE

    def __init__(self) -> None:
        self.source = np.zeros((SIZE, SIZE, 3), np.uint8)

    def set_source(self, source: Image) -> None:
        self.source = source

    def set_reference(self, frame: Image) -> None:
        pass

    def animate(self, frame: Image) -> Image:
        return frame

    def keypoints(self, _frame: Image) -> Keypoints:
        return Keypoints((SPOTS / ((SIZE - 1) / 2) - 1).astype(np.float32), None)


class FakeStillAnimator(FakePerfectAnimator):
    def animate(self, _frame: Image) -> Image:
        return self.source


PERFECT, STILL = (cast(Animator, fake()) for fake in (FakePerfectAnimator, FakeStillAnimator))


def _subject() -> Subject:
    moved = np.roll(_face(), 5, axis=1)
    return Subject("spots", _face(), SPOTS, [moved, np.roll(_face(), 3, axis=0)])


def test_a_perfect_model_has_no_errors() -> None:
    figures = figures_of(PERFECT, _subject())
    assert figures["head_moves"] == 0
    assert figures["still_levels"] == 0
    assert figures["clip_head"] == 0
    assert figures["landmark"] == pytest.approx(0, abs=1e-5)
    assert figures["jitter_pixels"] == 0


def test_showing_the_source_scores_one() -> None:
    figures = figures_of(STILL, _subject())
    assert figures["head_moves"] == pytest.approx(1)
    assert figures["clip_head"] == pytest.approx(1)
    assert figures["still_levels"] == 0


def test_keypoints_that_never_move_err_by_the_motion() -> None:
    picture = _face()
    expected = []
    for motion in WARPS:
        _, matrix = warp(picture, motion)
        wanted = SPOTS @ matrix[:, :2].T + matrix[:, 2]
        inside = ((wanted > 0) & (wanted < SIZE - 1)).all(axis=1)
        expected += list(np.linalg.norm(wanted - SPOTS, axis=1)[inside])
    found = figures_of(PERFECT, _subject())["equivariance_pixels"]
    assert found == pytest.approx(np.mean(expected) * 256 / SIZE, rel=1e-4)


def test_shifting_the_head_moves_it_and_leaves_the_rest() -> None:
    face = _face()
    shifted, inside = shift_head(face, HeadEllipse.of(SPOTS), (6.0, 0.0))
    np.testing.assert_allclose(shifted[40:90, 56:80].astype(int), face[40:90, 50:74].astype(int), atol=3)
    np.testing.assert_array_equal(shifted[:, :4], face[:, :4])
    assert 0.05 < inside.mean() < 0.6


def test_subjects_without_marks_or_clip_are_measured_in_part() -> None:
    figures = figures_of(PERFECT, Subject("spots", _face(), None, []))
    assert "landmark" not in figures
    assert "clip_head" not in figures


def test_means_and_table() -> None:
    measures = measure_subjects(STILL, "spots", [_subject(), _subject()])
    assert measures.subjects == 2
    assert measures.head_moves == pytest.approx(1)
    assert "head moves                 1.000  ≤ 0.45  not met" in measures.table()
    assert "mouth" not in measures.table()
    assert "mouth_of_drawn" not in measures.document()
    assert np.isnan(PeopleMeasures("none").landmark)


def test_reads_pictures_boxes_and_marks_of_a_folder(tmp_path: Path) -> None:
    wide = np.zeros((100, 200, 3), np.uint8)
    wide[20:60, 150:190] = 200
    cv2.imwrite(str(tmp_path / "a.png"), wide)
    cv2.imwrite(str(tmp_path / "b.png"), wide)
    marks = [[float(n), 2.0 * n] for n in range(8)]
    (tmp_path / MARKS_FILE).write_text(json.dumps({"a.png": {"box": [150, 20, 40], "marks": marks}}))
    first, second = of_folder(tmp_path, SIZE)
    assert first.picture.shape == (SIZE, SIZE, 3)
    assert first.picture.min() == 200
    assert first.marks is not None
    np.testing.assert_allclose(first.marks, np.array(marks) * 127 / 255)
    assert second.marks is None
    assert second.picture[:, 0].max() == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a.png": {"bax": 1}}', "expected an object"),
        ('{"a.png": {"marks": [[1, 2]]}}', "expected an object"),
        ('{"missing.png": {}}', "names missing.png"),
        ('{"a.png": {"box": [90, 0, 40]}}', "does not lie within"),
    ],
)
def test_refuses_marks_that_cannot_be_meant(tmp_path: Path, text: str, message: str) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((100, 100, 3), np.uint8))
    (tmp_path / MARKS_FILE).write_text(text)
    with pytest.raises(TrainingError, match=message):
        list(of_folder(tmp_path, SIZE))


def test_refuses_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="expected pictures"):
        list(of_folder(tmp_path, SIZE))
    with pytest.raises(TrainingError, match="expected a folder"):
        list(of_folder(tmp_path / "none", SIZE))


def test_the_astronauts_marks_lie_on_the_face() -> None:
    pytest.importorskip("skimage")
    subject = astronaut(256)
    assert subject is not None
    assert subject.picture.shape == (256, 256, 3)
    assert ASTRONAUT.marks is not None
    x, y = (int(v) for v in ASTRONAUT.marks[4])
    assert subject.picture[y, x, 0] > subject.picture[y, x, 2]  # skin is redder than blue


def test_drawn_faces_have_marks_and_some_perform() -> None:
    performing, still = drawn(SIZE, count=2, clips=1)
    assert len(performing.clip) == CLIP_FRAMES
    assert still.clip == []
    marks = performing.marks
    assert marks is not None
    assert marks.shape == (8, 2)
    assert marks[0, 0] < marks[4, 0] < marks[1, 0]


def test_drawn_faces_are_held_to_their_own_targets() -> None:
    measures = PeopleMeasures("drawn", 12, landmark=0.5, equivariance_pixels=1.2)
    landmark, equivariance = measures.table().splitlines()[1:]
    assert "≤" not in landmark
    assert "≤ 1.00  not met" in equivariance
