"""Virtual cameras on Linux: devices of the kernel module v4l2loopback, found by ioctl and written through FFmpeg.

With exclusive_caps=1, which Chrome and Zoom ask for, a device is an output until a program writes to it, and a camera
from then on.
"""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import av
import cv2
import numpy as np
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from typing_extensions import override

from fomm_rt.errors import OutputError
from fomm_rt.image import Image
from fomm_rt.live.cameras import v4l2
from fomm_rt.live.cameras.v4l2 import VideoDevice
from fomm_rt.live.outputs.canvas import Size
from fomm_rt.live.outputs.loopback_setup import JOIN_GROUP, LOAD, RELOAD, install_command
from fomm_rt.live.outputs.picture_sink import PictureSink

_BUFFER_TYPE_OUTPUT, _FIELD_NONE = 2, 1
_YUV420 = int.from_bytes(b"YU12", "little")
_NOT_PERMITTED = {errno.EACCES, errno.EPERM}

_FORMAT = struct.Struct("@I0L12I152x")
"""struct v4l2_format: the type of buffer; width, height, pixel format, field, bytes per line and more."""
_S_FMT = 3 << 30 | _FORMAT.size << 16 | ord("V") << 8 | 5


@dataclass(frozen=True)
class LoopbackDevice:
    """A virtual camera.

    Attributes:
        path: For example /dev/video10.
        name: Its card_label, which other programs show.
        is_free: True if no program writes to it.
        is_exclusive: False if it was loaded without exclusive_caps=1; None while a program writes to it.
    """

    path: str
    name: str
    is_free: bool
    is_exclusive: bool | None

    def __str__(self) -> str:
        return f"{self.path} ({self.name})"


def loopback_devices() -> list[LoopbackDevice]:
    """The virtual cameras of this machine, by their numbers; those that may not be opened are left out."""
    return _loopbacks(v4l2.list_devices())


def find_loopback(choice: str | None) -> LoopbackDevice:
    """Finds a virtual camera that no program writes to.

    Args:
        choice: A path, a number, or a part of a name; None for the first one that is free.

    Raises:
        OutputError: There is no such virtual camera, or it is in use. The message says what to do.
    """
    path = None if choice is None else _named_path(choice)
    if path is not None:
        return _checked(path)
    listed = v4l2.list_devices()
    devices = _loopbacks(listed)
    forbidden = [device.path for device in listed if device.problem in _NOT_PERMITTED]
    if not devices and forbidden:
        raise _forbidden(forbidden[0])
    if not devices:
        raise OutputError(
            f"there is no virtual camera; load one with: {LOAD} (the module is installed by: {install_command()})"
        )
    fitting = [device for device in devices if choice is None or choice.casefold() in device.name.casefold()]
    if not fitting:
        names = ", ".join(map(str, devices))
        raise OutputError(f"no virtual camera is called {choice!r}; there is {names}")
    free = [device for device in fitting if device.is_free]
    if not free:
        raise _in_use(fitting[0].path)
    return free[0]


class LoopbackSink(PictureSink):
    """Writes to a virtual camera as yuv420p, which Chrome, Zoom and OBS read.

    Raises:
        OutputError: The device is in use, may not be written, or keeps another format.
    """

    def __init__(self, device: LoopbackDevice, size: Size, rate: int) -> None:
        self.name = device.name
        self._path = device.path
        with _reported(self._path):
            _request_format(self._path, size)
            self._container = av.open(self._path, "w", format="v4l2")
            try:
                stream = self._container.add_stream("rawvideo", rate=rate)
                assert isinstance(stream, VideoStream)
                stream.width, stream.height = size
                stream.pix_fmt = "yuv420p"
                self._container.start_encoding()
            except BaseException:
                self._container.close()
                raise
        self._stream = stream
        self._count = 0

    @override
    def write(self, pixels: Image) -> None:
        planes = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2YUV_I420), np.uint8)
        frame = VideoFrame.from_ndarray(planes, format="yuv420p")
        frame.pts = self._count
        self._count += 1
        with _reported(self._path):
            self._container.mux(self._stream.encode(frame))

    @override
    def close(self) -> None:
        with suppress(OSError, av.FFmpegError):
            self._container.close()


def _loopbacks(devices: Iterable[VideoDevice]) -> list[LoopbackDevice]:
    found = (_loopback(device) for device in devices if device.problem is None)
    return [device for device in found if device is not None]


def _loopback(device: VideoDevice) -> LoopbackDevice | None:
    """The virtual camera that a device is; None for another device."""
    if not device.outputs and device.driver != v4l2.LOOPBACK:
        return None
    is_exclusive = not device.captures if device.outputs else None
    return LoopbackDevice(device.path, device.name, device.outputs, is_exclusive)


def _request_format(path: str, size: Size) -> None:
    """Sets the format before FFmpeg does, because FFmpeg does not notice if the device keeps another one."""
    import fcntl

    width, height = size
    row = [width, height, _YUV420, _FIELD_NONE, width, width * height * 3 // 2]
    answer = bytearray(_FORMAT.pack(_BUFFER_TYPE_OUTPUT, *row, *[0] * (12 - len(row))))
    with v4l2.opened(path) as device:
        fcntl.ioctl(device, _S_FMT, answer)
    _type, kept_width, kept_height, kept_format, *_ = _FORMAT.unpack(answer)
    if (kept_width, kept_height, kept_format) != (width, height, _YUV420):
        pixels = kept_format.to_bytes(4, "little").decode("latin-1").strip("\0 ")
        raise OutputError(
            f"{path} takes {kept_width}x{kept_height} {pixels} only, as long as another program shows it; "
            f"expected {width}x{height} YU12: close that program, or ask for its size"
        )


def _named_path(choice: str) -> str | None:
    """The device that a number or a path names; None for a part of a name."""
    if choice.isdecimal():
        return f"/dev/video{choice}"
    return choice if "/" in choice else None


def _checked(path: str) -> LoopbackDevice:
    described = v4l2.describe(path)
    if described.problem == errno.ENOENT:
        raise OutputError(f"{path} does not exist; load virtual cameras with: {LOAD}")
    if described.problem in (errno.ENOTTY, errno.EISDIR, errno.EINVAL):
        raise OutputError(f"{path} is no video device; name one such as /dev/video10")
    if described.problem is not None:
        raise _explained(OSError(described.problem, os.strerror(described.problem)), path)
    device = _loopback(described)
    if device is None:
        raise OutputError(f"{path} is a camera, not a virtual one; load virtual cameras with: {LOAD}")
    if not device.is_free:
        raise _in_use(path)
    return device


@contextmanager
def _reported(path: str) -> Iterator[None]:
    try:
        yield
    except (OSError, av.FFmpegError) as error:
        raise _explained(error, path) from error


def _explained(error: Exception, path: str) -> OutputError:
    number = getattr(error, "errno", None)
    if number == errno.EBUSY:
        return _in_use(path)
    if number in _NOT_PERMITTED:
        return _forbidden(path)
    if number in (errno.ENODEV, errno.ENOENT, errno.ENXIO):
        return OutputError(f"{path} is gone; load virtual cameras again with: {LOAD}")
    reason = getattr(error, "strerror", None) or str(error)
    return OutputError(f"{path} cannot be written as a virtual camera ({reason}); load it again with: {RELOAD}")


def _in_use(path: str) -> OutputError:
    return OutputError(f"{path} is in use: another program writes to it; end that program or name another device")


def _forbidden(path: str) -> OutputError:
    return OutputError(f"{path} may not be opened by this user; run: {JOIN_GROUP}, and log in again")
