"""Solids of the body: skull and face at an expression, ears, neck and torso."""

import numpy as np

from fomm_train.faces.anatomy import ANIMAL_NOSE_Y, SKULL_CENTRE, SKULL_RADIUS, jaw_drop
from fomm_train.faces.camera import View
from fomm_train.faces.identity import Identity
from fomm_train.faces.pose import Pose
from fomm_train.faces.solids import Parts, Solid, Vector, solid

SNOUTS = {  # width, height, length
    "cat": (0.27, 0.19, 0.20),
    "dog": (0.33, 0.27, 0.42),
    "bear": (0.34, 0.26, 0.33),
    "fox": (0.26, 0.22, 0.42),
    "rabbit": (0.27, 0.21, 0.22),
    "panda": (0.33, 0.25, 0.27),
}


def skull_top(identity: Identity) -> Vector:
    """Radii of the cranium; the shell of hair follows them."""
    return identity.head_width, SKULL_RADIUS, SKULL_RADIUS


def head_solid(identity: Identity, pose: Pose) -> Solid:
    """Skull, face and nose or muzzle at the expression of a pose."""
    i, drop, smile = identity, jaw_drop(pose), pose.smile
    parts: Parts = [
        (SKULL_CENTRE, skull_top(i)),
        ((0, 0.24 + 0.42 * drop, 0.08), (i.jaw_width + 0.05, 0.70 + 0.5 * drop, 0.62)),
        ((0, 0.74 + drop + i.chin_drop, 0.34), (i.chin_width + 0.06, 0.24, 0.27)),
        ((0, 0.57 + 0.5 * drop, 0.31), (0.34, 0.30 + 0.2 * drop, 0.335)),
        ((0, -0.15 - 0.02 * pose.brow, 0.36), (0.56, 0.20, 0.33)),
    ]
    cheek = (0.36 * i.cheek, 0.33 * i.cheek, 0.345 + 0.03 * max(smile, 0))
    parts += [((side * (0.32 + 0.01 * smile), 0.36 - 0.035 * smile, 0.26), cheek) for side in (-1.0, 1.0)]
    return solid(parts + (_nose(i) if i.species == "human" else _muzzle(i, drop)), softness=0.06, fillet=0.05)


def _nose(i: Identity) -> Parts:
    tip = i.nose_length
    wing = (0.6 * i.nose_width, 0.062, 0.09)
    return [
        ((0, tip - 0.17, 0.655), (0.075, 0.20, 0.10), (0, -0.25, 0)),
        ((0, tip, 0.70), (i.nose_width * 0.92, 0.088, i.nose_height)),
        ((-0.62 * i.nose_width, tip + 0.022, 0.665), wing),
        ((0.62 * i.nose_width, tip + 0.022, 0.665), wing),
    ]


def _muzzle(i: Identity, drop: float) -> Parts:
    width, height, length = (value * i.muzzle for value in SNOUTS[i.species])
    cheek = (0.66 * width, height * 0.86, length)
    return [
        *(((side * 0.42 * width, 0.50, 0.60), cheek) for side in (-1.0, 1.0)),
        ((0, 0.33, 0.60), (0.15, 0.20, length * 0.86)),
        ((0, 0.66 + drop, 0.50), (0.8 * width, 0.15, 0.8 * length)),
    ]


def nose_pad_solid(identity: Identity) -> Solid:
    """An animal's nose pad."""
    y, z = ANIMAL_NOSE_Y, 0.57 + 0.92 * SNOUTS[identity.species][2] * identity.muzzle
    wide = 0.085 if identity.species in {"cat", "rabbit"} else 0.125
    pad, bridge = (wide, 0.65 * wide, 0.08), (0.6 * wide, 0.6 * wide, 0.07)
    return solid([((0.0, y, z), pad), ((0.0, y + 0.3 * wide, z - 0.01), bridge)])


def ear_solid(identity: Identity, side: float) -> Solid:
    """One ear; pointed ears are the overlap of two ellipsoids."""
    size = identity.ear_size
    width = identity.head_width
    kind = identity.species
    if kind == "human":
        x = side * (width - 0.015)
        return solid(
            [
                ((x, 0.10, -0.10), (0.10 * size, 0.19 * size, 0.13), (0.3 * side, 0.0, 0.12 * side)),
                ((x - 0.02 * side, 0.10 + 0.15 * size, -0.06), (0.06 * size, 0.09 * size, 0.07)),
            ],
            softness=0.03,
        )
    if kind in {"cat", "fox"}:
        x, y, tall = side * 0.50, -0.78, (0.52 if kind == "cat" else 0.62) * size
        return solid(
            [
                ((x - 0.20 * side, y, -0.10), (0.44, tall, 0.20), (0.1 * side, 0.0, 0.12 * side)),
                ((x + 0.24 * side, y + 0.02, -0.10), (0.46, tall * 1.05, 0.20), (0.1 * side, 0.0, 0.34 * side)),
            ],
            softness=-1,
        )
    if kind == "rabbit":
        return solid([((side * 0.34, -1.22, -0.12), (0.17, 0.62 * size, 0.11), (0.0, 0.0, 0.16 * side))])
    if kind == "dog":
        return solid(
            [
                ((side * 0.78, -0.34, -0.02), (0.24, 0.26, 0.20), (0.0, 0.0, 0.5 * side)),
                ((side * 0.92, 0.10, 0.0), (0.19, 0.46 * size, 0.15), (0.0, 0.0, -0.14 * side)),
            ],
            softness=0.05,
        )
    return solid([((side * 0.66, -0.76, -0.12), (0.29 * size, 0.29 * size, 0.16))])


def neck_solid(identity: Identity, head: View, torso: View) -> Solid:
    """The neck from below the skull to the collar, head units from the torso's origin along the camera's axes."""
    top = head.rotation @ np.array([0.0, 0.50, -0.22])
    top += np.array([(head.x - torso.x) / torso.unit, (head.y - torso.y) / torso.unit, 0.0])
    bottom = np.array([0.0, 1.62, -0.25])
    width = identity.neck_width
    parts: Parts = []
    for share in np.linspace(0, 1, 3):
        x, y, z = (float(value) for value in top + (bottom - top) * share)
        flare = width * (1.0 - 0.10 * np.sin(np.pi * share) + 0.30 * share**3)
        parts.append(((x, y, z), (float(flare), 0.52, float(flare))))
    return solid(parts, softness=0.05, fillet=0.04)


def torso_solid(identity: Identity) -> Solid:
    """Chest and shoulders."""
    wide = identity.shoulder_width
    parts: Parts = [((0, 2.35, -0.22), (0.92 * wide, 1.05, 0.50)), ((0, 1.56, -0.30), (0.55 * wide, 0.26, 0.30))]
    for side in (-1.0, 1.0):
        parts.append(((side * 0.84 * wide, 2.20, -0.28), (0.42, 0.78, 0.36), (0.0, 0.0, -0.10 * side)))
        parts.append(((side * 0.42 * wide, 1.64, -0.30), (0.50, 0.24, 0.28), (0.0, 0.0, 0.36 * side)))
    return solid(parts, softness=0.07, fillet=0.07)
