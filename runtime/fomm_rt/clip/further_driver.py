"""Drivers beside the first one, for pictures in which every face has its own."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from fractions import Fraction

from fomm_rt.animator import Animator
from fomm_rt.clip.driving import Driving, DrivingFrame
from fomm_rt.clip.driving_square import DrivingSquare, driving_framed
from fomm_rt.clip.reference import PoseHold, ReferenceSearch
from fomm_rt.framing import Framing
from fomm_rt.motion.keypoints import Keypoints
from fomm_rt.motion.smoothing import KeypointFilter

_log = logging.getLogger("fomm_rt")


class FurtherDriver:
    """The keypoints of a clip at the times of another clip. Its last frame is held.

    Args:
        animator: Finds keypoints; its own driving framing stays as it is.
        driving: The clip.
        framing: The square of its frames.
        faces: Its face, if it was searched.
        smooth: Smooths its keypoints.
    """

    def __init__(
        self,
        animator: Animator,
        driving: Driving,
        framing: Framing,
        faces: DrivingSquare | None,
        smooth: KeypointFilter | None,
    ) -> None:
        self._animator = animator
        self._driving = driving
        self._framing = framing
        self._faces = faces
        self._smooth = smooth
        self._frames: Iterator[DrivingFrame] = iter(driving)
        self._shown: DrivingFrame = next(self._frames)
        self._next: DrivingFrame | None = next(self._frames, None)
        self._keypoints: tuple[int, Keypoints] | None = None
        self._hold: PoseHold | None = None

    def keypoints_at(self, time: Fraction) -> Keypoints:
        """The keypoints of the frame that is shown at a time, which must not go back."""
        while self._next is not None and self._next.time <= time:
            self._shown, self._next = self._next, next(self._frames, None)
        if self._keypoints is None or self._keypoints[0] != self._shown.index:
            with driving_framed(self._animator, self._framing):
                frame = self._shown if self._hold is None else self._hold(self._shown)
                keypoints = frame.find_keypoints(self._animator.keypoints)
            if self._smooth is not None:
                keypoints = self._smooth(keypoints, self._shown.time)
            self._keypoints = self._shown.index, keypoints
        return self._keypoints[1]

    def reference(self) -> Keypoints:
        """The keypoints of the frame from which its movement counts."""
        with driving_framed(self._animator, self._framing):
            chosen = ReferenceSearch(self._animator, None, self._faces).find(self._driving)
            self._hold = PoseHold(self._animator, chosen.frame)
        if chosen.note is not None:
            _log.warning("%s: %s", self._driving.path, chosen.note)
        return chosen.keypoints
