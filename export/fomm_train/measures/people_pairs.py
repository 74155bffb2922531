"""Pairs in which a rendered person drives another face, and the openness of mouth and eyes in them."""

from collections.abc import Iterator
from dataclasses import replace

from fomm_rt.animator import Animator
from fomm_rt.image import Image
from fomm_train.data.held_out import FIRST_MEASURED_SEED, held_out_pair
from fomm_train.faces import Pose, draw_identity, render_picture
from fomm_train.measures.openness import Openness, closest_openness, find_openness, openness_of
from fomm_train.people import Moment, Person, Studio, draw_person, feature_boxes, shared_studio

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
    """Reads openness from a picture of a person in about this pose, as `find_openness` does for drawn faces."""

    def rendering(step: float) -> Image:
        return camera.picture(person, Moment(replace(pose, mouth_open=step, blink_left=1 - step, blink_right=1 - step)))

    return closest_openness(picture, feature_boxes(person, pose, len(picture)), rendering)


def _driven(animator: Animator, camera: Studio, source: Image, driver: Person, reference: Pose, driving: Pose) -> Image:
    """The prediction of a source by a person's change from one pose to another."""
    animator.relative, animator.adapt_scale = True, False
    animator.set_source(source)
    animator.set_reference(camera.picture(driver, Moment(reference)))
    return animator.animate(camera.picture(driver, Moment(driving)))
