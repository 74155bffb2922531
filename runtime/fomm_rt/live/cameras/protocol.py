"""What a live session needs of a camera."""

from __future__ import annotations

from typing import Protocol

from fomm_rt.live.frames import CameraFrame


class CameraStream(Protocol):
    """An open camera; one thread reads and closes it.

    Attributes:
        interval_s: Seconds between two frames, as far as is known before the first.
        description: Name, size, rate and format in words, for messages: "Logitech C920, 1280×720, 30 fps, MJPEG".
    """

    interval_s: float
    description: str

    def read(self) -> CameraFrame | None:
        """Waits for the next frame; returns None after the last one.

        A camera that takes pictures without being asked gives the newest it has, never an older one that waits in a
        buffer of ours.

        Raises:
            CameraError: The camera was unplugged, failed, or sends what cannot be read.
        """

    def close(self) -> None:
        """Frees the device."""


class Camera(Protocol):
    """A camera that can be opened, also again.

    Attributes:
        name: As a user would call it.
        reconnects: True if it is opened again after a failure, as a device that was unplugged; a file is not.
    """

    name: str
    reconnects: bool

    def open(self) -> CameraStream:
        """Opens the camera.

        Raises:
            CameraError: There is no such camera, another program holds it, it is not permitted, or its format cannot
                be read. The message is one sentence that says what to do.
        """
