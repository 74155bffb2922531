"""The square of a camera's picture."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from fomm_rt.bundled import bundled_avatars
from fomm_rt.image import Image
from fomm_rt.live.controls.state import Crop
from fomm_rt.live.crop import SEARCH_INTERVAL, LiveCrop
from fomm_rt.media.read.picture import read_picture

BY_HAND = Crop(follows_face=False)


@pytest.fixture(scope="module")
def face() -> Image:
    return read_picture(bundled_avatars()[0])


def scene(face: Image, x: int, y: int, side: int = 200) -> Image:
    """A grey picture of a camera with a face at this place."""
    picture = np.full((480, 640, 3), 120, np.uint8)
    picture[y : y + side, x : x + side] = cv2.resize(face, (side, side), interpolation=cv2.INTER_AREA)
    return picture


def test_the_square_follows_a_face_and_rests_while_it_is_lost(face: Image) -> None:
    crop = LiveCrop(2.1)
    left = crop(scene(face, 20, 100), Crop())
    assert left.face is not None
    assert left.square.x + left.square.side / 2 < 250
    for _ in range(40):
        right = crop(scene(face, 400, 100), Crop())
    assert right.square.x + right.square.side / 2 > 400
    lost = crop(np.full((480, 640, 3), 120, np.uint8), Crop())
    assert lost.face is None
    assert lost.square == right.square


def test_a_face_that_comes_is_found_within_a_few_frames(face: Image) -> None:
    crop = LiveCrop(2.1)
    empty = np.full((480, 640, 3), 120, np.uint8)
    assert crop(empty, Crop()).face is None
    found = [crop(scene(face, 300, 100), Crop()).face is not None for _ in range(SEARCH_INTERVAL + 1)]
    assert found[-1]


def test_before_any_face_and_by_hand_the_square_is_centred(face: Image) -> None:
    empty = np.full((480, 640, 3), 120, np.uint8)
    square = LiveCrop(2.1)(empty, Crop()).square
    assert (square.x, square.y, square.side) == (80, 0, 480)
    by_hand = LiveCrop(2.1)(scene(face, 20, 100), BY_HAND)
    assert by_hand.square == square
    assert by_hand.face is not None, "a face is looked for all the same"


def test_it_is_moved_and_zoomed_by_hand() -> None:
    empty = np.full((480, 640, 3), 120, np.uint8)
    crop = LiveCrop(None)
    zoomed = crop(empty, Crop(follows_face=False, zoom=2)).square
    assert (zoomed.x, zoomed.y, zoomed.side) == (200, 120, 240)
    moved = crop(empty, Crop(follows_face=False, zoom=2, x=0.1, y=-0.25)).square
    assert (moved.x, moved.y, moved.side) == (224, 60, 240)
    beyond = crop(empty, Crop(follows_face=False, zoom=2, x=1, y=1)).square
    assert (beyond.x + beyond.side, beyond.y + beyond.side) == (640, 480), "it stays within the picture"
    too_small = crop(empty, Crop(follows_face=False, zoom=0.5)).square
    assert too_small.side == 480


def test_the_square_around_a_face_is_corrected_by_hand(face: Image) -> None:
    plain = LiveCrop(1.5)(scene(face, 300, 150), Crop()).square
    zoomed = LiveCrop(1.5)(scene(face, 300, 150), Crop(zoom=1.25)).square
    assert zoomed.side == pytest.approx(plain.side / 1.25, abs=1)
    assert zoomed.x + zoomed.side / 2 == pytest.approx(plain.x + plain.side / 2, abs=1)


def test_a_model_without_faces_looks_for_none(face: Image) -> None:
    crop = LiveCrop(None)
    assert not crop.looks_for_faces
    assert crop(scene(face, 20, 100), Crop()).face is None


def test_a_camera_that_changes_its_format_starts_over(face: Image) -> None:
    crop = LiveCrop(2.1)
    crop(scene(face, 400, 100), Crop())
    small = cv2.resize(scene(face, 400, 100), (320, 240), interpolation=cv2.INTER_AREA).astype(np.uint8)
    square = crop(small, Crop()).square
    assert square.x + square.side <= 320
    assert square.y + square.side <= 240
