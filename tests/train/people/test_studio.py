"""Pictures of rendered people, and the exact motion between them."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from fomm_train.faces import BACKGROUND, HEAD, TORSO, Pose
from fomm_train.people import Moment, Studio, draw_person, landmarks
from fomm_train.people.motion import Motion, View, motion, view

PERSON = draw_person(2)
CALM = Moment(Pose())
TURNED = Moment(Pose(yaw=0.25, pitch=0.1, roll=0.1, x=0.05, mouth_open=0.5))


def _turning(camera: Studio, size: int) -> tuple[View, Motion]:
    """The turned view, and the motion to it from the calm one."""
    turned = view(camera, PERSON, TURNED, size)
    return turned, motion(turned, view(camera, PERSON, CALM, size))


def test_equal_arguments_give_equal_pictures(camera: Studio) -> None:
    picture = camera.picture(PERSON, CALM)
    assert picture.shape == (96, 96, 3)
    assert picture.dtype == np.uint8
    other = camera.picture(draw_person(5), CALM)
    assert np.abs(picture.astype(int) - other).mean() > 10
    np.testing.assert_array_equal(camera.picture(PERSON, CALM), picture)


def test_the_map_of_bodies_agrees_with_the_landmarks(camera: Studio) -> None:
    found = view(camera, PERSON, CALM, 64).body
    places = np.rint((landmarks(PERSON, CALM).value.numpy() + 1) * 31.5).astype(int)
    assert all(found[y, x] == HEAD for x, y in places[:8])
    assert found[2, 2] == BACKGROUND
    assert found[63, 32] == TORSO


def test_a_still_person_has_no_motion(camera: Studio) -> None:
    turned = view(camera, PERSON, TURNED, 48)
    still = motion(turned, turned)
    axis = np.linspace(-1, 1, 48)
    np.testing.assert_allclose(still.flow, np.stack(np.meshgrid(axis, axis), axis=-1), atol=1e-4)
    assert still.shown.mean() > 0.99


def test_the_flow_leads_from_landmarks_to_landmarks(camera: Studio) -> None:
    size = 96
    _, found = _turning(camera, size)
    now, before = (landmarks(PERSON, moment).value.numpy() for moment in (TURNED, CALM))
    for index in (2, 3, 4):  # lids and lips hide each other's edges
        x, y = np.rint((now[index] + 1) * 0.5 * (size - 1)).astype(int)
        here = (np.array([x, y]) / (size - 1)) * 2 - 1
        step = found.flow[y, x] - here
        assert step == pytest.approx(before[index] - now[index], abs=0.02)


def test_the_source_carried_along_the_flow_is_the_driving_picture(camera: Studio) -> None:
    size = 96
    source, driving = camera.picture(PERSON, CALM), camera.picture(PERSON, TURNED)
    seen, found = _turning(camera, size)
    places = ((found.flow + 1) * 0.5 * (size - 1)).astype(np.float32)
    carried = cv2.remap(source, places[..., 0], places[..., 1], cv2.INTER_LINEAR)
    head = found.shown & (seen.body == HEAD)
    assert head.mean() > 0.15
    error = np.abs(carried.astype(int) - driving)[head].mean()
    assert error < 0.55 * np.abs(source.astype(int) - driving)[head].mean()


def test_people_are_released_when_others_come(camera: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    first = camera.picture(PERSON, CALM)
    monkeypatch.setattr("fomm_train.people.studio.SCENES", 1)
    camera.picture(draw_person(20), CALM)
    np.testing.assert_array_equal(camera.picture(PERSON, CALM), first)
