"""Faces of real clips and paintings, uncropped."""

from itertools import islice
from pathlib import Path

import pytest

from fomm_rt.clip.driving import open_driving
from fomm_rt.clip.driving_square import find_driving_square
from fomm_rt.faces.search import find_faces
from fomm_rt.faces.squares import face_square
from fomm_rt.media.read.picture import read_picture

MARGIN = 1.5


@pytest.mark.parametrize("name", ["source_mona_lisa.jpg", "source_pearl_earring.jpg"])
def test_a_painting_is_framed_by_its_face(shared_media: Path, name: str) -> None:
    picture = read_picture(shared_media / name)
    (face,) = find_faces(picture)
    square = face_square(face, picture.shape[0], picture.shape[1], MARGIN)
    x, y, width, height = face.box
    assert square.x <= x
    assert square.y <= y
    assert x + width <= square.x + square.side
    assert y + height <= square.y + square.side
    assert 0.55 <= height / square.side <= 0.75


def test_every_clip_is_framed_by_the_tube_of_its_face(shared_media: Path) -> None:
    clips = sorted(shared_media.glob("*.mp4"))
    assert clips
    for path in clips:
        with open_driving(path) as driving:
            found = find_driving_square(driving, MARGIN, 1, lambda _done: None)
            assert found.square is not None
            assert found.with_face == found.looked_at
            assert found.shows_face_at_once
            s = found.square
            for frame in islice(driving.sample(25), 8):
                assert frame.pixels is not None
                x, y, width, height = find_faces(frame.pixels)[0].box
                inside_x = min(x + width, s.x + s.side) - max(x, s.x)
                inside_y = min(y + height, s.y + s.side) - max(y, s.y)
                assert inside_x * inside_y >= 0.97 * width * height
