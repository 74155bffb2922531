"""Follows one face from frame to frame.

A frame costs one run of the short-range detector in a window that stays in place while the face moves little, so the
box of a resting face rests too. The whole frame is searched only if the face is lost.
"""

from __future__ import annotations

import numpy as np

from fomm_rt.faces.face import Face
from fomm_rt.faces.search import find_faces, look
from fomm_rt.faces.windows import Window
from fomm_rt.framing import Region
from fomm_rt.image import Image

WINDOW_SIDE = 2.25
"""Side of the window in face heights."""
FOLLOWED_SCORE = 0.7
LARGEST_OFFSET = 0.35
"""Distance from the window's centre, in face heights, from which the window is moved."""
LARGEST_RATIO = 1.25
"""Ratio of sizes from which the window is resized."""
SAME_PERSON = 1.0
"""A face in the window that is farther than this from the last one, in face heights, is another person's. Once the face
is lost, the whole frame is searched, and the nearest face is followed, whoever it belongs to."""


class FaceFollower:
    """Finds one face in successive frames of a video or a camera.

    Args:
        face: Where to start; by default the most prominent face of the first frame that has one.
        search_interval: Frames between searches while there is no face, so that an empty room costs little.
        within: Only faces whose centre lies in this square are found by a search.
    """

    def __init__(self, face: Face | None = None, search_interval: int = 1, within: Region | None = None) -> None:
        self._face = face
        self._window = None if face is None else _window_around(face)
        self._search_interval = search_interval
        self._within = within
        self._frames_without = 0

    def __call__(self, frame: Image) -> Face | None:
        """Finds the face in the next frame, (H, W, 3) uint8 RGB; None if there is none."""
        if self._window is not None and self._face is not None:
            face = self._look(frame, self._window, self._face)
            if face is not None:
                self._frames_without = 0
                return self._keep(face)
            self._window = None
        due = self._frames_without % self._search_interval == 0
        self._frames_without += 1
        face = self._nearest(self._search(frame)) if due else None
        if face is None:
            return None
        self._frames_without = 0
        # A box depends a little on its surroundings, so the first one comes from the same kind of window as the rest.
        return self._keep(self._look(frame, _window_around(face), face) or face)

    def _look(self, frame: Image, window: Window, last: Face) -> Face | None:
        faces = list(look(frame, window, FOLLOWED_SCORE))
        near = [face for face in faces if _distance(face, last) <= SAME_PERSON * last.height]
        return min(near, key=lambda face: _distance(face, last), default=None)

    def _search(self, frame: Image) -> list[Face]:
        faces = find_faces(frame)
        return faces if self._within is None else [face for face in faces if _lies_in(face, self._within)]

    def _nearest(self, faces: list[Face]) -> Face | None:
        """The face that is followed: the most prominent one, later the one nearest to where it was lost."""
        last = self._face
        if last is None:
            return faces[0] if faces else None
        return min(faces, key=lambda face: _distance(face, last), default=None)

    def _keep(self, face: Face) -> Face:
        self._face = face
        if self._window is None or not _rests(face, self._window):
            self._window = _window_around(face)
        return face


def _window_around(face: Face) -> Window:
    return Window(face.centre, WINDOW_SIDE * face.height)


def _rests(face: Face, window: Window) -> bool:
    offset = float(np.hypot(*np.subtract(face.centre, window.centre)))
    ratio = window.side / (WINDOW_SIDE * face.height)
    return offset <= LARGEST_OFFSET * face.height and 1 / LARGEST_RATIO <= ratio <= LARGEST_RATIO


def _lies_in(face: Face, square: Region) -> bool:
    x, y = face.centre
    return square.x <= x < square.x + square.side and square.y <= y < square.y + square.side


def _distance(one: Face, other: Face) -> float:
    return float(np.hypot(*np.subtract(one.centre, other.centre)))
