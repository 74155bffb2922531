"""Rendered people as drivers: their openness is read off pictures as that of drawn faces is."""

from __future__ import annotations

import pytest

from fomm_train.faces import Pose
from fomm_train.measures.people_pairs import person_openness
from fomm_train.people import Moment, Studio, draw_person, feature_boxes

PERSON = draw_person(2)


@pytest.mark.parametrize("opened", [0.125, 0.5])
def test_reads_the_openness_of_a_rendering(camera: Studio, opened: float) -> None:
    pose = Pose(yaw=0.1, mouth_open=opened, blink_left=0.25, blink_right=1.0)
    found = person_openness(camera, camera.picture(PERSON, Moment(pose)), PERSON, pose)
    assert found.mouth == pytest.approx(opened, abs=0.07)
    assert found.eyes[0] == pytest.approx(0.75, abs=0.15)
    assert found.eyes[1] < 0.15


@pytest.mark.usefixtures("shapes")
def test_boxes_hold_features_apart() -> None:
    boxes = feature_boxes(PERSON, Pose(), 256)
    left, right, mouth = boxes["eye_left"], boxes["eye_right"], boxes["mouth"]
    assert left[2] <= right[0]
    assert left[3] < mouth[1]
    assert all(0 <= box[0] < box[2] <= 256 and 0 <= box[1] < box[3] <= 256 for box in boxes.values())
