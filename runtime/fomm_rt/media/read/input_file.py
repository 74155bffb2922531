"""What a path to read must be before any decoder sees it, and what to call a file that is no medium."""

import os
from pathlib import Path

from fomm_rt.errors import MediaError

_HEAD_BYTES = 4096


def require_file(path: str | os.PathLike[str]) -> Path:
    """Makes sure that a path names a regular, readable file with something in it.

    Args:
        path: The file to read. Never taken as a URL.

    Returns:
        The same path.

    Raises:
        MediaError: If there is no such file, or it is a folder, a device, empty or may not be read.
    """
    file = Path(path)
    if "\0" in str(file):
        raise MediaError(f"{str(file)!r} is not a file name.")
    try:
        if not file.exists():
            raise MediaError(f"{file} does not exist; check the name and the folder.")
        if file.is_dir():
            raise MediaError(f"{file} is a folder; a file was expected.")
        if not file.is_file():
            raise MediaError(f"{file} is not a regular file; save what it delivers to a file first.")
        if file.stat().st_size == 0:
            raise MediaError(f"{file} is empty; copy or download it again.")
        with file.open("rb"):
            pass
    except PermissionError:
        raise MediaError(f"{file} may not be read by this user; change its permissions.") from None
    except OSError as error:
        raise MediaError(f"{file} cannot be read: {error.strerror}.") from error
    return file


def read_head(path: Path, size: int = _HEAD_BYTES) -> bytes:
    """Returns the first bytes of a file, at most `size` of them.

    Raises:
        MediaError: If the file cannot be read.
    """
    try:
        with path.open("rb") as stream:
            return stream.read(size)
    except OSError as error:
        raise MediaError(f"{path} cannot be read: {error.strerror}.") from error


def read_whole(path: Path) -> bytes:
    """Returns all bytes of a file.

    Raises:
        MediaError: If the file cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise MediaError(f"{path} cannot be read: {error.strerror}.") from error


def name_content(path: Path) -> str | None:
    """Names what a file holds when it is plainly neither a picture nor a video.

    Returns:
        A noun phrase such as "a web page", or None where the content says nothing.

    Raises:
        MediaError: If the file cannot be read.
    """
    head = read_head(path)
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    lower = start[:256].lower()
    for prefix, name in (
        (b"#extm3u", "a playlist"),
        (b"ffconcat", "a playlist"),
        (b"<!doctype html", "a web page"),
        (b"<html", "a web page"),
        (b"<svg", "an SVG drawing"),
        (b"%pdf", "a PDF document"),
        (b"version https://git-lfs", "a Git LFS pointer instead of the file itself"),
        (b"pk\x03\x04", "a ZIP archive"),
        (b"\x1f\x8b", "a gzip archive"),
    ):
        if lower.startswith(prefix):
            return name
    if lower.startswith(b"<?xml"):
        return "an XML document"
    return "a text file" if _is_text(head) else None


def _is_text(head: bytes) -> bool:
    """Whether the bytes are printable UTF-8; the last character may be cut."""
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(head) - 3:
            return False
        text = head[: error.start].decode("utf-8")
    return bool(text) and all(character.isprintable() or character in "\t\r\n\f" for character in text)
