"""Squares around faces and around the tubes of clips."""

import numpy as np
import pytest

from fomm_rt.faces.face import Face
from fomm_rt.faces.squares import face_square, tube_square

POINTS = np.zeros((6, 2), np.float32)


def face(x: float, y: float, height: float) -> Face:
    return Face(0.9, (x, y), height, POINTS)


def test_is_centred_on_the_face() -> None:
    square = face_square(face(300, 200, 100), 480, 640)
    assert (square.x, square.y, square.side) == (225, 125, 150)
    assert (square.width, square.height, square.left, square.top) == (150, 150, 0, 0)
    assert face_square(face(300, 200, 100), 480, 640, margin=2.1).side == 210


@pytest.mark.parametrize(
    ("x", "y", "place"), [(10, 200, (0, 125)), (630, 200, (490, 125)), (300, -20, (225, 0)), (300, 500, (225, 330))]
)
def test_is_shifted_into_the_picture(x: float, y: float, place: tuple[int, int]) -> None:
    square = face_square(face(x, y, 100), 480, 640)
    assert (square.x, square.y, square.side) == (*place, 150)


@pytest.mark.parametrize("height", [400, 5000])
def test_a_large_face_gets_the_shorter_side(height: float) -> None:
    square = face_square(face(320, 240, height), 480, 640)
    assert (square.x, square.y, square.side) == (80, 0, 480)


def test_a_tiny_face_gets_a_pixel() -> None:
    assert face_square(face(3, 3, 0.01), 10, 10).side == 1


def test_the_tube_of_a_still_face_is_its_box() -> None:
    square = tube_square([face(300, 200, 100)] * 5, 480, 640)
    assert (square.x, square.y, square.side) == (240, 140, 120)


def test_the_tube_spans_the_whole_movement() -> None:
    square = tube_square([face(x, 200, 100) for x in np.linspace(200, 400, 201)], 480, 640)
    assert square.side == round(1.2 * (76 + 0.96 * 200))
    assert square.x + square.side / 2 == pytest.approx(300, abs=1)


def test_one_wrong_box_does_not_enlarge_the_tube() -> None:
    faces = [face(300, 200, 100)] * 100
    assert tube_square([*faces, face(20, 450, 300)], 480, 640) == tube_square(faces, 480, 640)


def test_the_margin_enlarges_the_tube_alike() -> None:
    assert tube_square([face(300, 200, 100)], 480, 640, margin=3.0).side == 240
