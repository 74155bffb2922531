"""Compares the length of a file with its own structure; FFmpeg reads a file that was cut short silently."""

import os
import struct
from typing import BinaryIO

from fomm_rt.media.read.matroska_structure import EBML_HEADER, SEGMENT, read_element

_ISO_FIRST_BOXES = (b"ftyp", b"styp", b"moov", b"wide", b"free", b"skip", b"mdat")


def is_cut_short(file: BinaryIO) -> bool:
    """Returns True if the end of a file is missing, going by the sizes of its outermost parts.

    Args:
        file: An MP4 or MOV, Matroska or WebM, or AVI file. A file of another format counts as complete, and so does
            one written as a stream, without sizes.

    Raises:
        OSError: The file cannot be read.
    """
    file_bytes = file.seek(0, os.SEEK_END)
    file.seek(0)
    head = file.read(12)
    if head[4:8] in _ISO_FIRST_BOXES:
        find_end = _iso_box_end
    elif head[:4] == b"RIFF" and head[8:] == b"AVI ":
        find_end = _riff_end
    elif head[:4] == EBML_HEADER.to_bytes(4, "big"):
        find_end = _ebml_end
    else:
        return False
    position: int | None = 0
    while position is not None and position < file_bytes:
        file.seek(position)
        position = find_end(file, position)
    return position is not None and position > file_bytes


def _iso_box_end(file: BinaryIO, position: int) -> int | None:
    """Returns where the box at a position ends; None if it does not say."""
    head = file.read(16)
    if len(head) < 8 or not head[4:8].isalnum():
        return None
    (size,) = struct.unpack_from(">I", head)
    if size == 1 and len(head) == 16:
        (size,) = struct.unpack_from(">Q", head, 8)
    # Size 0 means up to the end of the file.
    return position + size if size >= 8 else None


def _riff_end(file: BinaryIO, position: int) -> int | None:
    head = file.read(8)
    if len(head) < 8 or head[:4] != b"RIFF":
        return None
    size: int = struct.unpack_from("<I", head, 4)[0]
    return position + 8 + size if size else None


def _ebml_end(file: BinaryIO, position: int) -> int | None:
    identifier, first, size = read_element(file, position) or (None, 0, None)
    return None if identifier not in (EBML_HEADER, SEGMENT) or size is None else first + size
