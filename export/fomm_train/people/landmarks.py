"""Landmarks of a rendered person, as `fomm_train.faces.landmarks` defines them for a drawn head.

The last one differs for now: it lies at the base of the neck, where drawn heads have the chest.
"""

import numpy as np
import torch

from fomm_train.faces import Pose
from fomm_train.faces.landmarks import Landmarks
from fomm_train.people.bust import bust, landmark_vertices
from fomm_train.people.camera import head_coordinates, stage_of
from fomm_train.people.expression import Moment, expressed
from fomm_train.people.person import Person
from fomm_train.people.shape import shape_of


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


def _neck_weight() -> float:
    whole = bust()
    return float(whole.weight[whole.ids == landmark_vertices().all()[-1]][0])
