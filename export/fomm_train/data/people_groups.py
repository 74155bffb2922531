"""Groups of rendered people, each rendered from its seed alone."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fomm_train.data.frame_group import IDENTITIES, POSES, REGIONS, SURFACE_SIZE, FrameGroup, GroupSource, stacked
from fomm_train.people import Moment, Person, draw_moment, draw_person, feature_boxes, landmarks, shared_studio
from fomm_train.people.motion import motion, view

SOURCE_STRENGTH = 0.5
"""Strength of a group's first moment: source pictures usually look about straight ahead."""


def render_group(seed: int, size: int) -> FrameGroup:
    """Renders the group of a seed; all its people do the same at each moment."""
    rng = np.random.default_rng((seed, 3))
    people = [draw_person(int(s)) for s in rng.integers(0, 2**31, IDENTITIES)]
    moments = [draw_moment(rng, SOURCE_STRENGTH if i == 0 else 1.0) for i in range(POSES)]
    return stacked([_render_person(person, moments, size) for person in people])


PEOPLE_GROUPS = GroupSource(render_group, version=1, name="people")


def _render_person(person: Person, moments: list[Moment], size: int) -> dict[str, NDArray[Any]]:
    """The fields of `FrameGroup` for one identity."""
    studio = shared_studio(size)
    found = [landmarks(person, moment) for moment in moments]
    views = [view(studio, person, moment, SURFACE_SIZE) for moment in moments]
    motions = [[motion(now, before) for before in views] for now in views]
    axis = np.linspace(-1, 1, SURFACE_SIZE, dtype=np.float32)
    here = np.stack(np.meshgrid(axis, axis), axis=-1)
    return {
        "frames": np.stack([studio.picture(person, moment) for moment in moments]),
        "landmarks": np.stack([each.value.numpy() for each in found]),
        "jacobians": np.stack([each.jacobian.numpy() for each in found]),
        "boxes": np.stack([_boxes(person, moment, size) for moment in moments]),
        "bodies": np.stack([each.body for each in views]),
        "known": np.ones((len(moments), SURFACE_SIZE, SURFACE_SIZE), np.bool_),
        "steps": np.stack([[each.flow - here for each in row] for row in motions]).astype(np.float16),
        "shown": np.stack([[each.shown for each in row] for row in motions]),
    }


def _boxes(person: Person, moment: Moment, size: int) -> NDArray[np.float32]:
    boxes = feature_boxes(person, moment.pose, size)
    return np.array([[side / size for side in boxes[name]] for name in REGIONS], np.float32)
