"""The square that follows a camera's face without shaking."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from fomm_rt.faces.dead_zone import DeadZoneSquare, moved_keypoints
from fomm_rt.faces.face import Face
from fomm_rt.framing import Region
from fomm_rt.motion.keypoints import Keypoints

POINTS = np.zeros((6, 2), np.float32)
HEIGHT, WIDTH = 720, 1280


def face(x: float, y: float, height: float) -> Face:
    return Face(0.9, (x, y), height, POINTS)


def centre(square: Region) -> tuple[float, float]:
    return square.x + square.side / 2, square.y + square.side / 2


def test_rests_while_the_face_moves_little() -> None:
    dead_zone, rng = DeadZoneSquare(), np.random.default_rng(0)
    squares = set()
    for _ in range(200):
        x, y = np.array([600, 350]) + rng.uniform(-15, 15, 2)
        squares.add(dead_zone(face(x, y, 200 * rng.uniform(0.95, 1.05)), HEIGHT, WIDTH))
    assert len(squares) == 1


def test_glides_to_a_face_that_went_far_and_rests_there() -> None:
    dead_zone = DeadZoneSquare()
    start = dead_zone(face(500, 350, 200), HEIGHT, WIDTH)
    squares = [dead_zone(face(700, 350, 200), HEIGHT, WIDTH) for _ in range(100)]
    steps = np.diff([start.x, *(square.x for square in squares)])
    assert steps.min() >= 0
    assert steps.max() <= 0.12 * 200 + 1
    assert centre(squares[-1])[0] == pytest.approx(700, abs=0.03 * 200 + 1)
    assert len(set(squares[-20:])) == 1


def test_follows_the_size() -> None:
    dead_zone = DeadZoneSquare(margin=2.0)
    assert dead_zone(face(600, 350, 150), HEIGHT, WIDTH).side == 300
    sides = [dead_zone(face(600, 350, 220), HEIGHT, WIDTH).side for _ in range(100)]
    assert sides[-1] == pytest.approx(440, rel=0.04)
    assert (np.diff(sides) >= 0).all()


def test_stays_within_the_frame() -> None:
    dead_zone = DeadZoneSquare()
    for x in np.linspace(640, 1300, 60):
        square = dead_zone(face(x, 700, 300), HEIGHT, WIDTH)
        assert square.x >= 0
        assert square.y >= 0
        assert square.x + square.side <= WIDTH
        assert square.y + square.side <= HEIGHT


def test_keypoints_move_with_the_square() -> None:
    old, new, size = Region(100, 50, 200, 200, 0, 0, 200), Region(130, 40, 260, 260, 0, 0, 260), 256
    picture = np.array([[150.0, 120.0], [222.0, 90.0]])  # positions in the picture, in pixels

    def seen(square: Region) -> np.ndarray:
        pixel = (picture - [square.x, square.y]) * size / square.side - 0.5
        return (2 * pixel / (size - 1) - 1).astype(np.float32)

    jacobian = np.tile(np.eye(2, dtype=np.float32), (2, 1, 1))
    moved = moved_keypoints(Keypoints(seen(old), jacobian), old, new, size)
    assert_allclose(moved.value, seen(new), atol=1e-6)
    assert moved.value.dtype == np.float32
    assert moved.jacobian is not None
    assert_allclose(moved.jacobian, jacobian * 200 / 260)
    assert moved_keypoints(Keypoints(seen(old)), old, new, size).jacobian is None
