"""Pairs in which a rendered person drives somebody else, and how far mouth and eyes open there."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from fomm_rt.animator import Animator
from fomm_rt.image import Image
from fomm_train.data.held_out import FIRST_MEASURED_SEED, held_out_pair
from fomm_train.faces import Pose, draw_identity, render_picture
from fomm_train.measures.openness import Openness, closest_openness, find_openness, openness_of
from fomm_train.people import Moment, Person, Studio, draw_person, landmarks, shared_studio

Boxes = dict[str, tuple[int, int, int, int]]

DRIVERS_FIRST_SEED = FIRST_MEASURED_SEED + 500_000
FACES_FIRST_SEED = FIRST_MEASURED_SEED + 600_000


def drawn_by_rendered(animator: Animator, pairs: int) -> Iterator[tuple[Openness, Openness]]:
    """Drawn human faces driven by rendered people: the driver's openness, and that of the prediction."""
    camera = shared_studio(animator.size)
    for number in range(pairs):
        case = held_out_pair(number)
        identity = draw_identity(case.identity.seed, "human")
        source = render_picture(identity, case.reference, animator.size)
        prediction = _driven(
            animator, camera, source, draw_person(DRIVERS_FIRST_SEED + number), case.reference, case.driving
        )
        yield openness_of(case.driving), find_openness(prediction, identity, case.driving)


def rendered_by_rendered(animator: Animator, pairs: int) -> Iterator[tuple[Openness, Openness]]:
    """Rendered people driven by others."""
    camera = shared_studio(animator.size)
    for number in range(pairs):
        case = held_out_pair(number)
        face, driver = draw_person(FACES_FIRST_SEED + number), draw_person(DRIVERS_FIRST_SEED + number)
        source = camera.picture(face, Moment(case.reference))
        prediction = _driven(animator, camera, source, driver, case.reference, case.driving)
        yield openness_of(case.driving), person_openness(camera, prediction, face, case.driving)


def person_openness(camera: Studio, picture: Image, person: Person, pose: Pose) -> Openness:
    """Reads openness off a picture of a person at about a pose, as `find_openness` does for drawn faces."""

    def rendering(step: float) -> Image:
        return camera.picture(person, Moment(replace(pose, mouth_open=step, blink_left=1 - step, blink_right=1 - step)))

    return closest_openness(picture, person_boxes(person, pose, len(picture)), rendering)


def person_boxes(person: Person, pose: Pose, size: int) -> Boxes:
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


def _driven(animator: Animator, camera: Studio, source: Image, driver: Person, reference: Pose, driving: Pose) -> Image:
    """The prediction of a source by a person's change from one pose to another."""
    animator.relative, animator.adapt_scale = True, False
    animator.set_source(source)
    animator.set_reference(camera.picture(driver, Moment(reference)))
    return animator.animate(camera.picture(driver, Moment(driving)))
