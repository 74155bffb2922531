"""Recognizes addresses such as https://… where a path was expected, to say what to do instead."""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import unquote

# pathlib makes one slash of two. A scheme of one letter would be a Windows drive.
_ADDRESS = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]+):/+(.*)", re.DOTALL)
_STREAMS = frozenset({"rtsp", "rtsps", "rtmp", "rtmps", "rtp", "srt", "udp", "mms", "mmsh"})


def find_address(path: str | os.PathLike[str]) -> str | None:
    """Returns the address that a path was made from, None for any other path."""
    match = _ADDRESS.fullmatch(os.fspath(path))
    if match is None:
        return None
    slashes = "///" if match[1].lower() == "file" else "//"
    return f"{match[1]}:{slashes}{match[2]}"


def explain_input(path: Path) -> str | None:
    """Says what to give instead of an address from which something was to be read; None for any other path."""
    address = find_address(path)
    if address is None:
        return None
    scheme = address.partition(":")[0].lower()
    if scheme == "file":
        local = unquote(address.removeprefix(address[: len("file:///")]))
        return f"{address} is an address; give the path itself: /{local.removeprefix('localhost/')}"
    if scheme in _STREAMS:
        return (
            f"{address} is a stream; only files are read. Record it to a file first, for example: "
            f"ffmpeg -i {address} -t 60 -c copy recorded.mkv"
        )
    return f"{address} is an address; only files on this machine are read. Download it first, then give the file."


def explain_output(path: Path) -> str | None:
    """Says what to give instead of an address to which something was to be written; None for any other path."""
    address = find_address(path)
    if address is None:
        return None
    return f"{address} is an address; results are written to files on this machine. Give a path."
