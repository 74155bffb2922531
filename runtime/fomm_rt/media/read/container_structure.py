"""Compares a file with its own structure, because FFmpeg reads damaged and cut off files silently."""

import os
import struct
from typing import BinaryIO

_ISO_FIRST_BOXES = (b"ftyp", b"styp", b"moov", b"wide", b"free", b"skip", b"mdat")
_EBML_HEADER = 0x1A45DFA3
_SEGMENT = 0x18538067
_CLUSTER = 0x1F43B675
_ENTERED = (_SEGMENT, _CLUSTER)
_KNOWN = {
    *_ENTERED,
    _EBML_HEADER,
    # In a segment: SeekHead, Info, Tracks, Chapters, Cues, Attachments, Tags.
    *(0x114D9B74, 0x1549A966, 0x1654AE6B, 0x1043A770, 0x1C53BB6B, 0x1941A469, 0x1254C367),
    # In a cluster: Timestamp, SimpleBlock, BlockGroup, PrevSize, Position, EncryptedBlock, SilentTracks.
    *(0xE7, 0xA3, 0xA0, 0xAB, 0xA7, 0xAF, 0x5854),
    # Anywhere: Void, CRC-32.
    *(0xEC, 0xBF),
}
_LONGEST_HEAD = 12


def is_cut_short(file: BinaryIO) -> bool:
    """Returns True if the end of an MP4, MOV, Matroska, WebM or AVI file is missing, by its outermost sizes.

    Files of other formats, and those written as a stream without sizes, count as complete.
    """
    file_bytes = file.seek(0, os.SEEK_END)
    file.seek(0)
    head = file.read(12)
    if head[4:8] in _ISO_FIRST_BOXES:
        find_end = _iso_box_end
    elif head[:4] == b"RIFF" and head[8:] == b"AVI ":
        find_end = _riff_end
    elif head[:4] == _EBML_HEADER.to_bytes(4, "big"):
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
    identifier, first, size = _read_element(file, position) or (None, 0, None)
    return None if identifier not in (_EBML_HEADER, _SEGMENT) or size is None else first + size


def has_broken_chain(file: BinaryIO) -> bool:
    """Returns True if bytes in a Matroska or WebM file belong to no element.

    An element is an ID, the size of its content, and the content. Walking from one to the next by their sizes, every
    step must land on a known ID. Returns False for a file that merely ends too early, and if an element of unknown size
    other than a segment or cluster hides what follows.
    """
    file_bytes = file.seek(0, os.SEEK_END)
    position = 0
    while position < file_bytes:
        element = _read_element(file, position)
        if element is None:
            return file_bytes - position > _LONGEST_HEAD
        identifier, first, size = element
        if identifier not in _KNOWN:
            return True
        if identifier in _ENTERED:
            position = first
        elif size is None:
            return False
        else:
            position = first + size
    return False


def _read_element(file: BinaryIO, position: int) -> tuple[int, int, int | None] | None:
    """Returns ID, first byte of the content and its size (None: unknown); None if no element can begin there."""
    file.seek(position)
    head = file.read(_LONGEST_HEAD)
    id_bytes = 9 - head[0].bit_length()
    if id_bytes > 4 or len(head) <= id_bytes:
        return None
    size_bytes = 9 - head[id_bytes].bit_length()
    end = id_bytes + size_bytes
    if size_bytes > 8 or len(head) < end:
        return None
    marker = 1 << 7 * size_bytes
    size = int.from_bytes(head[id_bytes:end], "big") - marker
    return int.from_bytes(head[:id_bytes], "big"), position + end, None if size == marker - 1 else size
