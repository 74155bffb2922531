"""Chooses the few frames of a clip that differ most, in constant memory.

Greedy farthest points (Gonzalez 1985): take the first frame, then repeatedly the frame that is farthest from its
nearest chosen frame.
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
"""Of a longer clip every second frame is examined, or every fourth, and so on."""


def choose_moments(descriptions: Iterable[NDArray[np.float32]], count: int) -> list[int]:
    """Chooses `count` frames that differ from each other as much as possible; fewer if no others differ.

    Takes one array per frame, all of one shape. Returns frame numbers in order, always with the first frame.
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
