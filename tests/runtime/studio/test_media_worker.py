"""Faces in what was uploaded."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from clips import write_clip
from fomm_rt.bundled import bundled_avatars
from fomm_rt.clip.animate_file import animate_file
from fomm_rt.image import Image
from fomm_rt.media.read.picture import read_picture
from fomm_rt.studio.media_worker import look_for_faces
from fomm_rt.studio.messages import FindFaces, FoundFaces


def film_of_a_moving_face(path: Path, first: int = 0) -> Path:
    """A face that is there from a frame on and moves to the right; 21 frames, 320×160."""
    face = cv2.resize(read_picture(bundled_avatars()[0]), (128, 128))

    def pixels(index: int) -> Image:
        picture = np.full((160, 320, 3), 100, np.uint8)
        if index >= first:
            picture[16:144, 60 + 4 * index : 188 + 4 * index] = face
        return picture

    return write_clip(path, frames=21, size=(320, 160), pixels=pixels, options={"crf": "10"})


def faces_in(film: Path) -> FoundFaces:
    return look_for_faces(FindFaces(path=str(film), kind="driver", model=None))


@pytest.mark.parametrize("first", [0, 10])
def test_the_square_of_a_film_is_the_one_that_a_job_uses(tmp_path: Path, first: int) -> None:
    film = film_of_a_moving_face(tmp_path / "film.mp4", first)
    found = faces_in(film)
    report = animate_file(bundled_avatars()[0], film, tmp_path / "result.mp4")
    assert report.driving_square is not None
    assert found.square == tuple(report.driving_square[:3])
    assert [face.number for face in found.faces] == [1]
    assert found.faces[0].square == found.square


def test_a_film_without_a_face_offers_its_middle(tmp_path: Path) -> None:
    film = film_of_a_moving_face(tmp_path / "film.mp4", first=100)
    assert faces_in(film) == FoundFaces(320, 160, (80, 0, 160), [])
