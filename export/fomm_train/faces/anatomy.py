"""Where the features lie on a head and how expression moves them: head coordinates, frontal (X right, Y down)."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from fomm_train.faces.identity import Identity
from fomm_train.faces.performance import Pose

WIDEST_GAP = 0.29  # opening of the mouth between the lips, head units; the head is 2 high
ANIMAL_NOSE_Y = 0.36
SKULL_CENTRE = (0.0, -0.20, -0.08)  # X, Y, Z
SKULL_RADIUS = 0.80  # its width is the identity's
CROWN = (SKULL_CENTRE[0], SKULL_CENTRE[1] - SKULL_RADIUS, SKULL_CENTRE[2])  # the top of the skull, under the hair
UPPER_SHARE = 0.16  # how much of the opening the upper lip makes


class Eye(NamedTuple):
    """One eye; `side` is -1 on the picture's left. Lid curves: `middle + height * (1 - |a| ** power)`."""

    side: float
    x: float
    y: float
    half_width: float
    upper: float
    lower: float
    tilt: float
    blink: float


class Mouth(NamedTuple):
    """The mouth; lengths in head units."""

    y: float
    half_width: float
    gap: float
    lift: float
    lip_upper: float
    lip_lower: float


def eye(identity: Identity, pose: Pose, side: float) -> Eye:
    """The eye on one side; its opening narrows a little with a smile and widens with raised brows."""
    height = identity.eye_height * (1 + 0.06 * pose.brow)
    blink = pose.blink_left if side < 0 else pose.blink_right
    lower = 0.40 * height * (1 - 0.28 * max(pose.smile, 0.0))
    return Eye(
        side,
        side * identity.eye_spacing,
        identity.eye_y,
        identity.eye_size,
        0.60 * height,
        lower,
        identity.eye_tilt,
        blink,
    )


def lid_curves(parts: Eye, along: Tensor) -> tuple[Tensor, Tensor]:
    """Heights of the upper and lower lid margins (relative to the eye's centre) over a in [-1, 1], outward."""
    a = along.abs().clamp_max(1)
    square = a * a
    slant = -parts.tilt * along
    upper_open = -parts.upper * (1 - square * a.sqrt())
    lower_open = parts.lower * (1 - square)
    closed = 0.62 * lower_open
    upper = upper_open + (closed - upper_open) * parts.blink + slant
    lower = lower_open + (closed - lower_open) * parts.blink + slant
    return upper, lower


def mouth(identity: Identity, pose: Pose) -> Mouth:
    """The mouth at a pose."""
    opened = pose.mouth_open
    half_width = identity.mouth_width * (1 + 0.20 * pose.smile - 0.16 * opened)
    thinned = 1 - 0.18 * max(pose.smile, 0.0) - 0.12 * opened
    return Mouth(
        identity.mouth_y - 0.012 * pose.smile,
        half_width,
        WIDEST_GAP * opened,
        -0.095 * pose.smile - 0.035,
        identity.lip_upper * thinned,
        identity.lip_lower * thinned,
    )


class LipCurves(NamedTuple):
    """Heights of the four lip edges relative to the mouth's centre, downwards: outer and inner of each lip."""

    upper_outer: Tensor
    upper_inner: Tensor
    lower_inner: Tensor
    lower_outer: Tensor


def lip_curves(parts: Mouth, along: Tensor) -> LipCurves:
    """Lip edges over a = x / half_width."""
    a = along.abs().clamp_max(1)
    square = a * a
    line = parts.lift * square
    arch = (1 - square).clamp_min(0)
    opening = parts.gap * torch.sqrt(arch + 1e-6)
    upper_inner = line - UPPER_SHARE * opening
    lower_inner = line + (1 - UPPER_SHARE) * opening
    bow = arch * (1 - 0.22 * torch.exp(-square * 28))
    upper_outer = upper_inner - parts.lip_upper * bow * (1 + 0.25 * a)
    lower_outer = lower_inner + parts.lip_lower * arch * (0.75 + 0.25 * arch)
    return LipCurves(upper_outer, upper_inner, lower_inner, lower_outer)


def jaw_drop(pose: Pose) -> float:
    """How far the chin sinks, head units."""
    return 0.72 * WIDEST_GAP * pose.mouth_open


def brow_height(identity: Identity, pose: Pose) -> float:
    """Y of a brow's middle."""
    return identity.eye_y - 0.60 * identity.eye_height - 0.125 - 0.055 * pose.brow


def brow_x(identity: Identity, side: float) -> float:
    """X of a brow's middle."""
    return side * (identity.eye_spacing + 0.02)


def nose_tip_y(identity: Identity) -> float:
    """Y of the tip of the nose, or of an animal's nose pad."""
    return identity.nose_length if identity.species == "human" else ANIMAL_NOSE_Y


def chest_point() -> tuple[float, float]:
    """The chest landmark, torso coordinates."""
    return 0.0, 1.72
