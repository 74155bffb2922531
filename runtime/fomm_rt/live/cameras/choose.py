"""Finds the camera that a user names."""

from __future__ import annotations

import re
import stat
from pathlib import Path

from fomm_rt.bundled import bundled_performance
from fomm_rt.errors import CameraError, MediaError
from fomm_rt.live.cameras import v4l2
from fomm_rt.live.cameras.device import DEFAULT_FPS, DEFAULT_SIZE, DeviceCamera, Size
from fomm_rt.live.cameras.failures import GONE
from fomm_rt.live.cameras.file import FileCamera
from fomm_rt.live.cameras.listing import ListedCamera, find_camera, first_camera, list_cameras
from fomm_rt.live.cameras.network import SCHEMES, NetworkCamera, is_network_address
from fomm_rt.live.cameras.protocol import Camera
from fomm_rt.live.cameras.screen import PREFIX, ScreenCamera
from fomm_rt.live.cameras.still import StillCamera
from fomm_rt.media.read.input_file import open_file
from fomm_rt.media.read.picture_format import find_picture

TEST = "test"


def choose_camera(
    text: str | None = None,
    *,
    size: Size | None = None,
    fps: float | None = None,
    loop: bool = True,
    start_s: float = 0.0,
) -> Camera:
    """Finds the camera that a user names.

    Args:
        text: The number of a camera, its path or a part of its name; the address of a network stream; the path of a
            video or a picture; "test" for the bundled performance; "x11grab:DISPLAY" for a screen. None for the first
            camera.
        size: Width and height to ask a camera for, in pixels; by default 640×480.
        fps: Frames per second to ask a camera for; by default 30.
        loop: Start a video over at its end.
        start_s: Seconds from the start of a video.

    Raises:
        CameraError: There is no such camera or file, or several cameras have this name.
    """
    if text is None:
        return _device(first_camera(list_cameras()), size, fps)
    if text == TEST:
        return FileCamera(_performance(), loop, start_s, title=TEST)
    if text.startswith(PREFIX):
        return ScreenCamera(text.removeprefix(PREFIX), size, fps or DEFAULT_FPS)
    if "://" in text:
        return _network(text)
    mode = _mode(text)
    if mode is not None and stat.S_ISREG(mode) and not _is_device_path(text):
        return _file(text, loop, start_s)
    if mode is not None and stat.S_ISDIR(mode):
        raise CameraError(f"{text} is a folder; give a video or a picture in it.")
    return _device(_named(text), size, fps)


def _named(text: str) -> ListedCamera:
    try:
        return find_camera(text, list_cameras())
    except CameraError as error:
        if _is_device_path(text):  # outside /dev, in a container
            device = v4l2.describe(text)
            if device.captures or device.problem not in {None, *GONE}:
                return ListedCamera(device.number, device.name, text)
        elif Path(text).suffix:
            raise CameraError(f"{text} does not exist, and no camera has this name; check the path.") from error
        raise


def _device(listed: ListedCamera, size: Size | None, fps: float | None) -> Camera:
    return DeviceCamera(listed, size or DEFAULT_SIZE, fps or DEFAULT_FPS)


def _network(text: str) -> Camera:
    if not is_network_address(text):
        raise CameraError(f"{text} is not the address of a stream; it must begin with one of {', '.join(SCHEMES)}.")
    return NetworkCamera(text)


def _file(text: str, loop: bool, start_s: float) -> Camera:
    try:
        with open_file(Path(text)) as file:
            kind, is_animated = find_picture(file)
    except MediaError as error:
        raise CameraError(str(error)) from error
    return StillCamera.read(text) if kind and not is_animated else FileCamera(Path(text), loop, start_s)


def _performance() -> Path:
    try:
        return bundled_performance()
    except MediaError as error:
        raise CameraError(str(error)) from error


def _is_device_path(text: str) -> bool:
    return re.fullmatch(r"/.*/video\d+|/dev/.+", text) is not None


def _mode(text: str) -> int | None:
    try:
        return Path(text).stat().st_mode
    except (OSError, ValueError):
        return None
