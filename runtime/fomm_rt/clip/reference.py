"""Chooses the reference frame of relative motion.

A frame that shows nothing, such as the black before a fade, would distort every frame of the result, so it is never
chosen unless the user asks for its number.

The published code animates outward from the best frame in both directions. Each prediction depends on the source, the
reference and its own driving frame alone, so animating from the first frame to the last gives the same pictures.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import cv2
import numpy as np

from fomm_rt.animator import Animator
from fomm_rt.clip.driving import DrivingFrame, Seen, no_such_frame
from fomm_rt.clip.driving_square import DrivingSquare
from fomm_rt.errors import MotionError
from fomm_rt.faces.face import Face
from fomm_rt.faces.follow import FaceFollower
from fomm_rt.framing import Framing
from fomm_rt.image import Image
from fomm_rt.motion.keypoints import Keypoints, pose_distance

_log = logging.getLogger("fomm_rt")

BestFrame = int | Literal["auto"]

LEAST_CONTRAST = 32.0
"""Grey levels of 255. Below it, fading a picture moves the keypoints of faces far: see its test."""

BLANK_CONTRAST = LEAST_CONTRAST / 2
"""Below it, keypoints say nothing about the picture any more."""

_SAMPLED_SIDE, _THUMBNAIL_SIDE = 128, 32
_DARK_AND_BRIGHT = (5, 95)


@dataclass(frozen=True)
class ChosenFrame:
    """The chosen reference frame.

    Attributes:
        frame: The driving frame.
        keypoints: Its keypoints.
        note: A message about the choice for the user; None if it is the requested frame.
    """

    frame: DrivingFrame
    keypoints: Keypoints
    note: str | None = None

    @property
    def index(self) -> int:
        """Its number from 0."""
        return self.frame.index


def contrast(picture: Image) -> float:
    """Grey levels between the dark and the bright parts of a picture, (H, W, 3) uint8: 0 if uniform, up to 255.

    Looks at some of the pixels, in well under a millisecond; noise is averaged out.
    """
    step = max(1, min(picture.shape[:2]) // _SAMPLED_SIDE)
    grey = cv2.cvtColor(np.ascontiguousarray(picture[::step, ::step]), cv2.COLOR_RGB2GRAY)
    thumbnail = cv2.resize(grey, (_THUMBNAIL_SIDE, _THUMBNAIL_SIDE), interpolation=cv2.INTER_AREA)
    dark, bright = np.percentile(thumbnail, _DARK_AND_BRIGHT)
    return float(bright - dark)


@dataclass(frozen=True)
class ReferenceSearch:
    """Chooses the reference among the frames of a clip.

    Attributes:
        animator: Finds keypoints; "auto" compares them with those of its source.
        best_frame: A number from 0; "auto" for the frame whose pose is nearest to that of the source, among frames that
            show the face from the front if possible; None for the first. The last two skip frames without contrast, and
            frames without a face if the clip shows one.
        faces: The driver's face, if it was searched.
    """

    animator: Animator
    best_frame: BestFrame | None
    faces: DrivingSquare | None = None

    def may_be_first(self, first: DrivingFrame) -> bool:
        """True if the first frame can be the reference by default."""
        shows_face = self.faces is None or self.faces.square is None or self.faces.shows_face_at_once
        return shows_face and is_usable(self.animator, first)

    def set_reference(
        self, frames: Iterable[DrivingFrame], path: Path, progress: Callable[[int], None] = lambda _count: None
    ) -> DrivingFrame:
        """Gives the animator the frame that `find` chooses, with a warning if there is a note about it.

        Returns the frame. `path` is the driving file, for the warning.
        """
        reference = self.find(frames, progress)
        if reference.note is not None:
            _log.warning("%s: %s", path, reference.note)
        self.animator.set_reference(reference.keypoints)
        return reference.frame

    def find(
        self, frames: Iterable[DrivingFrame], progress: Callable[[int], None] = lambda _count: None
    ) -> ChosenFrame:
        """Chooses the reference frame, reading the driving frames as far as needed.

        Args:
            frames: All driving frames, from the first.
            progress: Called with the number of frames examined so far.

        Raises:
            MotionError: There is no frame with this number, or no frame at all.
        """
        follow = self.follower()
        nearest: tuple[float, DrivingFrame, Keypoints] | None = None
        fallback: tuple[float, DrivingFrame] | None = None
        count, has_seen_contrast = 0, False
        for count, frame in enumerate(frames, start=1):
            if isinstance(self.best_frame, int):
                if frame.index == self.best_frame:
                    return _as_asked(self.animator, frame)
                progress(count)
                continue
            seen = self.look(frame, follow)
            has_contrast = seen.contrast >= LEAST_CONTRAST
            if not self.may_serve(seen):
                has_seen_contrast = has_seen_contrast or has_contrast
                if fallback is None or seen.contrast > fallback[0]:
                    fallback = seen.contrast, frame
            elif self.best_frame is None:
                return _first_usable(self.animator, frame, "no face" if has_seen_contrast else "hardly any contrast")
            else:
                keypoints = frame.find_keypoints(self.animator.keypoints)
                self.animator.check_keypoints(keypoints)  # recorded ones may come from another model
                distance = pose_distance(self.animator.kp_source, keypoints)
                distance *= 1 + (seen.awkwardness or 0)
                if nearest is None or distance < nearest[0]:
                    nearest = distance, frame, keypoints
            progress(count)
        if nearest is not None:
            return ChosenFrame(nearest[1], nearest[2])
        if fallback is not None:
            return _most_contrast(self.animator, fallback[1])
        raise MotionError(no_such_frame(self.best_frame if isinstance(self.best_frame, int) else 0, count))

    def follower(self) -> FaceFollower | None:
        """What finds the driver's face in successive frames; None if there is none."""
        square = None if self.faces is None else self.faces.square
        return None if square is None else FaceFollower(within=square)

    def look(self, frame: DrivingFrame, follow: FaceFollower | None) -> Seen:
        """What a frame shows; of recorded keypoints, what their frame showed."""
        if frame.seen is not None:
            return frame.seen
        found = _contrast_of(self.animator, frame)
        if found < LEAST_CONTRAST or follow is None or frame.pixels is None:
            return Seen(found)
        face = follow(frame.pixels)
        return Seen(found, None if face is None else _awkwardness(face, *frame.pixels.shape[:2]))

    def may_serve(self, seen: Seen) -> bool:
        """True if a frame may be the reference: it has contrast and, if the clip shows a face, shows it."""
        shows_face = self.faces is None or self.faces.square is None or seen.awkwardness is not None
        return seen.contrast >= LEAST_CONTRAST and shows_face


def is_usable(animator: Animator, frame: DrivingFrame) -> bool:
    """True if a frame can be the reference by default."""
    return _contrast_of(animator, frame) >= LEAST_CONTRAST


class PoseHold:
    """Makes frames without contrast keep the pose of the last frame with contrast, at first the reference's.

    Otherwise black at the start or the end of a clip would tear the source apart. No pose is held if the reference
    itself has no contrast, or in absolute mode, whose `reference` is None.

    Attributes:
        reference: Number of the reference frame; None in absolute mode.
        count: Frames that were held so far.
    """

    def __init__(self, animator: Animator, reference: DrivingFrame | None) -> None:
        self.reference = None if reference is None else reference.index
        self.count = 0
        self._animator = animator
        self._last = reference if reference is not None and is_usable(animator, reference) else None

    def __call__(self, frame: DrivingFrame) -> DrivingFrame:
        """Returns the frame, or one with the pose of the last frame."""
        if self._last is None:
            return frame
        if _contrast_of(self._animator, frame) >= BLANK_CONTRAST:
            self._last = frame
            return frame
        self.count += 1
        return self._held(frame)

    def note(self) -> str | None:
        """A message for the user about held frames; None if there are none."""
        if self.count == 0:
            return None
        if self.count == 1:
            return "1 frame has hardly any contrast and keeps the pose of the neighbouring frame"
        return f"{self.count} frames have hardly any contrast and keep the pose of neighbouring frames"

    def _held(self, frame: DrivingFrame) -> DrivingFrame:
        assert self._last is not None
        return replace(frame, driving=self._last.driving, shown=frame.pixels)


def _awkwardness(face: Face, height: int, width: int) -> float:
    """0 for a whole face seen from the front; up to 1 for one in profile, and 1 more for one that the border cuts."""
    nose, right, left = face.points[2], face.points[4], face.points[5]
    to_right, to_left = np.hypot(*(nose - right)), np.hypot(*(nose - left))
    turned = float(abs(to_right - to_left) / max(to_right + to_left, 1e-6))
    x, y, w, h = face.box
    is_whole = x >= 0 and y >= 0 and x + w <= width and y + h <= height
    return turned + (0 if is_whole else 1)


def _contrast_of(animator: Animator, frame: DrivingFrame) -> float:
    """The contrast of the part that the networks see; infinite for recorded keypoints, whose pictures are unknown.

    If the face of a picture is not found yet, the whole picture counts.
    """
    if frame.seen is not None:
        return frame.seen.contrast
    if frame.pixels is None:
        return float("inf")
    if not isinstance(animator.driving_framing, Framing):
        return contrast(frame.pixels)
    region = animator.driving_framing.region(*frame.pixels.shape[:2])
    return contrast(frame.pixels[region.y : region.y + region.height, region.x : region.x + region.width])


def _as_asked(animator: Animator, frame: DrivingFrame) -> ChosenFrame:
    note = None
    if not is_usable(animator, frame):
        note = (
            f"frame {frame.index} was asked for as the reference but has hardly any contrast; expect a distorted "
            "result, or choose another frame or auto"
        )
    return ChosenFrame(frame, frame.find_keypoints(animator.keypoints), note)


def _first_usable(animator: Animator, frame: DrivingFrame, lack: str) -> ChosenFrame:
    """The first usable frame; `lack` says what earlier frames lack."""
    note = None
    if frame.index > 0:
        note = f"the first frames show {lack}; frame {frame.index}, the first that is usable, is the reference"
    return ChosenFrame(frame, frame.find_keypoints(animator.keypoints), note)


def _most_contrast(animator: Animator, frame: DrivingFrame) -> ChosenFrame:
    note = (
        f"no frame shows enough for a reference; expect a distorted result. Frame {frame.index}, which has the most "
        "contrast, is the reference"
    )
    return ChosenFrame(frame, frame.find_keypoints(animator.keypoints), note)
