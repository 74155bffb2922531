"""How a moment's expression moves a face: the weights of MakeHuman's face units."""

from dataclasses import dataclass

import numpy as np

from fomm_train.faces import Pose, draw_pose
from fomm_train.people import assets
from fomm_train.people.assets import Floats
from fomm_train.people.bust import CHIN, eye_centres

# Units that come now and then, on both sides together, beyond what a `Pose` says.
OTHERS = (
    *("mouthPucker", "mouthFunnel", "mouthPress*", "mouthStretch*", "mouthRollLower", "mouthRollUpper"),
    *("mouthUpperUp*", "mouthLowerDown*", "mouthShrugLower", "mouthShrugUpper", "mouthDimple*", "cheekPuff"),
    *("noseSneer*", "eyeSquint*", "eyeWide*", "browInnerUp", "browDown*", "jawForward", "mouthLeft", "mouthRight"),
    *("jawLeft", "jawRight", "tongueOut"),
)
SIDES = ("Right", "Left")
"""Of the person, in the order of the picture's left and right."""


@dataclass(frozen=True)
class Moment:
    """What a person does.

    Attributes:
        pose: As of a drawn head.
        others: Further face units and their weights.
    """

    pose: Pose
    others: tuple[tuple[str, float], ...] = ()


def draw_moment(rng: np.random.Generator, strength: float = 1.0) -> Moment:
    """A random single moment."""
    pose = draw_pose(rng, strength)
    return Moment(pose, draw_others(rng))


def draw_others(rng: np.random.Generator, chance: float = 0.1) -> tuple[tuple[str, float], ...]:
    """Further face units: each comes with a chance, its sides nearly alike."""
    others: list[tuple[str, float]] = []
    for name in OTHERS:
        if rng.random() < (chance if name != "tongueOut" else 0.2 * chance):
            weight = float(rng.uniform(0.1, 0.8))
            if name.endswith("*"):
                others += [(name[:-1] + side, float(np.clip(weight + rng.normal(0, 0.12), 0, 1))) for side in SIDES]
            else:
                others.append((name, weight))
    return tuple(others)


def unit_weights(moment: Moment, lids: float = 0.0) -> dict[str, float]:
    """Weights of face units by name; `lids` is how far the eyes are shut at rest."""
    pose = moment.pose
    smile, frown = max(pose.smile, 0.0), max(-pose.smile, 0.0)
    raised, lowered = max(pose.brow, 0.0), max(-pose.brow, 0.0)
    down, up = max(pose.gaze_y, 0.0), max(-pose.gaze_y, 0.0)
    weights = {"jawOpen": 0.85 * pose.mouth_open, "browInnerUp": 0.75 * raised}
    for side, blink in zip(SIDES, (pose.blink_left, pose.blink_right), strict=True):
        open_eye = 1 - blink
        weights |= {
            f"eyeBlink{side}": blink + lids * open_eye,
            f"eyeLookDown{side}": 0.6 * down * open_eye,
            f"eyeLookUp{side}": 0.6 * up * open_eye,
            f"eyeWide{side}": 0.3 * raised * open_eye,
            f"eyeSquint{side}": 0.35 * smile,
            f"mouthSmile{side}": 0.8 * smile,
            f"cheekSquint{side}": 0.5 * smile,
            f"mouthFrown{side}": 0.8 * frown,
            f"browOuterUp{side}": 0.9 * raised,
            f"browDown{side}": 0.9 * lowered,
        }
    for name, weight in moment.others:
        if name.startswith("eye"):  # a shut eye neither widens nor narrows
            shut = pose.blink_left if name.endswith("Right") else pose.blink_right
            weights[name] = min(1.0, weights.get(name, 0.0) + (1 - shut) * weight)
        else:
            weights[name] = min(1.0, weights.get(name, 0.0) + weight)
    return {name: weight for name, weight in weights.items() if weight > 0.005}


def expressed(neutral: Floats, moment: Moment, lids: float = 0.0) -> Floats:
    """The vertices of a neutral mesh with a moment's expression, (V, 3) dm.

    Units are made for the base mesh; they are scaled by how far this face's eyes and chin lie apart.
    """
    base = assets.base_mesh().vertices
    scale = _face_size(neutral) / _face_size(base)
    vertices = neutral.copy()
    for name, weight in unit_weights(moment, lids).items():
        target = assets.face_unit(name)
        vertices[target.indices] += np.float32(weight) * target.offsets * scale
    return vertices


def _face_size(vertices: Floats) -> Floats:
    """(3,): distance of the eyes, height from eyes to chin, and for the depth their mean; dm."""
    left, right = eye_centres(vertices)
    wide, tall = right[0] - left[0], 0.5 * (left[1] + right[1]) - vertices[CHIN, 1]
    base_wide, base_tall = 0.61554, 1.1241  # of the base mesh: the depth follows both
    return np.array([wide, tall, 0.5 * (wide / base_wide + tall / base_tall)], np.float32)
