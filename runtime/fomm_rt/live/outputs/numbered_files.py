"""New names for files that a user makes again and again: live.mkv, live-2.mkv, live-3.mkv."""

from __future__ import annotations

import os
from itertools import count
from pathlib import Path

from fomm_rt.errors import OutputError
from fomm_rt.image import Image, check_image
from fomm_rt.media.write.picture import encode_picture


def create_next(first: Path) -> Path:
    """Creates an empty file under the first free name, so no other program gets the same one.

    Args:
        first: The first name; further ones get a number from 2 before their ending. Its folder is created.

    Raises:
        OutputError: The file cannot be created.
    """
    try:
        first.parent.mkdir(parents=True, exist_ok=True)
        for number in count(1):
            path = first if number == 1 else first.with_stem(f"{first.stem}-{number}")
            try:
                os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
            except FileExistsError:
                continue
            return path
    except OSError as error:
        raise OutputError(f"{first} cannot be created ({error.strerror}); choose another folder") from error
    raise AssertionError


def save_snapshot(first: Path, pixels: Image) -> Path:
    """Writes a picture under the first free name, see `create_next`; returns that name.

    Args:
        first: Ends in .png.
        pixels: (H, W, 3) uint8 RGB.

    Raises:
        OutputError: The picture cannot be written; then there is no such file.
    """
    if first.suffix.lower() != ".png":
        raise OutputError(f"{first}: a snapshot is written as .png")
    check_image(pixels)
    content = encode_picture(first, pixels)
    path = create_next(first)
    try:
        path.write_bytes(content)
    except OSError as error:
        path.unlink(missing_ok=True)
        raise OutputError(f"{path} cannot be written ({error.strerror}); choose another folder") from error
    return path
