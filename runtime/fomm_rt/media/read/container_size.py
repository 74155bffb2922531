"""Whether a file is as long as its own structure says; FFmpeg reads a file cut short without a word."""

import os
import struct
from pathlib import Path
from typing import BinaryIO

_EBML_HEADER = 0x1A45DFA3
_MATROSKA_SEGMENT = 0x18538067
_ISO_FIRST_BOXES = (b"ftyp", b"styp", b"moov", b"wide", b"free", b"skip", b"mdat")


def is_cut_short(path: Path) -> bool:
    """Tells whether the end of a file is missing, going by the sizes of its outermost parts.

    Args:
        path: An MP4 or MOV, Matroska or WebM, or AVI file; a file of another format counts as whole, and so
            does one written as a stream, without sizes.

    Raises:
        OSError: If the file cannot be read.
    """
    with path.open("rb") as file:
        file_bytes = os.fstat(file.fileno()).st_size
        head = file.read(12)
        if head[4:8] in _ISO_FIRST_BOXES:
            measure = _iso_box_end
        elif head[:4] == b"RIFF" and head[8:] == b"AVI ":
            measure = _riff_end
        elif head[:4] == _EBML_HEADER.to_bytes(4, "big"):
            measure = _ebml_end
        else:
            return False
        position: int | None = 0
        while position is not None and position < file_bytes:
            file.seek(position)
            position = measure(file, position)
        return position is not None and position > file_bytes


def _iso_box_end(file: BinaryIO, position: int) -> int | None:
    """Where the box at a position ends; None where nothing more can be told."""
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
    head = file.read(12)
    if len(head) < 12 or int.from_bytes(head[:4], "big") not in (_EBML_HEADER, _MATROSKA_SEGMENT) or not head[4]:
        return None
    # The zeros that lead the size's first byte tell how many bytes follow it.
    length = 9 - head[4].bit_length()
    size = int.from_bytes(head[4 : 4 + length], "big") - (1 << 7 * length)
    is_unknown = size == (1 << 7 * length) - 1
    return None if is_unknown else position + 4 + length + size
