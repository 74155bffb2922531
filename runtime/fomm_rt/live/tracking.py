"""Keypoints over time, in a square that may move: the reference, the best reference so far, and smoothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fomm_rt.faces.dead_zone import moved_keypoints
from fomm_rt.framing import Region
from fomm_rt.motion.keypoints import Keypoints, pose_distance
from fomm_rt.motion.smoothing import KeypointFilter


@dataclass(frozen=True, eq=False)
class Pose:
    """Keypoints and the square of the camera's picture that they were found in."""

    keypoints: Keypoints
    square: Region

    def in_square(self, square: Region, size: int) -> Keypoints:
        """The keypoints as they would be found in another square."""
        if square == self.square:
            return self.keypoints
        return moved_keypoints(self.keypoints, self.square, square, size)


class BestPose:
    """Remembers the pose that is most like the source's, at the cost of one comparison a frame."""

    def __init__(self) -> None:
        self.pose: Pose | None = None
        self._distance = float("inf")

    def add(self, pose: Pose, kp_source: Keypoints) -> None:
        """Compares the pose of a frame."""
        distance = pose_distance(kp_source, pose.keypoints)
        if distance < self._distance:
            self.pose, self._distance = pose, distance

    def reset(self) -> None:
        """Starts over, for another source or another person."""
        self.pose, self._distance = None, float("inf")


class PoseFilter:
    """Smooths keypoints while the square that they are found in moves: in the coordinates of the first square.

    Args:
        size: Side of the model's frames in pixels.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._filter = KeypointFilter(0)
        self._fixed: Region | None = None

    def reset(self) -> None:
        """Forgets earlier frames."""
        self._filter.reset()
        self._fixed = None

    def at(self, square: Region, time_s: float, strength: float) -> Callable[[Keypoints], Keypoints] | None:
        """The function that smooths the keypoints of a frame; None without smoothing."""
        if strength != self._filter.strength:
            self._filter = KeypointFilter(strength)
            self._fixed = None
        if strength == 0:
            return None
        fixed = self._fixed = self._fixed or square

        def smooth(found: Keypoints) -> Keypoints:
            filtered = self._filter(Pose(found, square).in_square(fixed, self._size), time_s)
            return Pose(filtered, fixed).in_square(square, self._size)

        return smooth
