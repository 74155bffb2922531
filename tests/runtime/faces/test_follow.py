"""Following a face through clips with known paths."""

from collections.abc import Iterator

import numpy as np
import pytest

from fomm_bench.scenes import PlacedFace, background, scene
from fomm_rt.faces.face import Face
from fomm_rt.faces.follow import FaceFollower
from fomm_rt.faces.search import find_faces
from fomm_rt.image import Image

HEIGHT, WIDTH = 360, 480


def path(frames: int) -> Iterator[PlacedFace]:
    for t in np.linspace(0, 1, frames):
        yield PlacedFace(1, (120 + 240 * t, 180 + 40 * np.sin(6 * t)), 110 + 30 * t)


@pytest.fixture
def searches(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One entry for every search of a whole frame."""
    calls: list[int] = []

    def counted(frame: Image) -> list[Face]:
        calls.append(1)
        return find_faces(frame)

    monkeypatch.setattr("fomm_rt.faces.follow.find_faces", counted)
    return calls


def test_follows_a_path_with_one_search(searches: list[int]) -> None:
    follower = FaceFollower()
    for drawn in path(30):
        face = follower(scene(HEIGHT, WIDTH, drawn))
        assert face is not None
        assert np.hypot(*np.subtract(face.centre, drawn.centre)) < 0.12 * drawn.height
        assert face.height == pytest.approx(drawn.height, rel=0.15)
    assert len(searches) == 1


def test_a_resting_face_has_a_resting_box() -> None:
    follower, rng = FaceFollower(), np.random.default_rng(0)
    still = scene(HEIGHT, WIDTH, PlacedFace(2, (240, 180), 130)).astype(np.int16)
    faces = [follower((still + rng.normal(0, 3, still.shape)).clip(0, 255).astype(np.uint8)) for _ in range(12)]
    centres = np.array([face.centre for face in faces if face is not None])
    assert len(centres) == 12
    assert np.ptp(centres, axis=0).max() < 0.02 * 130


def test_finds_the_face_again_after_it_left(searches: list[int]) -> None:
    follower = FaceFollower()
    drawn = PlacedFace(1, (150, 180), 120)
    assert follower(scene(HEIGHT, WIDTH, drawn)) is not None
    empty = background(HEIGHT, WIDTH)
    assert [follower(empty) for _ in range(3)] == [None] * 3
    assert len(searches) == 4
    again = follower(scene(HEIGHT, WIDTH, PlacedFace(1, (330, 180), 120)))
    assert again is not None
    assert again.centre[0] == pytest.approx(330, abs=15)


def test_searches_less_often_while_there_is_no_face(searches: list[int]) -> None:
    follower, empty = FaceFollower(search_interval=5), background(HEIGHT, WIDTH)
    assert [follower(empty) for _ in range(11)] == [None] * 11
    assert len(searches) == 3
    # The next search is due in four frames.
    frames = [follower(scene(HEIGHT, WIDTH, PlacedFace(1, (150, 180), 120))) for _ in range(5)]
    assert [face is not None for face in frames] == [False, False, False, False, True]


def test_stays_with_its_person() -> None:
    follower = FaceFollower()
    still = PlacedFace(4, (130, 180), 120)
    for x in np.linspace(440, 260, 12):
        face = follower(scene(HEIGHT, WIDTH, still, PlacedFace(1, (x, 180), 110)))
        assert face is not None
        assert face.centre[0] == pytest.approx(130, abs=12)


def test_starts_with_the_face_it_is_given(searches: list[int]) -> None:
    picture = scene(HEIGHT, WIDTH, PlacedFace(4, (130, 180), 130), PlacedFace(1, (350, 180), 110))
    first, second = find_faces(picture)
    follower = FaceFollower(second)
    face = follower(picture)
    assert face is not None
    assert face.centre[0] == pytest.approx(350, abs=12)
    assert first.centre[0] == pytest.approx(130, abs=12)
    assert not searches
