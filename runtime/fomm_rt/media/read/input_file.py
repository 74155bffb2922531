"""Opens files to read, and names the content of files that are neither pictures nor videos."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from stat import S_ISDIR, S_ISREG
from typing import BinaryIO

from fomm_rt.errors import MediaError
from fomm_rt.files.address import explain_input

HEAD_BYTES = 4096
"""How much of a file `name_content` looks at."""

_NAMES = (
    (b"#extm3u", "a playlist"),
    (b"ffconcat", "a playlist"),
    (b"<!doctype html", "a web page"),
    (b"<html", "a web page"),
    (b"<svg", "an SVG drawing"),
    (b"%pdf", "a PDF document"),
    (b"version https://git-lfs", "a Git LFS pointer instead of the file itself"),
    (b"pk\x03\x04", "a ZIP archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"<?xml", "an XML document"),
)


def require_file(path: Path) -> None:
    """Checks that a path, which is never taken as a URL, names a regular file with something in it."""
    if "\0" in str(path):
        raise MediaError(f"{str(path)!r} is not a file name.")
    if (instead := explain_input(path)) and not path.exists():
        raise MediaError(instead)
    with _reporting_failures(path):
        status = path.stat()
    if S_ISDIR(status.st_mode):
        raise MediaError(f"{path} is a folder; a file was expected.")
    if not S_ISREG(status.st_mode):
        raise MediaError(f"{path} is not a regular file; save its content to a file first.")
    if status.st_size == 0:
        raise MediaError(f"{path} is empty; copy or download it again.")


@contextmanager
def open_file(path: Path) -> Iterator[BinaryIO]:
    """Opens a file that `require_file` accepts.

    Raises:
        MediaError: It cannot be opened, or an OSError occurs inside the context.
    """
    require_file(path)
    with _reporting_failures(path), path.open("rb") as file:
        yield file


@contextmanager
def _reporting_failures(path: Path) -> Iterator[None]:
    try:
        yield
    except (FileNotFoundError, NotADirectoryError):
        raise MediaError(f"{path} does not exist; check the name and the folder.") from None
    except PermissionError:
        raise MediaError(f"{path} may not be read by this user; change its permissions.") from None
    except OSError as error:
        raise MediaError(f"{path} cannot be read: {error.strerror}.") from error


def name_content(head: bytes) -> str | None:
    """Names the content that a file's first `HEAD_BYTES` show, such as "a web page"; None for pictures and videos."""
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:256].lower()
    named = next((name for prefix, name in _NAMES if start.startswith(prefix)), None)
    return named or ("a text file" if _is_text(head) else None)


def _is_text(head: bytes) -> bool:
    """Returns True for printable UTF-8; the last character may be cut."""
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(head) - 3:
            return False
        text = head[: error.start].decode("utf-8")
    return bool(text) and all(character.isprintable() or character in "\t\r\n\f" for character in text)
