"""Lists the video devices of Linux and their formats, without starting them.

Source: <linux/videodev2.h>.
"""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_QUERYCAP, _ENUM_FMT, _ENUM_FRAMESIZES, _ENUM_FRAMEINTERVALS = 0x80685600, 0xC0405602, 0xC02C564A, 0xC034564B
_CAPTURE, _OUTPUT, _OUTPUT_PLANES = 0x1, 0x2, 0x2000
_SINGLE_PLANE, _HAS_DEVICE_CAPS = 1, 0x80000000
_DISCRETE = 1
LOOPBACK = "v4l2 loopback"
"""The driver of virtual cameras."""

_MOST = 256
"""More formats or sizes than any driver lists; a list without an end is cut off here."""

_FORMAT_NAMES = {"MJPG": "MJPEG", "JPEG": "MJPEG", "H264": "H.264", "YU12": "YUV420"}


@dataclass(frozen=True)
class Format:
    """A size that a device offers in one pixel format.

    Attributes:
        code: Four characters: "YUYV", "MJPG".
        width, height: In pixels.
        fps: The highest rate, in frames per second; None if the driver does not say.
    """

    code: str
    width: int
    height: int
    fps: float | None

    @property
    def size(self) -> str:
        """Size and rate in words: "640×480 30 fps"."""
        rate = "" if self.fps is None else f" {self.fps:g} fps"
        return f"{self.width}×{self.height}{rate}"

    def __str__(self) -> str:
        return f"{format_name(self.code)} {self.size}"


@dataclass(frozen=True)
class VideoDevice:
    """A video device of Linux.

    Attributes:
        path: For example /dev/video0.
        number: That of the path.
        name: As the driver calls it.
        driver: For example "uvcvideo" or "v4l2 loopback".
        captures: True if it is a camera that FFmpeg can read; FFmpeg does not read multi-planar devices.
        outputs: True if frames can be written to it.
        problem: The errno of a failed query; None if it answered.
    """

    path: str
    number: int
    name: str
    driver: str = ""
    captures: bool = False
    outputs: bool = False
    problem: int | None = None


def format_name(code: str) -> str:
    """The usual name of a pixel format."""
    return _FORMAT_NAMES.get(code, code.strip())


def list_devices() -> list[VideoDevice]:
    """All video devices in the order of their numbers; empty where there is no V4L2."""
    try:
        names = os.listdir("/dev")  # noqa: PTH208, since pathlib would ask for the status of each
    except OSError:
        return []
    numbers = sorted(int(match[1]) for name in names if (match := re.fullmatch(r"video(\d+)", name)))
    return [describe(f"/dev/video{number}") for number in numbers]


def describe(path: str) -> VideoDevice:
    """Queries a device; one that cannot be opened gets its name from the kernel."""
    match = re.search(r"(\d+)$", os.path.realpath(path))
    number = int(match[1]) if match else -1
    try:
        with opened(path) as device:
            answer = _ask(device, _QUERYCAP, struct.pack("104x"))
    except OSError as error:
        return VideoDevice(path, number, _name_of_kernel(number) or path, problem=error.errno)
    driver, card, _bus, _version, of_all, of_this = struct.unpack_from("16s32s32sIII", answer)
    capabilities = of_this if of_all & _HAS_DEVICE_CAPS else of_all
    return VideoDevice(
        path,
        number,
        _text(card) or path,
        _text(driver),
        captures=bool(capabilities & _CAPTURE),
        outputs=bool(capabilities & (_OUTPUT | _OUTPUT_PLANES)),
    )


def list_formats(path: str) -> list[Format]:
    """The sizes that a camera offers in each pixel format; empty if it does not say.

    Raises:
        OSError: It cannot be opened.
    """
    with opened(path) as device:
        return [
            Format(code, width, height, _highest_fps(device, code, width, height))
            for code in _codes(device)
            for width, height in _sizes(device, code)
        ]


@contextmanager
def opened(path: str) -> Iterator[int]:
    """Opens a device without starting it; yields its file descriptor."""
    # Read-write, because some drivers refuse ioctls otherwise; without waiting, since some wait for a signal.
    device = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        yield device
    finally:
        os.close(device)


def _ask(device: int, request: int, argument: bytes) -> bytes:
    import fcntl  # only POSIX has it

    return fcntl.ioctl(device, request, argument)


def _listed(device: int, request: int, question: str, size: int, *given: int) -> Iterator[tuple[Any, ...]]:
    """Yields the answers to a query by index, as the fields of `question`."""
    for index in range(_MOST):
        argument = struct.pack(f"{1 + len(given)}I", index, *given).ljust(size, b"\0")
        try:
            answer = _ask(device, request, argument)
        except OSError:
            return
        yield struct.unpack_from(question, answer)


def _codes(device: int) -> list[str]:
    answers = _listed(device, _ENUM_FMT, "III32s4s", 64, _SINGLE_PLANE)
    return [code.decode("latin-1") for *_, code in answers]


def _sizes(device: int, code: str) -> Iterator[tuple[int, int]]:
    # Index, format and kind; then width and height, or least, greatest and step of the width, then of the height.
    for _, _, kind, *sides in _listed(device, _ENUM_FRAMESIZES, "9I", 44, _number(code)):
        if kind != _DISCRETE:
            yield sides[1], sides[4]
            return
        yield sides[0], sides[1]


def _highest_fps(device: int, code: str, width: int, height: int) -> float | None:
    fps = None
    for *_, numerator, denominator in _listed(device, _ENUM_FRAMEINTERVALS, "7I", 52, _number(code), width, height):
        # Of a range, the first interval is the shortest.
        if numerator:
            fps = max(fps or 0.0, round(denominator / numerator, 2))
    return fps


def _number(code: str) -> int:
    return int.from_bytes(code.encode("latin-1"), "little")


def _text(field: bytes) -> str:
    return field.partition(b"\0")[0].decode("utf-8", "replace").strip()


def _name_of_kernel(number: int) -> str | None:
    with suppress(OSError, UnicodeDecodeError):
        return Path(f"/sys/class/video4linux/video{number}/name").read_text(encoding="utf-8").strip() or None
    return None
