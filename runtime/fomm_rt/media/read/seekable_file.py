"""Files as FFmpeg reads them through PyAV."""

from __future__ import annotations

import errno
import io
from typing import BinaryIO


class SeekableFile:
    """A file that answers an impossible seek as FFmpeg expects.

    Damaged files make FFmpeg seek to positions before their start. Python's files then raise an exception, and PyAV
    prints its traceback on standard error; a negative position only tells FFmpeg that the seek failed.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.read = file.read
        self.tell = file.tell

    def seek(self, offset: int, whence: int = 0) -> int:
        """Moves to a position and returns it, or a negative number if it does not exist."""
        try:
            if whence == io.SEEK_CUR:  # files in memory would seek to their start instead
                offset, whence = self._file.tell() + offset, io.SEEK_SET
            return self._file.seek(offset, whence)
        except (OSError, ValueError, OverflowError):
            return -errno.EINVAL
