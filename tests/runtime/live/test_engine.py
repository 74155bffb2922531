"""What the engine makes of camera frames, with the bundled model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import cv2
import numpy as np
import pytest

from fomm_rt import Animator, VideoReader
from fomm_rt.bundled import bundled_avatars, bundled_performance
from fomm_rt.framing import Framing
from fomm_rt.image import Image
from fomm_rt.live.avatars import Avatar, Gallery
from fomm_rt.live.controls.state import Crop, LiveState
from fomm_rt.live.engine import Engine
from fomm_rt.live.frames import CameraFrame, LiveFrame

EMPTY = np.full((480, 640, 3), 120, np.uint8)


@pytest.fixture(scope="module")
def performance() -> list[Image]:
    """Frames of a camera, 640×480, in which a drawn face moves."""
    with VideoReader(bundled_performance()) as reader:
        faces = [frame.pixels for frame, _ in zip(reader.sample(6), range(8), strict=False)]
    return [placed(face, 200, 120) for face in faces]


def placed(face: Image, x: int, y: int) -> Image:
    picture = EMPTY.copy()
    picture[y : y + len(face), x : x + len(face)] = face
    return picture


@pytest.fixture(scope="module")
def avatars() -> list[Avatar]:
    paths = bundled_avatars()
    return [Gallery([path], 256, Framing(), None).avatars[0] for path in paths]


class Seat:
    """An engine, and a camera that gives one frame at a time."""

    def __init__(self) -> None:
        self.animator = Animator.load()
        self.sentences: list[str] = []
        self.engine = Engine(self.animator, self.sentences.append)
        self.sequence = 0

    def show(self, pixels: Image, avatar: Avatar, state: LiveState | None = None) -> LiveFrame:
        frame = CameraFrame(self.sequence, 100 + self.sequence / 30, pixels)
        self.sequence += 1
        return self.engine(frame, avatar, state or LiveState())


@pytest.fixture
def seat() -> Iterator[Seat]:
    seat = Seat()
    yield seat
    seat.animator.close()


def differs(a: Image, b: Image) -> float:
    return float(np.abs(a.astype(np.float32) - b).mean())


def test_the_avatar_is_moved_as_animate_moves_it(seat: Seat, performance: list[Image], avatars: list[Avatar]) -> None:
    by_hand = LiveState(crop=Crop(follows_face=False, zoom=480 / 256, x=8 / 256, y=8 / 256))
    with Animator.load() as expected:
        expected.set_source(avatars[0].picture)
        for pixels in performance[:3]:
            found = seat.show(pixels, avatars[0], by_hand)
            assert found.square is not None
            assert (found.square.x, found.square.y, found.square.side) == (200, 120, 256)
            assert found.driver == "face"
            assert np.array_equal(found.picture, expected.animate(pixels[120:376, 200:456]))
            assert found.kp_driving is not None
            assert found.network_ms is not None
            assert set(found.stages_ms) == {"waiting", "framing", "animation"}


def test_frames_reach_the_backend_in_one_shape(seat: Seat, performance: list[Image], avatars: list[Avatar]) -> None:
    for pixels, crop in zip(performance, (Crop(), Crop(zoom=1.3), Crop(x=0.1), Crop(follows_face=False)), strict=False):
        found = seat.show(pixels, avatars[0], LiveState(crop=crop))
        assert found.driving.shape == (256, 256, 3)
    assert seat.animator.driving_framing == Framing()


def test_a_moved_square_does_not_move_the_avatar(seat: Seat, performance: list[Image], avatars: list[Avatar]) -> None:
    first = seat.show(performance[0], avatars[0], LiveState(crop=Crop(follows_face=False, zoom=1.6)))
    moved = seat.show(performance[0], avatars[0], LiveState(crop=Crop(follows_face=False, zoom=1.6, x=0.06, y=0.03)))
    other = seat.show(performance[4], avatars[0], LiveState(crop=Crop(follows_face=False, zoom=1.6)))
    assert first.square != moved.square
    assert differs(first.picture, moved.picture) < 0.35 * differs(first.picture, other.picture)


def test_another_avatar_is_shown_at_the_next_frame(seat: Seat, performance: list[Image], avatars: list[Avatar]) -> None:
    one = seat.show(performance[0], avatars[0])
    other = seat.show(performance[0], avatars[1])
    assert differs(other.picture, avatars[1].picture) < differs(other.picture, avatars[0].picture)
    again = seat.show(performance[0], avatars[0])
    assert np.array_equal(again.picture, one.picture), "the reference stays"


def test_only_the_latest_prepared_sources_are_kept(
    seat: Seat, performance: list[Image], avatars: list[Avatar], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fomm_rt.live.engine.SOURCES_KEPT", 2)
    for avatar in avatars[:4]:
        seat.show(performance[0], avatar)
    assert list(seat.engine._sources) == avatars[2:4]


def test_the_reference_can_be_set_again(seat: Seat, performance: list[Image], avatars: list[Avatar]) -> None:
    rest = seat.show(performance[0], avatars[0])
    turned = seat.show(performance[4], avatars[0])
    seat.engine.set_reference()
    assert differs(rest.picture, turned.picture) > 1
    now_at_rest = seat.show(performance[4], avatars[0])
    assert differs(rest.picture, now_at_rest.picture) < 0.5 * differs(rest.picture, turned.picture)


def test_the_best_reference_so_far_is_found(seat: Seat, performance: list[Image], avatars: list[Avatar]) -> None:
    seat.engine.set_best_reference()
    assert seat.sentences == ["no face has been found yet, so there is no best reference"]
    for pixels in performance:
        seat.show(pixels, avatars[0])
    best = seat.engine._best.pose
    assert best is not None
    seat.engine.set_best_reference()
    seat.show(performance[0], avatars[0])
    assert seat.engine._reference is best


def test_without_a_face_the_person_is_not_shown(seat: Seat, performance: list[Image], avatars: list[Avatar]) -> None:
    nobody = seat.show(EMPTY, avatars[0])
    assert nobody.driver == "source"
    assert np.array_equal(nobody.picture, avatars[0].picture)
    animated = seat.show(performance[2], avatars[0])
    for _ in range(6):
        animated = seat.show(performance[2], avatars[0])
    assert animated.driver == "face"
    held = seat.show(EMPTY, avatars[0])
    assert held.driver == "held"
    assert np.array_equal(held.picture, animated.picture)
    assert held.kp_driving is None


def test_the_camera_is_shown_on_demand_alone(seat: Seat, performance: list[Image], avatars: list[Avatar]) -> None:
    state = LiveState(passthrough=True)
    assert seat.show(performance[0], avatars[0], state).picture is performance[0]
    assert seat.show(performance[0], avatars[0], replace(state, passthrough=False)).driver == "face"


@pytest.mark.parametrize("view", ["panel", "explain"])
def test_views_leave_the_result_as_it_is(
    seat: Seat, performance: list[Image], avatars: list[Avatar], view: str
) -> None:
    plain = seat.show(performance[0], avatars[0])
    viewed = seat.show(performance[0], avatars[0], LiveState(view=view))  # type: ignore[arg-type]
    assert plain.view_picture is None
    assert np.array_equal(viewed.picture, plain.picture)
    assert viewed.view_picture is not None
    assert viewed.view_picture.shape[1] >= 3 * 256


def test_smoothing_delays_a_sudden_motion(seat: Seat, performance: list[Image], avatars: list[Avatar]) -> None:
    smooth = LiveState(smoothing=1.0)
    rest = [seat.show(performance[0], avatars[0], smooth) for _ in range(5)][-1]
    smoothed = seat.show(performance[4], avatars[0], smooth)
    direct = seat.show(performance[4], avatars[0])
    assert differs(rest.picture, smoothed.picture) < differs(rest.picture, direct.picture)


def test_absolute_motion_takes_over_the_pose(seat: Seat, performance: list[Image], avatars: list[Avatar]) -> None:
    relative = seat.show(performance[4], avatars[0])
    absolute = seat.show(performance[4], avatars[0], LiveState(relative=False))
    assert differs(relative.picture, absolute.picture) > 1
    assert np.array_equal(seat.show(performance[4], avatars[0]).picture, relative.picture)


def test_a_camera_may_change_its_format(seat: Seat, performance: list[Image], avatars: list[Avatar]) -> None:
    seat.show(performance[0], avatars[0])
    small = cv2.resize(performance[4], (320, 240), interpolation=cv2.INTER_AREA).astype(np.uint8)
    changed = seat.show(small, avatars[0])
    assert changed.driver == "face"
    assert differs(changed.picture, avatars[0].picture) < 12, "its first frame is the new reference"


def test_an_avatar_rests_before_the_camera_begins(seat: Seat, avatars: list[Avatar]) -> None:
    rest = seat.engine.rest(avatars[3], 5.0)
    assert rest.sequence is None
    assert rest.driver == "source"
    assert np.array_equal(rest.picture, avatars[3].picture)
