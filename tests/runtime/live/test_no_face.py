"""What is shown while no face is seen."""

from __future__ import annotations

import numpy as np

from fomm_rt.live.no_face import FADE_S, HOLD_S, NoFace

SOURCE, LAST, CAMERA = (np.full((4, 4, 3), level, np.uint8) for level in (0, 200, 77))


def lost() -> NoFace:
    no_face = NoFace()
    no_face.animated(LAST)
    return no_face


def test_the_last_picture_is_held_then_fades_into_the_source() -> None:
    no_face = lost()
    assert no_face(SOURCE, CAMERA, "hold", 10.0) == (LAST, "held")
    assert no_face(SOURCE, CAMERA, "hold", 10.0 + HOLD_S - 0.01) == (LAST, "held")
    picture, driver = no_face(SOURCE, CAMERA, "hold", 10.0 + HOLD_S + FADE_S / 2)
    assert driver == "fading"
    assert np.all(picture == 100)
    picture, driver = no_face(SOURCE, CAMERA, "hold", 10.0 + HOLD_S + FADE_S + 0.001)
    assert driver == "source"
    assert np.array_equal(picture, SOURCE)


def test_the_policy_source_fades_at_once() -> None:
    no_face = lost()
    picture, driver = no_face(SOURCE, CAMERA, "source", 10.0)
    assert driver == "fading"
    assert np.array_equal(picture, LAST)
    assert no_face(SOURCE, CAMERA, "source", 10.0 + FADE_S + 0.001)[1] == "source"


def test_the_camera_is_shown_only_if_it_was_chosen() -> None:
    no_face = lost()
    picture, driver = no_face(SOURCE, CAMERA, "passthrough", 10.0)
    assert driver == "passthrough"
    assert np.array_equal(picture, CAMERA)
    for time_s in (10.0, 12.5, 100.0):
        assert not np.array_equal(no_face(SOURCE, CAMERA, "hold", time_s)[0], CAMERA)


def test_a_face_that_returns_restarts_the_hold_time() -> None:
    no_face = lost()
    no_face(SOURCE, CAMERA, "hold", 10.0)
    no_face.animated(LAST)
    assert no_face(SOURCE, CAMERA, "hold", 10.0 + 2 * HOLD_S)[1] == "held"


def test_before_any_face_and_after_a_switch_the_avatar_rests() -> None:
    assert NoFace()(SOURCE, CAMERA, "hold", 0.0)[1] == "source"
    no_face = lost()
    no_face.forget()
    assert no_face(SOURCE, CAMERA, "hold", 0.0)[1] == "source"
