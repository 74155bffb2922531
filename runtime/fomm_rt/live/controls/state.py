"""The settings that a user can change during a session, as plain values that convert to JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from fomm_rt.live.frames import View

OnNoFace = Literal["hold", "source", "passthrough"]

SMALLEST_ZOOM, LARGEST_ZOOM = 0.5, 4.0


@dataclass(frozen=True)
class Crop:
    """The square of the camera's picture that drives the avatar.

    Attributes:
        follows_face: Follow the face; `zoom`, `x` and `y` then correct the square around it.
        zoom: Above 1, a smaller square: the face gets larger.
        x, y: Offset of the square in shares of its side, to the right and downwards.
    """

    follows_face: bool = True
    zoom: float = 1.0
    x: float = 0.0
    y: float = 0.0


@dataclass(frozen=True)
class LiveState:
    """Everything that a user has set.

    Attributes:
        avatar: Number of the avatar in the gallery, from 0.
        avatar_count: Avatars in the gallery.
        passthrough: Show the camera's picture. Only ever set by the user.
        frozen: Keep the picture as it is.
        recording: Write the shown frames to a file.
        relative, adapt_scale: As those of `Animator`.
        smoothing: Strength of the keypoint filter, 0 to 1.
        crop: The square of the camera's picture.
        view: The result alone, or one of the views that show how it was made.
        overlay_opacity: Opacity of the driving face over the avatar in the window, 0 to 1, to line up both.
        mirror_preview: Mirror the window.
        mirror_output: Mirror all other outputs.
        shows_help, shows_gallery, shows_numbers, shows_keypoints: Overlays of the picture in the window.
        shows_driving: Show the driving face in a corner of the window. Off at first: some share their window in calls.
        on_no_face: What is shown while no face is seen.
    """

    avatar: int = 0
    avatar_count: int = 0
    passthrough: bool = False
    frozen: bool = False
    recording: bool = False
    relative: bool = True
    adapt_scale: bool = True
    smoothing: float = 0.0
    crop: Crop = field(default_factory=Crop)
    view: View = "result"
    overlay_opacity: float = 0.0
    mirror_preview: bool = True
    mirror_output: bool = False
    shows_help: bool = False
    shows_gallery: bool = False
    shows_numbers: bool = True
    shows_keypoints: bool = False
    shows_driving: bool = False
    on_no_face: OnNoFace = "hold"
