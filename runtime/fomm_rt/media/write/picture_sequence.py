"""Numbered PNG pictures, one a frame."""

import logging
import re
from fractions import Fraction
from pathlib import Path
from types import TracebackType

import cv2
import numpy as np
from numpy.typing import NDArray

from fomm_rt.errors import OutputError
from fomm_rt.files.staging import StagedFolder, reporting_failures
from fomm_rt.image import check_image

_logger = logging.getLogger("fomm_rt")

_NUMBER = re.compile(r"%(?:0\d{1,2})?d")


# Also those that cannot be written, so that the error speaks of pictures.
_PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")


def is_pattern(path: Path) -> bool:
    """Tells whether a name asks for numbered pictures, rightly or wrongly formed."""
    return _NUMBER.search(path.name) is not None or path.suffix.lower() in _PICTURE_SUFFIXES


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


def may_overwrite(pattern: Path, file: Path) -> bool:
    """Tells whether a numbered picture may take a file's place, now or through a symbolic link.

    Args:
        pattern: A name that `check_pattern` accepts.
        file: Any file.
    """
    try:
        folder = pattern.parent.resolve()
        names = [(file.parent.resolve(), file.name), (file.resolve().parent, file.resolve().name)]
    except (OSError, RuntimeError, ValueError):
        # A loop of links or no file name at all: nothing that could be read as an input.
        return False
    return any(parent == folder and _number_of(pattern, name) is not None for parent, name in names)


def _number_of(pattern: Path, name: str) -> int | None:
    """The number from 1 that makes the pattern this name, or None."""
    before, after = _NUMBER.split(pattern.name)
    digits = name[len(before) : len(name) - len(after)]
    if not (digits.isascii() and digits.isdecimal() and len(digits) < 256):
        return None
    number = int(digits)
    return number if number > 0 and pattern.name % number == name else None


class PictureSequenceWriter:
    """Writes PNG pictures numbered from 1, as FFmpeg does; all of them appear on commit.

    Frames of different sizes are allowed. Pictures with higher numbers from an earlier run stay, with a warning.
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
        check_image(pixels)
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
        self._warn_of_earlier_pictures()

    def _warn_of_earlier_pictures(self) -> None:
        try:
            numbers = [_number_of(self._pattern, file.name) or 0 for file in self._pattern.parent.iterdir()]
        except OSError:
            # A folder may be writable and not listable.
            return
        first = min((number for number in numbers if number > self._count), default=None)
        if first is not None:
            name = self._pattern.with_name(self._pattern.name % first)
            _logger.warning("%s and later are from an earlier run", name)
