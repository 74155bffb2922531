"""Chooses the driving frame that relative motion counts from.

A frame that shows nothing, such as the black before a fade, would distort every frame of the result, so it is never
chosen unless it is asked for by its number.

The published code animates outward from the best frame in both directions. Each prediction depends on the source, the
reference and its own driving frame alone, so animating from the first frame to the last gives the same pictures.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np

from fomm_rt.animator import Animator
from fomm_rt.clip.driving import DrivingFrame, no_such_frame
from fomm_rt.errors import MotionError
from fomm_rt.image import Image
from fomm_rt.motion.keypoints import Keypoints, pose_distance

_log = logging.getLogger("fomm_rt")

BestFrame = int | Literal["auto"]

LEAST_CONTRAST = 32.0
"""Grey levels of 255. Of pictures that are faded below it, the keypoints of faces move far: see its test."""

_THUMBNAIL_SIDE = 32
_DARK_AND_BRIGHT = (5, 95)


@dataclass(frozen=True)
class Reference:
    """The chosen frame.

    Attributes:
        index: Its number from 0.
        keypoints: Its keypoints.
        note: What the user should know about the choice; None if it is what was asked for.
    """

    index: int
    keypoints: Keypoints
    note: str | None = None


def contrast(picture: Image) -> float:
    """Grey levels between the dark and the bright parts of a picture, (H, W, 3) uint8: 0 if uniform, up to 255."""
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    thumbnail = cv2.resize(grey, (_THUMBNAIL_SIDE, _THUMBNAIL_SIDE), interpolation=cv2.INTER_AREA)
    dark, bright = np.percentile(thumbnail, _DARK_AND_BRIGHT)
    return float(bright - dark)


def set_reference(
    animator: Animator,
    driving: Iterable[DrivingFrame],
    best_frame: BestFrame | None,
    path: Path,
    progress: Callable[[int], None] = lambda _count: None,
) -> int:
    """Gives the animator the frame that `find_reference` chooses, with a warning if the user should know about it.

    Returns the number of the frame. `path` is the driving file, for the warning.
    """
    reference = find_reference(animator, driving, best_frame, progress)
    if reference.note is not None:
        _log.warning("%s: %s", path, reference.note)
    animator.set_reference(reference.keypoints)
    return reference.index


def find_reference(
    animator: Animator, driving: Iterable[DrivingFrame], best_frame: BestFrame | None, progress: Callable[[int], None]
) -> Reference:
    """Chooses the reference frame, reading the driving frames as far as needed.

    Args:
        animator: Finds keypoints; "auto" compares them with those of its source.
        driving: All driving frames, from the first.
        best_frame: A number from 0; "auto" for the frame whose pose is nearest to that of the source; None for the
            first. Frames without contrast are passed over by the last two.
        progress: Called with the number of frames examined so far.

    Raises:
        MotionError: There is no frame with this number, or no frame at all.
    """
    nearest: tuple[float, int, Keypoints] | None = None
    fallback: tuple[float, DrivingFrame] | None = None
    count = 0
    for count, frame in enumerate(driving, start=1):
        if isinstance(best_frame, int):
            if frame.index == best_frame:
                return _as_asked(animator, frame)
            progress(count)
            continue
        found = _contrast_of(animator, frame)
        if found < LEAST_CONTRAST:
            if fallback is None or found > fallback[0]:
                fallback = found, frame
        elif best_frame is None:
            return _first_usable(animator, frame)
        else:
            keypoints = frame.find_keypoints(animator.keypoints)
            animator.check_keypoints(keypoints)  # recorded ones may come from another model
            distance = pose_distance(animator.kp_source, keypoints)
            if nearest is None or distance < nearest[0]:
                nearest = distance, frame.index, keypoints
        progress(count)
    if nearest is not None:
        return Reference(nearest[1], nearest[2])
    if fallback is not None:
        return _most_contrast(animator, fallback[1])
    raise MotionError(no_such_frame(best_frame if isinstance(best_frame, int) else 0, count))


def is_usable(animator: Animator, frame: DrivingFrame) -> bool:
    """Returns True if a frame may be the reference without being asked for."""
    return _contrast_of(animator, frame) >= LEAST_CONTRAST


def _contrast_of(animator: Animator, frame: DrivingFrame) -> float:
    """The contrast of the square that the networks see; infinite for recorded keypoints, of which nothing is known."""
    return float("inf") if frame.pixels is None else contrast(animator.frame_driving(frame.pixels))


def _as_asked(animator: Animator, frame: DrivingFrame) -> Reference:
    note = None
    if not is_usable(animator, frame):
        note = (
            f"frame {frame.index} was asked for as the reference but has hardly any contrast; expect a distorted "
            "result, or choose another frame or auto"
        )
    return Reference(frame.index, frame.find_keypoints(animator.keypoints), note)


def _first_usable(animator: Animator, frame: DrivingFrame) -> Reference:
    note = None
    if frame.index > 0:
        note = f"the first frames have hardly any contrast; frame {frame.index}, the first that has, is the reference"
    return Reference(frame.index, frame.find_keypoints(animator.keypoints), note)


def _most_contrast(animator: Animator, frame: DrivingFrame) -> Reference:
    note = f"no frame has enough contrast for a reference; expect a distorted result. Frame {frame.index} has the most"
    return Reference(frame.index, frame.find_keypoints(animator.keypoints), note)
