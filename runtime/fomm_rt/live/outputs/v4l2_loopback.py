"""Virtual cameras on Linux: devices of the kernel module v4l2loopback, found by ioctl and written through FFmpeg.

With exclusive_caps=1, which Chrome and Zoom ask for, a device is an output until a program writes to it, and a camera
from then on.
"""

from __future__ import annotations

import errno
import os
import re
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from typing_extensions import override

from fomm_rt.errors import OutputError
from fomm_rt.image import Image
from fomm_rt.live.outputs.canvas import Size
from fomm_rt.live.outputs.picture_sink import PictureSink

DEVICES = Path("/dev")
INSTALL = "sudo apt install v4l2loopback-dkms"
LOAD = 'sudo modprobe v4l2loopback exclusive_caps=1 card_label="fomm-rt"'
RELOAD = f"sudo modprobe -r v4l2loopback && {LOAD}"
JOIN_GROUP = 'sudo usermod -aG video "$USER"'

_CAPTURE, _OUTPUT, _HAS_DEVICE_CAPS = 0x1, 0x2, 0x8000_0000
_BUFFER_TYPE_OUTPUT, _FIELD_NONE = 2, 1
_YUV420 = int.from_bytes(b"YU12", "little")
_LOOPBACK_DRIVER = "v4l2 loopback"

_CAPABILITY = struct.Struct("@16s32s32sIII3I")
"""struct v4l2_capability."""
_FORMAT = struct.Struct("@I0L12I152x")
"""struct v4l2_format: the type of buffer; width, height, pixel format, field, bytes per line and more."""


def _ioctl_number(direction: int, number: int, size: int) -> int:
    return direction << 30 | size << 16 | ord("V") << 8 | number


_QUERYCAP = _ioctl_number(2, 0, _CAPABILITY.size)
_S_FMT = _ioctl_number(3, 5, _FORMAT.size)


@dataclass(frozen=True)
class LoopbackDevice:
    """A virtual camera.

    Attributes:
        path: For example /dev/video10.
        name: Its card_label, which other programs show.
        is_free: True if no program writes to it.
        is_exclusive: False if it was loaded without exclusive_caps=1; None while a program writes to it.
    """

    path: Path
    name: str
    is_free: bool
    is_exclusive: bool | None

    def __str__(self) -> str:
        return f"{self.path} ({self.name})"


def loopback_devices() -> list[LoopbackDevice]:
    """The virtual cameras of this machine, by their numbers; those that may not be opened are left out."""
    return _look()[0]


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
    devices, forbidden = _look()
    if not devices and forbidden:
        raise _forbidden(forbidden[0])
    if not devices:
        raise OutputError(f"there is no virtual camera; load one with: {LOAD} (the module is installed by: {INSTALL})")
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
            self._container = av.open(str(self._path), "w", format="v4l2")
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


def _look() -> tuple[list[LoopbackDevice], list[Path]]:
    """The virtual cameras, and the devices that this user may not open."""
    found: list[LoopbackDevice] = []
    forbidden: list[Path] = []
    for path in sorted(DEVICES.glob("video[0-9]*"), key=_number):
        try:
            device = _ask(path)
        except PermissionError:
            forbidden.append(path)
        except OSError:  # a device that another program holds alone, or one that was just unplugged
            continue
        else:
            found += [device] if device else []
    return found, forbidden


def _ask(path: Path) -> LoopbackDevice | None:
    """Asks a device what it can do; None for one that is no virtual camera."""
    import fcntl

    descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    try:
        answer = bytearray(_CAPABILITY.size)
        fcntl.ioctl(descriptor, _QUERYCAP, answer)
    finally:
        os.close(descriptor)
    driver, card, _bus, _version, all_nodes, this_node, *_ = _CAPABILITY.unpack(answer)
    capabilities = this_node if all_nodes & _HAS_DEVICE_CAPS else all_nodes
    is_output = bool(capabilities & _OUTPUT)
    if not is_output and _text(driver) != _LOOPBACK_DRIVER:
        return None
    is_exclusive = not capabilities & _CAPTURE if is_output else None
    return LoopbackDevice(path, _text(card), is_output, is_exclusive)


def _request_format(path: Path, size: Size) -> None:
    """Sets the format before FFmpeg does, which does not notice that a device keeps another one."""
    import fcntl

    width, height = size
    row = [width, height, _YUV420, _FIELD_NONE, width, width * height * 3 // 2]
    answer = bytearray(_FORMAT.pack(_BUFFER_TYPE_OUTPUT, *row, *[0] * (12 - len(row))))
    descriptor = os.open(path, os.O_RDWR)
    try:
        fcntl.ioctl(descriptor, _S_FMT, answer)
    finally:
        os.close(descriptor)
    _type, kept_width, kept_height, kept_format, *_ = _FORMAT.unpack(answer)
    if (kept_width, kept_height, kept_format) != (width, height, _YUV420):
        pixels = kept_format.to_bytes(4, "little").decode("latin-1").strip("\0 ")
        raise OutputError(
            f"{path} takes {kept_width}x{kept_height} {pixels} only, as long as another program shows it; "
            f"expected {width}x{height} YU12: close that program, or ask for its size"
        )


def _named_path(choice: str) -> Path | None:
    """The device that a number or a path names; None for a part of a name."""
    if choice.isdecimal():
        return DEVICES / f"video{choice}"
    return Path(choice) if os.sep in choice else None


def _checked(path: Path) -> LoopbackDevice:
    try:
        device = _ask(path)
    except FileNotFoundError:
        raise OutputError(f"{path} does not exist; load virtual cameras with: {LOAD}") from None
    except OSError as error:
        if error.errno in (errno.ENOTTY, errno.EISDIR, errno.EINVAL):
            raise OutputError(f"{path} is no video device; name one such as /dev/video10") from error
        raise _explained(error, path) from error
    if device is None:
        raise OutputError(f"{path} is a camera, not a virtual one; load virtual cameras with: {LOAD}")
    if not device.is_free:
        raise _in_use(path)
    return device


@contextmanager
def _reported(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, av.FFmpegError) as error:
        raise _explained(error, path) from error


def _explained(error: Exception, path: Path) -> OutputError:
    number = getattr(error, "errno", None)
    if number == errno.EBUSY:
        return _in_use(path)
    if number in (errno.EACCES, errno.EPERM):
        return _forbidden(path)
    if number in (errno.ENODEV, errno.ENOENT, errno.ENXIO):
        return OutputError(f"{path} is gone; load virtual cameras again with: {LOAD}")
    reason = getattr(error, "strerror", None) or str(error)
    return OutputError(f"{path} cannot be written as a virtual camera ({reason}); load it again with: {RELOAD}")


def _in_use(path: Path) -> OutputError:
    return OutputError(f"{path} is in use: another program writes to it; end that program or name another device")


def _forbidden(path: Path) -> OutputError:
    return OutputError(f"{path} may not be opened by this user; run: {JOIN_GROUP}, and log in again")


def _number(path: Path) -> int:
    digits = re.sub(r"\D", "", path.name)
    return int(digits) if digits else 0


def _text(field: bytes) -> str:
    return field.split(b"\0")[0].decode("utf-8", "replace")
