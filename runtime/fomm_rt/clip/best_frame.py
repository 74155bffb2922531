"""Chooses the driving frame that relative motion counts from.

The published code animates outward from the best frame in both directions. Each prediction depends on the source, the
reference and its own driving frame alone, so animating from the first frame to the last gives the same pictures.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal

from fomm_rt.animator import Animator
from fomm_rt.clip.driving import DrivingFrame, no_such_frame
from fomm_rt.errors import MotionError
from fomm_rt.motion.keypoints import Keypoints, pose_distance

BestFrame = int | Literal["auto"]


def find_reference(
    animator: Animator, driving: Iterable[DrivingFrame], best_frame: BestFrame, progress: Callable[[int], None]
) -> tuple[int, Keypoints]:
    """Returns the number and the keypoints of the reference frame, reading the driving frames as far as needed.

    `best_frame` is a number from 0, or "auto" for the frame whose pose is nearest to that of the animator's source.
    `progress` is called with the number of frames examined.

    Raises:
        MotionError: There is no frame with this number, or no frame at all.
    """
    best: tuple[float, int, Keypoints] | None = None
    count = 0
    for count, frame in enumerate(driving, start=1):
        if best_frame not in ("auto", frame.index):
            progress(count)
            continue
        keypoints = frame.find_keypoints(animator.keypoints)
        if best_frame != "auto":
            return frame.index, keypoints
        animator.check_keypoints(keypoints)  # recorded ones may come from another model
        distance = pose_distance(animator.kp_source, keypoints)
        if best is None or distance < best[0]:
            best = distance, frame.index, keypoints
        progress(count)
    if best is None:
        raise MotionError(no_such_frame(best_frame, count) if isinstance(best_frame, int) else "there is no frame")
    return best[1], best[2]
