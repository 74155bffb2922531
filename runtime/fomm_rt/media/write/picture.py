"""Writes a picture as PNG, JPEG or WebP."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import cv2

from fomm_rt.errors import OutputError
from fomm_rt.files.staging import StagedOutput, reporting_failures
from fomm_rt.image import Image, check_image

_OPTIONS: dict[str, list[int]] = {
    ".png": [],
    ".jpg": [cv2.IMWRITE_JPEG_QUALITY, 95],
    ".jpeg": [cv2.IMWRITE_JPEG_QUALITY, 95],
    ".webp": [cv2.IMWRITE_WEBP_QUALITY, 95],
}


def write_picture(path: str | os.PathLike[str], pixels: Image) -> None:
    """Writes a picture; an old file stays until the new one is complete.

    Args:
        path: Ends in .png, .jpg, .jpeg or .webp; JPEG and WebP are written at quality 95.
        pixels: (H, W, 3) uint8 RGB.

    Raises:
        ImageError: The pixels are not such a picture.
        OutputError: The ending is another, the picture is too large for the format, or the file cannot be written.
    """
    with staged_picture(StagedOutput(Path(path)), pixels) as staged:
        staged.commit()


@contextmanager
def staged_picture(staged: StagedOutput, pixels: Image) -> Iterator[StagedOutput]:
    """Writes a picture as `write_picture` does, but leaves it under its temporary name until `commit`."""
    target = staged.target
    if target.suffix.lower() not in _OPTIONS:
        raise OutputError(
            f"{target} ends in {target.suffix or 'nothing'}; a picture is written as {', '.join(_OPTIONS)}."
        )
    check_image(pixels)
    content = encode_picture(target, pixels)
    with staged:
        with reporting_failures(target):
            staged.path.write_bytes(content)
        yield staged


def encode_picture(target: Path, pixels: Image) -> bytes:
    """Encodes (H, W, 3) uint8 RGB for a file with one of the endings of `write_picture`."""
    suffix = target.suffix.lower()
    # OpenCV's own words name a line of its source; the cause is always the size.
    with suppress(cv2.error):
        encoded, content = cv2.imencode(suffix, cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), _OPTIONS[suffix])
        if encoded:
            return content.tobytes()
    height, width = pixels.shape[:2]
    raise OutputError(f"{target} cannot hold a picture of {width}x{height} pixels; write it as .png.")
