"""Choosing the few frames of a clip that differ most, in constant memory.

Greedy farthest points (Gonzalez 1985): the first frame, then again and again the frame whose nearest chosen one
is farthest away.
"""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import NDArray

from fomm_rt.image import Image

THUMBNAIL_SIDE = 32
"""Large enough that closed eyes and an open mouth show, small enough that noise does not."""

MOST_FRAMES = 512
"""A longer clip is looked at in every second frame, every fourth, and so on."""


def choose_moments(descriptions: Iterable[NDArray[np.float32]], count: int) -> list[int]:
    """Chooses frames that differ from each other as much as possible.

    Args:
        descriptions: One array a frame, all of one shape, such as `thumbnail` makes.
        count: How many frames to choose, from 1.

    Returns:
        Numbers of the frames in the order of the clip, the first frame always among them; fewer than `count` where
        the clip has no more that differ.
    """
    kept: list[NDArray[np.float32]] = []
    step = 1
    for index, description in enumerate(descriptions):
        if index % step:
            continue
        if len(kept) == MOST_FRAMES:
            kept, step = kept[::2], 2 * step
            if index % step:
                continue
        kept.append(description)
    if not kept:
        return []
    frames = np.stack(kept).reshape(len(kept), -1)
    chosen, distances = [0], np.full(len(kept), np.inf, np.float32)
    while len(chosen) < count:
        distances = np.minimum(distances, np.square(frames - frames[chosen[-1]]).sum(axis=1))
        farthest = int(distances.argmax())
        if not distances[farthest] > 0:
            break
        chosen.append(farthest)
    return sorted(step * index for index in chosen)


def thumbnail(picture: Image) -> NDArray[np.float32]:
    """Describes a picture for `choose_moments`: (H, W, 3) uint8 -> (32, 32) float32, its grey levels."""
    side = THUMBNAIL_SIDE
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    return np.asarray(cv2.resize(grey, (side, side), interpolation=cv2.INTER_AREA), np.float32)
