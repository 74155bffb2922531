"""A group of frames: identities that all strike the same poses, with what the renderer knows of every frame.

A group yields pairs of one identity and, for transfer between identities, the true result as well. Anything that makes
groups from seeds can be trained on; see `GroupSource`.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

IDENTITIES = 4
POSES = 4
SURFACE_SIZE = 64
REGIONS = ("eye_left", "eye_right", "mouth")
Index = NDArray[np.int64]
Progress = Callable[[str, int, int], None]
"""Called with the current work, the number of finished items and their total."""


@dataclass(frozen=True)
class FrameGroup:
    """I identities in P poses, with K landmarks, R regions and surfaces on a grid of s = SURFACE_SIZE.

    `bodies` holds the visible body (0 background, 1 head, 2 torso), `points` the visible point in that body's own
    coordinates, `views` the matrices from coordinates (x, y, z, 1) of head and torso to picture positions.
    """

    frames: NDArray[np.uint8]  # (I, P, size, size, 3), RGB
    landmarks: NDArray[np.float32]  # (I, P, K, 2), (x, y) in [-1, 1]
    jacobians: NDArray[np.float32]  # (I, P, K, 2, 2)
    boxes: NDArray[np.float32]  # (I, P, R, 4), x0, y0, x1, y1 of REGIONS as fractions of the side
    bodies: NDArray[np.uint8]  # (I, P, s, s)
    points: NDArray[np.float16]  # (I, P, 3, s, s)
    views: NDArray[np.float32]  # (I, P, 2, 2, 4)


FIELDS = tuple(field.name for field in fields(FrameGroup))


class GroupSource(NamedTuple):
    """Makes groups from seeds; raise `version` when a seed gives another group, which makes all files outdated."""

    draw: Callable[[int, int], FrameGroup]  # (seed, size in pixels); a module's function, because it is pickled
    version: int
