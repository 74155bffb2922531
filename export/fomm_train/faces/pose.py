"""Poses: what a head does at one moment."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

RANGES = {
    "yaw": (-0.8, 0.8),
    "roll": (-0.6, 0.6),
    "scale": (0.5, 1.6),
    **dict.fromkeys(("pitch", "x", "y"), (-0.5, 0.5)),
    **dict.fromkeys(("mouth_open", "blink_left", "blink_right"), (0.0, 1.0)),
    **dict.fromkeys(("smile", "brow", "gaze_x", "gaze_y"), (-1.0, 1.0)),
}
"""Smallest and largest value of each field of a `Pose`."""


@dataclass(frozen=True)
class Pose:
    """Position, rotation and expression of a head; the defaults are a neutral frontal face."""

    yaw: float = 0.0  # radians; positive turns the face to the picture's right
    pitch: float = 0.0  # radians; positive nods down
    roll: float = 0.0  # radians; positive tilts clockwise in the picture
    x: float = 0.0  # shift of the head to the right, half picture sides
    y: float = 0.0  # shift downwards, half picture sides
    scale: float = 1.0  # at 1 the skull takes about 0.55 of the picture's height
    mouth_open: float = 0.0  # 0 closed, 1 wide open
    smile: float = 0.0  # -1 to 1
    blink_left: float = 0.0  # 0 open, 1 closed; the eye on the picture's left
    blink_right: float = 0.0  # the other eye
    brow: float = 0.0  # -1 lowered, 1 raised
    gaze_x: float = 0.0  # -1 to 1, to the picture's right
    gaze_y: float = 0.0  # -1 to 1, downwards

    def moved(self, first: Pose, now: Pose) -> Pose:
        """Displaces this pose by the change from `first` to `now`, clipped to RANGES; scale is multiplied."""
        before, after = asdict(first), asdict(now)
        values = {name: mine + after[name] - before[name] for name, mine in asdict(self).items()}
        values["scale"] = self.scale * now.scale / first.scale
        return Pose(**{name: float(np.clip(value, *RANGES[name])) for name, value in values.items()})


def draw_pose(rng: np.random.Generator, strength: float = 1.0) -> Pose:
    """Draws a random pose; `strength` scales the motion of the head, not the expression."""
    motion = np.array([0.55, 0.35, 0.3, 0.12, 0.12]) * (rng.uniform(-1, 1, 5) * strength)
    yaw, pitch, roll, x, y = (float(value) for value in motion)
    blink = float(rng.uniform(0.2, 1.0)) if rng.random() < 0.35 else 0.0
    if blink > 0.7:
        blink = 1.0
    blinks = [blink, blink]
    if rng.random() < 0.08:  # a wink
        blinks[int(rng.integers(2))] = 1.0 - blink
    mouth_open = float(rng.uniform(0, 0.15) if rng.random() < 0.5 else rng.uniform(0, 1))
    smile, brow, gaze_x, gaze_y = (float(v) for v in rng.uniform(-1, 1, 4))
    scale = 1 + 0.15 * strength * float(rng.uniform(-1, 1))
    expression = {"mouth_open": mouth_open, "smile": smile, "brow": brow, "gaze_x": gaze_x, "gaze_y": 0.7 * gaze_y}
    return Pose(yaw, pitch, roll, x, y, scale, blink_left=blinks[0], blink_right=blinks[1], **expression)
