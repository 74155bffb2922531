"""Files as FFmpeg reads them through PyAV."""

from __future__ import annotations

import errno
import io
from typing import BinaryIO


class SeekableFile:
    """A file that answers a seek to an impossible place as FFmpeg expects it.

    Damaged files make FFmpeg seek to places before their start. Python's files raise an exception then, and PyAV prints
    its traceback on standard error; a negative position only tells FFmpeg that the seek failed.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.read = file.read
        self.tell = file.tell

    def seek(self, offset: int, whence: int = 0) -> int:
        """Moves to a place and returns it, or a negative number if it does not exist."""
        try:
            if whence == io.SEEK_CUR:  # files in memory would go to their start instead
                offset, whence = self._file.tell() + offset, io.SEEK_SET
            return self._file.seek(offset, whence)
        except (OSError, ValueError, OverflowError):
            return -errno.EINVAL
