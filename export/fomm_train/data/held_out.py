"""Faces and performances that no training run draws: the seeds set apart, and the moments made of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fomm_train.faces import Identity, Pose, draw_identity, draw_performance, draw_pose

FIRST_HELD_OUT_SEED = 1 << 40
"""Training draws identities from seeds below 2**31 only."""
FIRST_MEASURED_SEED = FIRST_HELD_OUT_SEED + 1000
"""Those before are for previews, which people look at while they choose a recipe."""
REFERENCE_STRENGTH = 0.5
"""People give sources, and begin to perform, about straight ahead."""
FRAMES = 100
FIRST_FRAME = 12
"""Half a second into a performance: before, nothing much has happened."""


@dataclass(frozen=True)
class HeldOutPair:
    """One case to measure.

    Attributes:
        identity: The face to animate.
        driver: Another face, which drives.
        reference: How the driver's performance begins.
        driving: A later moment of it.
        own: Another pose for the source to begin in.
    """

    identity: Identity
    driver: Identity
    reference: Pose
    driving: Pose
    own: Pose


def held_out_pair(number: int) -> HeldOutPair:
    """Case `number`; the same for the same number, other for others.

    In every third case the eyes are as far shut, in every third the mouth is as far open as ever in the performance;
    the rest are any moments.
    """
    seed = FIRST_MEASURED_SEED + 2 * number
    rng = np.random.default_rng(seed)
    performance = draw_performance(seed, FRAMES)
    later = range(FIRST_FRAME, FRAMES)
    moments = (
        max(later, key=lambda frame: performance[frame].blink_left),
        max(later, key=lambda frame: performance[frame].mouth_open),
        int(rng.integers(FIRST_FRAME, FRAMES)),
    )
    return HeldOutPair(
        draw_identity(seed),
        draw_identity(seed + 1),
        performance[0],
        performance[moments[number % 3]],
        draw_pose(rng, REFERENCE_STRENGTH),
    )
