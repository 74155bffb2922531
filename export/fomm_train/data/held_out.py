"""Pairs of faces and poses that no training run draws, made from seeds set apart."""

from dataclasses import dataclass

import numpy as np

from fomm_train.faces import Identity, Pose, draw_identity, draw_performance, draw_pose

FIRST_HELD_OUT_SEED = 1 << 40
"""Training draws identities from seeds below 2**31."""
FIRST_MEASURED_SEED = FIRST_HELD_OUT_SEED + 1000
"""Earlier seeds are for previews, by which people choose a recipe; nothing is measured on those."""
REFERENCE_STRENGTH = 0.5
"""Source pictures, and the beginnings of performances, look about straight ahead."""
FRAMES = 100
FIRST_FRAME = 12
"""Half a second into a performance; hardly anything has moved before."""


@dataclass(frozen=True)
class HeldOutPair:
    """One case to measure."""

    identity: Identity  # the source's face
    driver: Identity  # the face that drives it
    reference: Pose  # first pose of the driver's performance
    driving: Pose  # a later pose of it
    own: Pose  # another pose for the source


def held_out_pair(number: int) -> HeldOutPair:
    """Draws case `number`; equal numbers give equal cases.

    By turns the driving pose is the performance's most closed eyes, its widest mouth, and a random moment.
    """
    seed = FIRST_MEASURED_SEED + 2 * number
    rng = np.random.default_rng(seed)
    performance = draw_performance(seed, FRAMES)
    later = performance[FIRST_FRAME:]
    moments = (
        max(later, key=lambda pose: pose.blink_left),
        max(later, key=lambda pose: pose.mouth_open),
        performance[int(rng.integers(FIRST_FRAME, FRAMES))],
    )
    return HeldOutPair(
        identity=draw_identity(seed),
        driver=draw_identity(seed + 1),
        reference=performance[0],
        driving=moments[number % 3],
        own=draw_pose(rng, REFERENCE_STRENGTH),
    )
