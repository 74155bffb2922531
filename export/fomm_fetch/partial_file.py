"""An unfinished download: the bytes so far, and which file of which server they belong to."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

from fomm_rt.files.staging import replacing
from fomm_rt.files.typed_json import parse_json, typed


@dataclass(frozen=True)
class ResumeInfo:
    """The file that the bytes so far are of; a resumed download asks for the rest of it.

    Attributes:
        url: The URL that was asked for, before redirects.
        validator: The answer's strong ETag, or else its Last-Modified; None if it had neither.
        total_bytes: Size of the whole file; None if the server did not say.
        is_whole: True once the transfer has ended as the server announced.
    """

    url: str
    validator: str | None
    total_bytes: int | None
    is_whole: bool = False


class PartialFile:
    """A file that grows, and beside it a description, FILE.json.

    Args:
        path: The file.

    Attributes:
        is_fresh: True if all bytes came in one transfer of this process.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.is_fresh = False
        self._description = path.with_name(f"{path.name}.json")

    @property
    def size_bytes(self) -> int:
        """Bytes so far."""
        try:
            return self.path.stat().st_size
        except (FileNotFoundError, NotADirectoryError):
            return 0

    @property
    def resume_info(self) -> ResumeInfo | None:
        """The file that the bytes are of; None if there are none, or if it is not known."""
        if not self.size_bytes:
            return None
        try:
            return typed(parse_json(self._description.read_text(encoding="utf-8")), ResumeInfo)
        except (OSError, ValueError):
            return None

    def restart(self, resume_info: ResumeInfo) -> BinaryIO:
        """Empties the file and returns it, open for writing."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.discard()
        self.describe(resume_info)
        self.is_fresh = True
        return self.path.open("wb")

    def go_on(self) -> BinaryIO:
        """Returns the file, open for writing at its end."""
        self.is_fresh = False
        return self.path.open("ab")

    def describe(self, resume_info: ResumeInfo) -> None:
        """Writes the description."""
        with replacing(self._description) as staged:
            staged.write_text(json.dumps(asdict(resume_info)), encoding="utf-8")

    def discard(self) -> None:
        """Removes the file and its description."""
        for path in (self.path, self._description):
            with suppress(FileNotFoundError, NotADirectoryError):
                path.unlink()
