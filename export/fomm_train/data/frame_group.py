"""A group of frames: identities that all strike the same poses, with what the renderer knows of every frame.

A group yields pairs of one identity and, for transfer between identities, the true result as well. Anything that makes
groups from seeds can be trained on; see `GroupSource`.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

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
    """I identities in P poses, with K landmarks, R regions and the motion on a grid of s = SURFACE_SIZE.

    The corners of the grid are the centres of the picture's corner pixels. The point that pose p shows at z, pose q
    shows at z + steps[:, p, q] if `shown`. Steps and `shown` are exact where `known`: drawn heads do not say where
    expression moves their surface.
    """

    frames: NDArray[np.uint8]  # (I, P, size, size, 3), RGB
    landmarks: NDArray[np.float32]  # (I, P, K, 2), (x, y) in [-1, 1]
    jacobians: NDArray[np.float32]  # (I, P, K, 2, 2)
    boxes: NDArray[np.float32]  # (I, P, R, 4), x0, y0, x1, y1 of REGIONS as fractions of the side
    bodies: NDArray[np.uint8]  # (I, P, s, s), the visible body: 0 background, 1 head, 2 torso
    known: NDArray[np.bool_]  # (I, P, s, s)
    steps: NDArray[np.float16]  # (I, P, P, s, s, 2), (x, y) in grid units
    shown: NDArray[np.bool_]  # (I, P, P, s, s), True where pose q shows the point that pose p shows


FIELDS = tuple(field.name for field in fields(FrameGroup))
BETWEEN_POSES = ("steps", "shown")
"""Fields with two axes of poses."""


def stacked(identities: list[dict[str, NDArray[Any]]]) -> FrameGroup:
    """A group of its identities' fields."""
    return FrameGroup(**{name: np.stack([identity[name] for identity in identities]) for name in FIELDS})


class GroupSource(NamedTuple):
    """Makes groups from seeds; raise `version` when a seed gives another group, which makes all files outdated."""

    draw: Callable[[int, int], FrameGroup]  # (seed, size in pixels); a module's function, because it is pickled
    version: int
    name: str = "faces"  # of what it draws, for messages
