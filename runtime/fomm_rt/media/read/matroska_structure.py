"""The chain of elements of a Matroska file; FFmpeg skips damage in it silently.

An element is an ID, the size of its content, and the content. Walking from one to the next by their sizes, every step
must land on a known ID; overwritten bytes break the chain.
"""

import os
from typing import BinaryIO

EBML_HEADER = 0x1A45DFA3
SEGMENT = 0x18538067
_CLUSTER = 0x1F43B675
_ENTERED = (SEGMENT, _CLUSTER)
_KNOWN = {
    *_ENTERED,
    EBML_HEADER,
    # In a segment: SeekHead, Info, Tracks, Chapters, Cues, Attachments, Tags.
    *(0x114D9B74, 0x1549A966, 0x1654AE6B, 0x1043A770, 0x1C53BB6B, 0x1941A469, 0x1254C367),
    # In a cluster: Timestamp, SimpleBlock, BlockGroup, PrevSize, Position, EncryptedBlock, SilentTracks.
    *(0xE7, 0xA3, 0xA0, 0xAB, 0xA7, 0xAF, 0x5854),
    # Anywhere: Void, CRC-32.
    *(0xEC, 0xBF),
}
_LONGEST_HEAD = 12


def is_broken(file: BinaryIO) -> bool:
    """Returns True if bytes that belong to no element stand in a Matroska or WebM file.

    False for a file that merely ends too early, and if an element of unknown size other than a segment or cluster
    hides what follows.

    Raises:
        OSError: The file cannot be read.
    """
    file_bytes = file.seek(0, os.SEEK_END)
    position = 0
    while position < file_bytes:
        element = read_element(file, position)
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


def read_element(file: BinaryIO, position: int) -> tuple[int, int, int | None] | None:
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
