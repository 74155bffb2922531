"""Writes numbered PNG pictures, one per frame."""

import logging
import re
import struct
import zlib
from fractions import Fraction
from pathlib import Path

from typing_extensions import override

from fomm_rt.errors import OutputError
from fomm_rt.files.staging import StagedFolder
from fomm_rt.image import Image
from fomm_rt.media.write.frame_writer import FrameWriter
from fomm_rt.media.write.picture import encode_picture

_logger = logging.getLogger("fomm_rt")

_NUMBER = re.compile(r"%(?:0\d{1,2})?d")
_LONGEST_NUMBER = 99
"""Digits of the widest number in a pattern."""

# A PNG begins with its signature and the chunk IHDR. The text that names the program follows.
_HEAD_BYTES = 8 + 25
_TEXT = b"tEXt" + b"Software\0fomm-rt"
_MARK = struct.pack(">I", len(_TEXT) - 4) + _TEXT + struct.pack(">I", zlib.crc32(_TEXT))

# Includes endings that cannot be written, so the error message is about pictures.
_PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")


def is_pattern(path: Path) -> bool:
    """Returns True if a name asks for numbered pictures, even if it is malformed."""
    return _NUMBER.search(path.name) is not None or path.suffix.lower() in _PICTURE_SUFFIXES


def check_pattern(path: Path) -> None:
    """Raises OutputError unless a name has one number like %05d, no other percent sign, and ends in .png."""
    rest = _NUMBER.sub("", path.name)
    if len(_NUMBER.findall(path.name)) != 1 or "%" in rest:
        raise OutputError(f"{path} must hold exactly one number such as %05d; write frames-%05d.png.")
    if path.suffix.lower() != ".png":
        raise OutputError(
            f"{path} ends in {path.suffix or 'nothing'}; numbered pictures are written as PNG. Write frames-%05d.png."
        )


def around_number(pattern: Path) -> tuple[str, str]:
    """What stands before and after the number in the name of a checked pattern."""
    before, after = _NUMBER.split(pattern.name)
    return before, after


def shared_picture(one: Path, other: Path) -> str | None:
    """The name of a picture that two checked patterns have in common; None if there is none.

    Fixed digits may stand for a part of the other number: 00001.png belongs to %05d.png and to 0%04d.png.
    """
    (before, after), (other_before, other_after) = around_number(one), around_number(other)
    before, after = max(before, other_before, key=len), max(after, other_after, key=len)
    # A shared name begins with the longer beginning and ends with the longer end. Ones between them are as good as any
    # digits; the two may also overlap.
    between = [before + "1" * count + after for count in range(_LONGEST_NUMBER + 2)]
    overlapping = [before + after[count:] for count in range(1, len(after)) if before.endswith(after[:count])]
    both = (one, other)
    return next(
        (name for name in (*between, *overlapping) if all(_number_of(each, name) is not None for each in both)), None
    )


def may_overwrite(pattern: Path, file: Path) -> bool:
    """Returns True if a picture of a checked pattern may replace a file, directly or through a symbolic link."""
    try:
        folder = pattern.parent.resolve()
        names = [(file.parent.resolve(), file.name), (file.resolve().parent, file.resolve().name)]
    except (OSError, RuntimeError, ValueError):
        # A loop of links or an invalid name cannot be read as an input.
        return False
    return any(parent == folder and _number_of(pattern, name) is not None for parent, name in names)


def pictures_of(pattern: Path) -> list[Path]:
    """The existing pictures of a checked pattern, in the order of their numbers; none if the folder cannot be read."""
    try:
        numbered = [(_number_of(pattern, file.name), file) for file in pattern.parent.iterdir()]
    except OSError:
        return []
    return [file for _, file in sorted((number, file) for number, file in numbered if number is not None)]


def _number_of(pattern: Path, name: str) -> int | None:
    """Returns the number, from 1, for which the pattern gives this name; None if there is none."""
    before, after = around_number(pattern)
    digits = name[len(before) : len(name) - len(after)]
    if not (digits.isascii() and digits.isdecimal() and len(digits) < 256):
        return None
    number = int(digits)
    return number if number > 0 and pattern.name % number == name else None


class PictureSequenceWriter(FrameWriter):
    """Writes PNG pictures numbered from 1, as FFmpeg does; all of them appear on commit.

    Frames may differ in size. Pictures with higher numbers from an earlier run of fomm-rt are removed, because players
    would show them as a part of this clip; other files that match the pattern stay, with a warning. The path is a
    pattern that `check_pattern` accepts.
    """

    has_one_size = False

    def __init__(self, path: Path, staged: StagedFolder) -> None:
        super().__init__(path, staged)
        self._folder = staged

    @override
    def _write(self, pixels: Image, time: Fraction) -> None:
        name = self._path.name % self._count
        content = encode_picture(self._path.with_name(name), pixels)
        (self._staged.path / name).write_bytes(content[:_HEAD_BYTES] + _MARK + content[_HEAD_BYTES:])

    @override
    def _finish(self) -> None:
        pass

    @override
    def _close(self) -> None:
        pass

    @override
    def commit(self) -> None:
        higher = [file for file in pictures_of(self._path) if (_number_of(self._path, file.name) or 0) > self._count]
        self._folder.obsolete = [file.name for file in higher if _is_marked(file)]
        super().commit()
        for file in higher:
            if file.name not in self._folder.obsolete:
                _logger.warning("%s and later are from another program", file)
                break


def _is_marked(file: Path) -> bool:
    """True if this writer has written a picture."""
    try:
        with file.open("rb") as opened:
            return opened.read(_HEAD_BYTES + len(_MARK)).endswith(_MARK)
    except OSError:
        return False
