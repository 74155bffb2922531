"""Numbered PNG pictures, one a frame."""

import re
from fractions import Fraction
from pathlib import Path
from types import TracebackType

import cv2
import numpy as np
from numpy.typing import NDArray

from fomm_rt.errors import OutputError
from fomm_rt.media.pixels import require_pixels
from fomm_rt.media.staging import StagedFolder, reporting_failures

_NUMBER = re.compile(r"%(?:0\d{1,2})?d")


def is_pattern(path: Path) -> bool:
    """Tells whether a name asks for numbered pictures, rightly or wrongly formed."""
    return "%" in path.name


def check_pattern(path: Path) -> None:
    """Makes sure that a pattern is well formed.

    Args:
        path: Such as frames-%05d.png.

    Raises:
        OutputError: If the name has not exactly one number like %d or %05d, has other percent signs, or does
            not end in .png.
    """
    rest = _NUMBER.sub("", path.name)
    if len(_NUMBER.findall(path.name)) != 1 or "%" in rest:
        raise OutputError(f"{path} must hold exactly one number such as %05d; write frames-%05d.png.")
    if path.suffix.lower() != ".png":
        raise OutputError(
            f"{path} ends in {path.suffix or 'nothing'}; numbered pictures are written as PNG. Write frames-%05d.png."
        )
    if "%" in str(path.parent):
        raise OutputError(f"{path} has a percent sign in its folder; only the file name may be numbered.")


class PictureSequenceWriter:
    """Writes PNG pictures numbered from 1, as FFmpeg does; all of them appear on commit.

    Frames of different sizes are allowed. Pictures with higher numbers from an earlier run stay.
    """

    def __init__(self, pattern: Path) -> None:
        """Prepares a hidden folder beside the pictures.

        Args:
            pattern: A name that `check_pattern` accepts.

        Raises:
            OutputError: If the pattern is malformed or the folder cannot be written.
        """
        check_pattern(pattern)
        self._pattern = pattern
        self._staged = StagedFolder(pattern)
        self._count = 0

    def __enter__(self) -> "PictureSequenceWriter":
        self._staged.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._staged.__exit__(kind, error, trace)

    def write(self, pixels: NDArray[np.uint8], time: Fraction) -> None:  # noqa: ARG002 - pictures have no time
        """Writes the next picture.

        Args:
            pixels: (H, W, 3) uint8 RGB.
            time: Not used.

        Raises:
            ImageError: If the pixels are not a picture.
            OutputError: If the picture cannot be written.
        """
        require_pixels(pixels)
        self._count += 1
        name = self._pattern.name % self._count
        encoded, content = cv2.imencode(".png", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
        if not encoded:
            raise OutputError(f"{self._pattern.with_name(name)} cannot be encoded as PNG.")
        with reporting_failures(self._pattern):
            (self._staged.path / name).write_bytes(content.tobytes())

    def commit(self) -> None:
        """Moves the pictures to where they belong.

        Raises:
            OutputError: If no frame was written or a picture cannot be moved.
        """
        if self._count == 0:
            raise OutputError(f"{self._pattern} would hold no frame; nothing was written.")
        self._staged.commit()
