"""Positions of the features on a head, and how expression moves them: frontal head coordinates (X right, Y down)."""

from typing import NamedTuple

import torch
from torch import Tensor

from fomm_train.faces.identity import Identity
from fomm_train.faces.pose import Pose

WIDEST_GAP = 0.29  # largest distance between the lips, head units; the head is 2 high
ANIMAL_NOSE_Y = 0.36
SKULL_CENTRE = (0.0, -0.20, -0.08)  # X, Y, Z
SKULL_RADIUS = 0.80  # height and depth; each identity has its own width
CROWN = (SKULL_CENTRE[0], SKULL_CENTRE[1] - SKULL_RADIUS, SKULL_CENTRE[2])  # the top of the skull, below the hair
NECK_BASE = (0.0, 1.60)  # the pit of the neck, just above a round collar, torso coordinates
UPPER_SHARE = 0.16  # the upper lip's share of the mouth's opening


class Eye(NamedTuple):
    """One eye; lengths in head units."""

    side: float  # -1 on the picture's left, 1 on its right
    x: float
    y: float  # of the centre
    half_width: float  # from the centre to a corner
    upper: float  # height of the open upper lid above the centre
    lower: float  # depth of the open lower lid below it
    tilt: float  # rise of the outer corner over the centre
    blink: float  # 0 open, 1 closed


class Mouth(NamedTuple):
    """The mouth; lengths in head units."""

    y: float  # height of its centre
    half_width: float  # from the centre to a corner
    gap: float  # distance between the lips
    lift: float  # height of the corners below the centre; negative in a smile
    lip_upper: float  # thickness
    lip_lower: float


def eye(identity: Identity, pose: Pose, side: float) -> Eye:
    """The eye on one side at a pose; a smile narrows it a little, raised brows widen it."""
    height = identity.eye_height * (1 + 0.06 * pose.brow)
    return Eye(
        side,
        x=side * identity.eye_spacing,
        y=identity.eye_y,
        half_width=identity.eye_size,
        upper=0.60 * height,
        lower=0.40 * height * (1 - 0.28 * max(pose.smile, 0.0)),
        tilt=identity.eye_tilt,
        blink=pose.blink_left if side < 0 else pose.blink_right,
    )


def lid_curves(parts: Eye, along: Tensor) -> tuple[Tensor, Tensor]:
    """Heights of the upper and lower lid margins below the eye's centre over [-1, 1], outward from the nose."""
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
    thinned = 1 - 0.18 * max(pose.smile, 0.0) - 0.12 * pose.mouth_open
    return Mouth(
        y=identity.mouth_y - 0.012 * pose.smile,
        half_width=identity.mouth_width * (1 + 0.20 * pose.smile - 0.16 * pose.mouth_open),
        gap=WIDEST_GAP * pose.mouth_open,
        lift=-0.095 * pose.smile - 0.035,
        lip_upper=identity.lip_upper * thinned,
        lip_lower=identity.lip_lower * thinned,
    )


class LipCurves(NamedTuple):
    """Heights of the four lip edges below the mouth's centre."""

    upper_outer: Tensor
    upper_inner: Tensor
    lower_inner: Tensor
    lower_outer: Tensor


def lip_curves(parts: Mouth, along: Tensor) -> LipCurves:
    """Lip edges over x / half_width."""
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
    """Drop of the chin, head units."""
    return 0.72 * WIDEST_GAP * pose.mouth_open


def brow_height(identity: Identity, pose: Pose) -> float:
    """Y of the middle of a brow."""
    return identity.eye_y - 0.60 * identity.eye_height - 0.125 - 0.055 * pose.brow


def brow_x(identity: Identity, side: float) -> float:
    """X of the middle of a brow."""
    return side * (identity.eye_spacing + 0.02)


def nose_tip_y(identity: Identity) -> float:
    """Y of the tip of the nose, or of an animal's nose pad."""
    return identity.nose_length if identity.species == "human" else ANIMAL_NOSE_Y
