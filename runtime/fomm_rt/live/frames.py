"""The frames of a live session, with the times at which they were captured.

All times are seconds of `time.perf_counter`. On Linux that is CLOCK_MONOTONIC, which drivers stamp frames with.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from fomm_rt.faces.face import Face
from fomm_rt.framing import Region
from fomm_rt.image import Image
from fomm_rt.motion.keypoints import Keypoints

Driver = Literal["face", "held", "fading", "source", "passthrough"]
"""What a picture shows: the avatar moved by a face; while no face is found the last picture, its fading into the
source, or the source; or the camera's own picture."""

View = Literal["result", "panel", "explain"]
"""The result alone, or the views of `fomm-rt animate --panel` and `--explain`."""


@dataclass(frozen=True, eq=False)
class CameraFrame:
    """One picture of a camera.

    Attributes:
        sequence: Counts the frames of a session from 0, including frames that newer ones replaced.
        captured_s: When the picture was taken, as early as the camera can tell.
        pixels: (H, W, 3) uint8 RGB, not changed after it was handed over.
    """

    sequence: int
    captured_s: float
    pixels: Image


@dataclass(frozen=True, eq=False)
class LiveFrame:
    """The result of one camera frame.

    `driving`, `camera` and `view_picture` show the driving person. They are for the window alone.

    Attributes:
        sequence, captured_s: Those of the camera frame; `sequence` is None for a picture made without one, such
            as the first picture of an avatar. Such a picture counts nowhere and is not recorded.
        picture: (H, W, 3) uint8 RGB to show, not mirrored: the animated avatar, or the camera's picture.
        driver: What `picture` shows.
        driving: (size, size, 3) uint8 RGB: the square of the camera frame that drove it.
        camera: The camera frame's (H, W, 3) uint8 RGB pixels.
        square: The square of the camera frame that `driving` was cut from; None if there was none.
        face: The face that was found in it, if faces are followed.
        kp_driving: Keypoints of `driving`; None if it was not animated.
        network_ms: Time that the model took.
        view: The chosen view.
        view_picture: (H, W, 3) uint8 RGB: that view, unless it is the result; never mirrored, because it holds text.
        stages_ms: Stage of the session -> milliseconds, so far.
    """

    sequence: int | None
    captured_s: float
    picture: Image
    driver: Driver
    driving: Image
    camera: Image
    square: Region | None = None
    face: Face | None = None
    kp_driving: Keypoints | None = None
    network_ms: float | None = None
    view: View = "result"
    view_picture: Image | None = None
    stages_ms: Mapping[str, float] = field(default_factory=dict)
