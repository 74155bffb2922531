"""Finding faces in scenes with known faces."""

import hashlib

import numpy as np
import pytest
from numpy.testing import assert_allclose

from fomm_bench.demo_media import demo_picture
from fomm_bench.scenes import AVATARS, PlacedFace, background, scene, subjects
from fomm_rt.errors import ImageError
from fomm_rt.faces.blazeface import FOLDER, FULL_RANGE, SHORT_RANGE, BlazeFace
from fomm_rt.faces.face import Face
from fomm_rt.faces.search import find_faces
from fomm_rt.image import Image
from fomm_rt.media.read.picture import read_picture


def assert_found(faces: list[Face], drawn: list[PlacedFace]) -> None:
    """Every drawn face is found once, at its place and size, and nothing else."""
    assert len(faces) == len(drawn)
    for truth in drawn:
        face = min(faces, key=lambda found: np.hypot(*np.subtract(found.centre, truth.centre)))
        assert_allclose(face.centre, truth.centre, atol=0.12 * truth.height)
        assert face.height == pytest.approx(truth.height, rel=0.2)


@pytest.mark.parametrize(
    ("file", "sha256"),
    [
        ("full_range.onnx", "6bcc12f90ada448540f2882e971747e6b45eeaf335899a49f9bb8030fe49e90f"),
        ("short_range.onnx", "0c1060654bd41e810b6e5a333a7a28482bd695a6c66a382e4562eb3cddfd2605"),
    ],
)
def test_the_networks_are_those_whose_origin_is_documented(file: str, sha256: str) -> None:
    assert hashlib.sha256((FOLDER / file).read_bytes()).hexdigest() == sha256
    assert sha256 in (FOLDER / "ORIGIN.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(("network", "anchors"), [(FULL_RANGE, 2304), (SHORT_RANGE, 896)])
def test_anchors_are_as_many_as_the_network_gives(network: BlazeFace, anchors: int) -> None:
    picture = np.zeros((1, network.side, network.side, 3), np.uint8)
    assert {output.shape[:2] for output in network._session.run(None, {"image": picture})} == {(1, anchors)}
    assert network._anchors.shape == (anchors, 2)


@pytest.mark.parametrize("avatar", range(AVATARS))
def test_finds_every_bundled_avatar(avatar: int) -> None:
    (face,) = find_faces(subjects()[avatar].image)
    assert_allclose(face.centre, (128, 135), atol=12)
    assert face.height == pytest.approx(118, rel=0.12)


def test_finds_the_face_of_a_photograph() -> None:
    (face,) = find_faces(read_picture(demo_picture()))
    right_eye, left_eye, nose, mouth = face.points[:4]
    assert_allclose([right_eye, left_eye], [[204, 101], [247, 103]], atol=4)  # marked by hand
    assert nose[1] < mouth[1]


@pytest.mark.parametrize("share", [0.08, 0.15, 0.3, 0.6])
@pytest.mark.parametrize(("height", "width"), [(480, 640), (900, 500)])
def test_finds_a_face_of_a_share_of_the_longer_side(share: float, height: int, width: int) -> None:
    size = share * max(height, width)
    if size > 0.6 * min(height, width):
        pytest.skip("the head does not fit")
    drawn = PlacedFace(1, (0.55 * width, 0.5 * height), size)
    assert_found(find_faces(scene(height, width, drawn)), [drawn])


@pytest.mark.parametrize("roll_deg", [-90, -45, -20, 20, 45, 90, 180])
def test_finds_a_rolled_face_and_its_roll(roll_deg: int) -> None:
    drawn = PlacedFace(4, (320, 240), 150, roll_deg)
    faces = find_faces(scene(480, 640, drawn))
    assert_found(faces, [drawn])
    assert abs((faces[0].roll_deg - roll_deg + 180) % 360 - 180) < 10


def test_finds_a_group_with_the_largest_face_first() -> None:
    drawn = [PlacedFace(n % AVATARS, (120 + 150 * (n % 5), 150 + 200 * (n // 5)), 70 + 5 * n) for n in range(10)]
    faces = find_faces(scene(480, 900, *drawn))
    assert_found(faces, drawn)
    assert faces == sorted(faces, key=lambda face: -face.prominence)


def test_finds_forty_faces() -> None:
    drawn = [PlacedFace(n % AVATARS, (100 + 170 * (n % 8), 110 + 170 * (n // 8)), 95) for n in range(40)]
    faces = find_faces(scene(900, 1400, *drawn))
    assert 30 <= len(faces) <= 40
    for face in faces:
        assert min(np.hypot(*np.subtract(face.centre, truth.centre)) for truth in drawn) < 15


def test_finds_a_small_face_by_tiles() -> None:
    drawn = PlacedFace(0, (1500, 900), 60)
    assert_found(find_faces(scene(1200, 2000, drawn)), [drawn])


def test_finds_a_face_that_the_border_cuts() -> None:
    (face,) = find_faces(scene(400, 600, PlacedFace(1, (560, 200), 180)))
    assert_allclose(face.centre, (560, 200), atol=30)


@pytest.mark.parametrize(
    "picture",
    [
        background(480, 640),
        np.zeros((300, 300, 3), np.uint8),
        np.random.default_rng(3).integers(0, 256, (256, 256, 3), np.uint8),
        np.zeros((1, 1, 3), np.uint8),
        np.full((1, 5000, 3), 90, np.uint8),
        scene(480, 640, PlacedFace(0, (300, 200), 2)),
    ],
    ids=["blotches", "black", "noise", "one pixel", "one row", "a face of two pixels"],
)
def test_finds_nothing_where_there_is_no_face(picture: Image) -> None:
    assert find_faces(picture) == []


def test_takes_strided_pictures_and_frames() -> None:
    drawn = PlacedFace(3, (200, 200), 120)
    picture = scene(400, 400, drawn)
    frame = type("Frame", (), {"pixels": picture})()
    assert_found(find_faces(np.ascontiguousarray(picture[:, ::-1])[:, ::-1]), [drawn])
    assert_found(find_faces(frame), [drawn])


def test_rejects_other_arrays() -> None:
    with pytest.raises(ImageError, match="grey"):
        find_faces(np.zeros((20, 20), np.uint8))
