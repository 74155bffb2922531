"""The protocol of a device that shows pictures to other programs."""

from __future__ import annotations

from typing import Protocol

from fomm_rt.image import Image


class PictureSink(Protocol):
    """An open device that other programs read as a camera.

    Attributes:
        name: The device as those programs list it.
    """

    name: str

    def write(self, pixels: Image) -> None:
        """Hands over a picture of the size that the device was opened with.

        Args:
            pixels: (height, width, 3) uint8 RGB; not kept.

        Raises:
            OutputError: The device failed.
        """

    def close(self) -> None:
        """Frees the device."""
