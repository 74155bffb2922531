"""Size limits of pictures and frames, which are checked in the headers before anything is decoded.

A file of a few bytes can claim a picture of gigabytes. The limits allow large photographs and 8K videos, and keep a run
within 1.5 GB of memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from fomm_rt.errors import MediaError

PICTURE_PIXELS = 100_000_000
FRAME_PIXELS = 8192 * 4320
"""The wider of the two sizes called 8K."""

_BYTES_OF_A_PIXEL = 9
"""Peak memory for an ordinary picture: 8 bits per channel, decoded twice, and the file itself."""


class TooLargeError(MediaError):
    """A picture or a frame exceeds the limits."""


RESULT_BYTES = 3
"""Of a pixel that is read: RGB in 8 bits."""


class PictureSize(NamedTuple):
    """The size of a picture by its header.

    Attributes:
        width, height: In pixels, as stored.
        bytes_per_pixel: Peak memory for decoding it, without the file.
    """

    width: int
    height: int
    bytes_per_pixel: float

    @property
    def decoding_bytes(self) -> float:
        """Peak memory for decoding it."""
        return self.width * self.height * self.bytes_per_pixel


def by_opencv(channels: int, sample_bytes: int = 1) -> float:
    """Returns the bytes per pixel that OpenCV takes at the peak: it decodes, then copies what it decoded."""
    decoded = channels * sample_bytes
    return max(2 * decoded, decoded + RESULT_BYTES)


@dataclass(frozen=True)
class Limits:
    """The largest pictures and frames that are decoded.

    Attributes:
        picture_pixels: Pixels of a still picture of 8 bits; of deeper ones, and of some formats, fewer, because they
            take more memory.
        frame_pixels: Pixels of a frame of a video or an animation, as it is shown.
    """

    picture_pixels: int = PICTURE_PIXELS
    frame_pixels: int = FRAME_PIXELS

    @classmethod
    def of(cls, max_pixels: int | None) -> Limits:
        """The limits for an option that sets both; the defaults for None.

        Raises:
            MediaError: The number is not positive.
        """
        if max_pixels is None:
            return cls()
        if max_pixels < 1:
            raise MediaError(f"max_pixels: expected a number of pixels from 1; got {max_pixels}")
        return cls(max_pixels, max_pixels)

    @property
    def picture_bytes(self) -> int:
        """The memory that decoding a picture may take, including its file."""
        return self.picture_pixels * _BYTES_OF_A_PIXEL

    def check_picture(self, path: Path, kind: str, file_bytes: int, size: PictureSize | None) -> None:
        """Raises TooLargeError if a picture file, or its decoded picture, is too large.

        `size` is None while it is unknown.
        """
        if file_bytes > self.picture_bytes:
            raise TooLargeError(
                f"{path} has {file_bytes / 1e6:.0f} MB; a {kind} picture of at most {self.picture_bytes / 1e6:.0f} MB "
                f"was expected. {_REMEDY}"
            )
        if size is not None and file_bytes + size.decoding_bytes > self.picture_bytes:
            fitting = max(0.0, self.picture_bytes - file_bytes) / size.bytes_per_pixel
            raise TooLargeError(
                f"{path} has {size.width}×{size.height} pixels, {megapixels(size.width * size.height)}; of this kind "
                f"at most {megapixels(fitting)} are decoded. {_REMEDY}"
            )

    def check_frame(self, path: Path, width: int, height: int) -> None:
        """Raises TooLargeError if frames of a size in pixels, as shown, are too large."""
        if width * height > self.frame_pixels:
            raise TooLargeError(
                f"{path} has frames of {width}×{height} pixels, {megapixels(width * height)}; at most "
                f"{megapixels(self.frame_pixels)} are decoded. {_REMEDY}"
            )


_REMEDY = "Scale it down, or raise the limit with --max-pixels (max_pixels in Python)."


def megapixels(pixels: float) -> str:
    """For example "48.0 megapixels"."""
    return f"{pixels / 1e6:,.1f} megapixels"
