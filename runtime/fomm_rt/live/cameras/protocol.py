"""The protocol of a camera in a live session."""

from __future__ import annotations

from typing import Protocol

from fomm_rt.live.frames import CameraFrame


class CameraStream(Protocol):
    """An open camera; one thread reads and closes it."""

    @property
    def interval_s(self) -> float:
        """Seconds between two frames, as known so far; it may change while frames are read."""

    @property
    def description(self) -> str:
        """Name, size, rate and format in words, for messages: "Logitech C920, 1280×720, 30 fps, MJPEG"."""

    def read(self) -> CameraFrame | None:
        """Waits for the next frame; returns None after the last one.

        A camera that captures continuously returns its newest frame, never an older one from a buffer. The sequence
        counts from 0 and includes frames that newer ones replaced.

        Raises:
            CameraError: The camera was unplugged, failed, or sends what cannot be read.
        """

    def close(self) -> None:
        """Frees the device."""


class Camera(Protocol):
    """A camera that can be opened, and opened again."""

    @property
    def name(self) -> str:
        """As a user would call it."""

    @property
    def reconnects(self) -> bool:
        """True if it is opened again after a failure, as a device that was unplugged; a file is not."""

    @property
    def patience_s(self) -> float | None:
        """Seconds in `read` without a frame after which it counts as stalled; None if it may take any time."""

    def open(self) -> CameraStream:
        """Opens the camera.

        Raises:
            CameraError: There is no such camera, another program holds it, it is not permitted, or its format cannot
                be read. The message is one sentence that says what to do.
        """
