"""Lists the cameras of this machine, and finds one by number, path or part of its name."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import av.device

from fomm_rt.errors import CameraError
from fomm_rt.live.cameras import v4l2
from fomm_rt.live.cameras.v4l2 import LOOPBACK, Format

INPUT_FORMATS = {"linux": "v4l2", "darwin": "avfoundation", "win32": "dshow"}
"""Platform -> FFmpeg's name for its cameras."""


@dataclass(frozen=True)
class ListedCamera:
    """A camera of this machine.

    Attributes:
        number: What `--camera` takes: on Linux the number of /dev/videoN, elsewhere the place in the list from 0.
        name: As the system calls it.
        path: What FFmpeg opens.
        formats: Sizes by pixel format where a query is cheap (Linux); else empty.
        problem: Why it cannot be used, in a few words; empty if no problem is known.
        is_virtual: True if a program provides it, such as this one's virtual camera.
    """

    number: int
    name: str
    path: str
    formats: tuple[Format, ...] = ()
    problem: str = ""
    is_virtual: bool = False

    def __str__(self) -> str:
        return f"{self.number} {self.name}"

    @property
    def offers(self) -> list[str]:
        """The sizes of each pixel format on a line: "YUYV 640×480 30 fps, 1280×720 10 fps"."""
        by_code: dict[str, list[str]] = {}
        for each in self.formats:
            by_code.setdefault(each.code, []).append(each.size)
        return [f"{v4l2.format_name(code)} {', '.join(sizes)}" for code, sizes in by_code.items()]


def list_cameras() -> list[ListedCamera]:
    """The cameras of this machine in the order of their numbers; none of them is started."""
    return _list_v4l2() if sys.platform == "linux" else _list_with_ffmpeg()


def find_camera(text: str, cameras: Sequence[ListedCamera]) -> ListedCamera:
    """Finds a camera by its number, its path or a part of its name, in any case of letters.

    Raises:
        CameraError: None has this name, or several do. The message lists them.
    """
    if text.isdecimal():
        found = [camera for camera in cameras if camera.number == int(text)]
    else:
        paths = {text, os.path.realpath(text)}
        wanted = text.casefold()
        found = (
            [camera for camera in cameras if camera.path in paths]
            or [camera for camera in cameras if camera.name.casefold() == wanted]
            or [camera for camera in cameras if wanted in camera.name.casefold()]
        )
    if len(found) == 1:
        return found[0]
    if found:
        raise CameraError(f"{text!r} is the name of several cameras; give a number: {listed(found)}.")
    raise CameraError(f"There is no camera {text!r} here; {_offer(cameras)}.")


def first_camera(cameras: Sequence[ListedCamera]) -> ListedCamera:
    """The first camera without a known problem; a virtual one only if there is no other.

    Raises:
        CameraError: There is none.
    """
    if not cameras:
        raise CameraError(f"No camera was found; {_offer(cameras)}.")
    return min(cameras, key=lambda camera: (bool(camera.problem), camera.is_virtual))


def listed(cameras: Sequence[ListedCamera]) -> str:
    """Numbers and names on one line."""
    return ", ".join(map(str, cameras))


def _offer(cameras: Sequence[ListedCamera]) -> str:
    if cameras:
        return f"choose one of: {listed(cameras)}"
    return "plug one in, or give a video file, a network stream or test as the camera"


def _list_v4l2() -> list[ListedCamera]:
    cameras = []
    for device in v4l2.list_devices():
        if device.captures:
            formats = _formats_of(device.path)
            is_virtual = device.driver == LOOPBACK
            cameras.append(ListedCamera(device.number, device.name, device.path, formats, is_virtual=is_virtual))
        elif device.problem in {errno.EACCES, errno.EPERM}:
            cameras.append(ListedCamera(device.number, device.name, device.path, problem="not permitted"))
        elif device.problem == errno.EBUSY:
            cameras.append(ListedCamera(device.number, device.name, device.path, problem="in use"))
    return cameras


def _formats_of(path: str) -> tuple[Format, ...]:
    try:
        return tuple(v4l2.list_formats(path))
    except OSError:  # it was unplugged between two queries
        return ()


def _list_with_ffmpeg() -> list[ListedCamera]:
    kind = INPUT_FORMATS.get(sys.platform)
    if kind is None:
        return []
    try:
        devices = av.device.enumerate_input_devices(kind)
    except (av.FFmpegError, OSError, ValueError):
        return []
    cameras = [device for device in devices if "video" in device.media_types or not device.media_types]
    return [
        ListedCamera(number, camera.description, f"video={camera.name}" if kind == "dshow" else camera.name)
        for number, camera in enumerate(cameras)
    ]
