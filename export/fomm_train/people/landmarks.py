"""Landmarks of a rendered person, as `fomm_train.faces.landmarks` defines them for a drawn head."""

from dataclasses import replace

import numpy as np
import torch

from fomm_train.faces import Pose
from fomm_train.faces.landmarks import Landmarks
from fomm_train.people.bust import bust, landmark_vertices
from fomm_train.people.camera import head_coordinates, stage_of
from fomm_train.people.expression import Moment, expressed
from fomm_train.people.person import Person
from fomm_train.people.shape import shape_of

Boxes = dict[str, tuple[int, int, int, int]]


def landmarks(person: Person, moment: Moment) -> Landmarks:
    """The ten landmarks; the jacobians are the identity in the neutral picture, whatever the camera's distance."""
    shape = shape_of(person)
    vertices = landmark_vertices().all()
    moved = head_coordinates(expressed(shape.vertices, moment, person.lids)[vertices], shape)
    weight = np.array([*[1.0] * (len(vertices) - 1), _neck_weight()], np.float32)
    stage, neutral = stage_of(moment.pose, person.distance), stage_of(Pose(), person.distance)
    placed, at_rest = stage.placed(moved, weight), neutral.placed(moved, weight)
    jacobians = []
    for index, share in enumerate(weight):
        turn = share * stage.head[:, :3] + (1 - share) * stage.torso[:, :3]
        rest = neutral.jacobian(at_rest[index], np.eye(3))
        jacobians.append(stage.jacobian(placed[index], turn) @ np.linalg.inv(rest))
    value = stage.projected(placed)
    return Landmarks(torch.from_numpy(value), torch.from_numpy(np.stack(jacobians).astype(np.float32)))


def feature_boxes(person: Person, pose: Pose, size: int) -> Boxes:
    """Boxes that hold the eyes and the mouth at any openness: (x0, y0, x1, y1), clipped to the picture."""
    calm = replace(pose, blink_left=0.0, blink_right=0.0, smile=0.0, brow=0.0)
    shut, wide = (landmarks(person, Moment(replace(calm, mouth_open=opened))).value.numpy() for opened in (0.0, 1.0))
    eyes = float(np.linalg.norm(shut[1] - shut[0]))
    mouth = np.concatenate([shut[5:8], wide[5:8]])
    rectangles = {
        "eye_left": (shut[0] - [0.30 * eyes, 0.16 * eyes], shut[0] + [0.30 * eyes, 0.24 * eyes]),
        "eye_right": (shut[1] - [0.30 * eyes, 0.16 * eyes], shut[1] + [0.30 * eyes, 0.24 * eyes]),
        "mouth": (mouth.min(axis=0) - [0.05 * eyes, 0.30 * eyes], mouth.max(axis=0) + 0.05 * eyes),
    }
    boxes: Boxes = {}
    for name, corners in rectangles.items():
        low, high = ((np.asarray(corner) + 1) * 0.5 * (size - 1) for corner in corners)
        first = np.clip(np.floor(low), 0, size - 2).astype(int)
        last = np.clip(np.ceil(high) + 1, first + 1, size).astype(int)
        boxes[name] = (int(first[0]), int(first[1]), int(last[0]), int(last[1]))
    return boxes


def _neck_weight() -> float:
    whole = bust()
    return float(whole.weight[whole.ids == landmark_vertices().all()[-1]][0])
