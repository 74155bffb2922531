"""How far mouth and eyes are open in a picture of a known face, read from the most similar rendering."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from fomm_rt.image import Image
from fomm_train.faces import Identity, Pose, feature_boxes, render_picture

STEPS = 9
"""Renderings between shut and wide open that a picture is compared with."""


@dataclass(frozen=True)
class Openness:
    """0 shut, 1 wide open; `eyes` is (left, right) in the picture."""

    mouth: float
    eyes: tuple[float, float]


def openness_of(pose: Pose) -> Openness:
    """The openness of a pose."""
    return Openness(pose.mouth_open, (1 - pose.blink_left, 1 - pose.blink_right))


def find_openness(picture: Image, identity: Identity, pose: Pose) -> Openness:
    """Reads openness from a picture of an identity in about this pose; openness in the pose is ignored."""

    def rendering(step: float) -> Image:
        # Features do not reach into each other's boxes, so one rendering serves all three.
        opened = replace(pose, mouth_open=step, blink_left=1 - step, blink_right=1 - step)
        return render_picture(identity, opened, len(picture))

    return closest_openness(picture, feature_boxes(identity, pose, len(picture)), rendering)


def closest_openness(
    picture: Image, boxes: dict[str, tuple[int, int, int, int]], rendering: Callable[[float], Image]
) -> Openness:
    """The openness of the renderings that a picture is closest to, each feature by itself.

    Args:
        picture: (S, S, 3) uint8.
        boxes: (x0, y0, x1, y1) of "eye_left", "eye_right" and "mouth".
        rendering: The picture with mouth and eyes open by a share.
    """
    errors: dict[str, list[float]] = {name: [] for name in boxes}
    for step in np.linspace(0, 1, STEPS):
        rendered = rendering(float(step))
        for name, (x0, y0, x1, y1) in boxes.items():
            difference = picture[y0:y1, x0:x1].astype(np.float32) - rendered[y0:y1, x0:x1]
            errors[name].append(float(np.square(difference).sum()))
    return Openness(_lowest(errors["mouth"]), (_lowest(errors["eye_left"]), _lowest(errors["eye_right"])))


def _lowest(errors: list[float]) -> float:
    """The position on [0, 1] of the lowest error: the minimum of a parabola through it and its neighbours."""
    best = int(np.argmin(errors))
    if not 0 < best < len(errors) - 1:
        return best / (len(errors) - 1)
    before, at, after = errors[best - 1 : best + 2]
    bend = before - 2 * at + after
    return (best + (0.5 * (before - after) / bend if bend > 0 else 0)) / (len(errors) - 1)
