"""A picture as a camera: the same frame over and over."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count

from fomm_rt.errors import CameraError, MediaError
from fomm_rt.image import Image
from fomm_rt.live.cameras.playback import Playback
from fomm_rt.live.cameras.protocol import CameraStream
from fomm_rt.media.read.picture import read_picture

FPS = 30


@dataclass(frozen=True, eq=False)
class StillCamera:
    """Gives a picture 30 times per second; see `Camera`.

    Attributes:
        name: As a user would call it.
        picture: (H, W, 3) uint8 RGB.
    """

    name: str
    picture: Image
    reconnects: bool = False
    patience_s: float | None = None

    @classmethod
    def read(cls, path: str) -> StillCamera:
        """Reads the picture of a file.

        Raises:
            CameraError: It cannot be read.
        """
        try:
            return cls(path, read_picture(path))
        except MediaError as error:
            raise CameraError(str(error)) from error

    def open(self) -> CameraStream:
        """Starts to give the picture."""
        height, width = self.picture.shape[:2]
        times = ((number / FPS, self.picture) for number in count())
        return Playback(times, 1 / FPS, f"{self.name}, {width}×{height}, a picture")
