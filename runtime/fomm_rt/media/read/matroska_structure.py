"""Whether the elements of a Matroska file follow one another; FFmpeg passes over damage without a word.

An element is an ID, the size of its content and the content. Walking from one to the next by their sizes, every
step has to land on an ID that may stand there; overwritten bytes break the chain.
"""

import os
from pathlib import Path
from typing import BinaryIO

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


def is_broken(path: Path) -> bool:
    """Tells whether the chain of elements breaks off before the end of the file.

    Args:
        path: A Matroska or WebM file.

    Returns:
        True where bytes stand that belong to no element. False for a file that merely ends too early, and where
        an element of unknown size other than a segment or cluster hides what follows.

    Raises:
        OSError: If the file cannot be read.
    """
    with path.open("rb") as file:
        file_bytes = os.fstat(file.fileno()).st_size
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
    """ID, first byte of the content and its size (None: unknown); None where no element can begin."""
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
