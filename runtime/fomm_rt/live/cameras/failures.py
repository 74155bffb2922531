"""Messages that say why a camera cannot be opened or has failed, and what to do."""

from __future__ import annotations

import errno
import os
import sys
from contextlib import suppress
from pathlib import Path

from fomm_rt.errors import CameraError, first_line

GONE = {errno.ENODEV, errno.ENXIO, errno.ENOENT, errno.ESHUTDOWN}
_NOT_PERMITTED = {errno.EACCES, errno.EPERM}

_PRIVACY = {
    "darwin": "allow it to this terminal in System Settings > Privacy & Security > Camera",
    "win32": "allow it to desktop apps in Settings > Privacy & security > Camera",
}


def explain_failure(name: str, error: Exception, path: str | None = None) -> CameraError:
    """The error to raise for a camera that FFmpeg or the system reports as failed; `path` is that of a device."""
    number = getattr(error, "errno", None)  # some of FFmpeg's errors are not an OSError
    if number == errno.EBUSY:
        return CameraError(f"{name} is held by another program{_holders(path)}; close it there, then try again.")
    if number in _NOT_PERMITTED:
        return CameraError(f"{name} may not be opened by this user; {_permit(path)}.")
    if number in GONE:
        return unplugged(name)
    return failed(name, error)


def failed(name: str, error: Exception) -> CameraError:
    """The error to raise for any other failure."""
    reason = getattr(error, "strerror", None) or first_line(error)
    return CameraError(f"{name} cannot be read: {reason[:1].lower()}{reason[1:]}.")


def unplugged(name: str) -> CameraError:
    """The error to raise for a device that is gone."""
    return CameraError(f"{name} was unplugged; plug it in again.")


def stalled(name: str, patience_s: float) -> CameraError:
    """The error to raise for a camera that is open and sends nothing."""
    return CameraError(
        f"{name} has sent no picture for {patience_s:g} s; check its cover, cable and connection, or plug it in again."
    )


def unreadable(name: str) -> CameraError:
    """The error to raise for a camera whose pictures cannot be decoded."""
    return CameraError(f"{name} sends no pictures that can be decoded; choose another camera, size or format.")


def _permit(path: str | None) -> str:
    if sys.platform in _PRIVACY:
        return _PRIVACY[sys.platform]
    group = "video"
    with suppress(OSError, KeyError, NotImplementedError):  # the group has no name, or the system has no groups
        group = Path(path).group() if path is not None else group
    if group == "root":
        return f"give this user read and write permission for {path}"
    return f"add the user to the group {group} and log in again: sudo usermod -aG {group} $USER"


def _holders(path: str | None) -> str:
    programs = holders(path) if path is not None and sys.platform == "linux" else []
    return f" ({', '.join(programs)})" if programs else ""


def holders(path: str) -> list[str]:
    """Names of the other programs of this user that have a device open, each with its process number."""
    found = []
    with suppress(OSError):
        wanted = os.path.realpath(path)
        for process in Path("/proc").glob("[0-9]*"):
            if process.name != str(os.getpid()) and _has_open(process, wanted):
                name = (process / "comm").read_text(encoding="utf-8", errors="replace").strip()
                found.append(f"{name}, process {process.name}")
    return found


def _has_open(process: Path, wanted: str) -> bool:
    with suppress(OSError):  # it ended meanwhile, or belongs to another user
        return any(_target(descriptor) == wanted for descriptor in (process / "fd").iterdir())
    return False


def _target(descriptor: Path) -> str | None:
    with suppress(OSError):
        return str(descriptor.readlink())
    return None
