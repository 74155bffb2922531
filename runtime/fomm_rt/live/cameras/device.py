"""Cameras of this machine: V4L2 on Linux, AVFoundation on macOS, DirectShow on Windows, all through FFmpeg."""

from __future__ import annotations

import errno
import os
import select
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import av
from av.container import InputContainer

from fomm_rt.errors import CameraError
from fomm_rt.live.cameras import v4l2
from fomm_rt.live.cameras.capture_clock import CaptureClock
from fomm_rt.live.cameras.container_stream import ContainerStream, Wait
from fomm_rt.live.cameras.failures import GONE, explain_failure, unplugged, unreadable
from fomm_rt.live.cameras.listing import INPUT_FORMATS, ListedCamera, list_cameras
from fomm_rt.live.cameras.protocol import CameraStream

Size = tuple[int, int]
"""Width and height in pixels."""

DEFAULT_SIZE: Size = (640, 480)
"""Large enough for a face of 256 pixels, and USB transfers it uncompressed at 30 frames per second."""
DEFAULT_FPS = 30.0

_NOT_FOR_OTHER_SETTINGS = {errno.EBUSY, errno.EACCES, errno.EPERM} | GONE


@dataclass(frozen=True)
class DeviceCamera:
    """A camera of this machine; see `Camera`.

    Attributes:
        listed: Which one. It is found again by its name if its number changed while it was unplugged.
        size: Width and height to ask for; the camera gives the nearest that it has.
        fps: Frames per second to ask for.
    """

    listed: ListedCamera
    size: Size = DEFAULT_SIZE
    fps: float = DEFAULT_FPS
    reconnects: bool = True
    patience_s: float = 2.0

    @property
    def name(self) -> str:
        """As the system calls it."""
        return self.listed.name

    def open(self) -> CameraStream:
        """Opens the device; see `Camera`."""
        return self._open_v4l2() if sys.platform == "linux" else self._open_elsewhere()

    def _open_v4l2(self) -> CameraStream:
        path = self._path_now()
        try:
            formats = v4l2.list_formats(path)
            before = set(_descriptors_of(path))
            container = self._open_container(path, [self._options(formats), {}])
        except (av.FFmpegError, OSError) as error:
            raise self._explain(path, error) from error
        descriptor = next((new for new in _descriptors_of(path) if new not in before), None)
        return self._stream(container, path, CaptureClock(is_monotonic=True), _waiting_for(descriptor))

    def _open_elsewhere(self) -> CameraStream:
        path = self.listed.path
        if all(camera.path != path for camera in list_cameras()):
            raise unplugged(self.name)
        width, height = self.size
        rate, size = {"framerate": f"{self.fps:g}"}, {"video_size": f"{width}x{height}"}
        try:
            container = self._open_container(path, [rate | size, rate, {}])
        except (av.FFmpegError, OSError) as error:
            raise self._explain(path, error) from error
        return self._stream(container, path, CaptureClock(is_monotonic=False), None)

    def _path_now(self) -> str:
        """The path of the camera, which may have another number after it was plugged in again."""
        at_path = v4l2.describe(self.listed.path)
        if (at_path.captures and at_path.name == self.name) or at_path.problem not in {None, *GONE}:
            return self.listed.path
        elsewhere = [camera for camera in list_cameras() if camera.name == self.name]
        if len(elsewhere) != 1:
            raise unplugged(self.name)
        return elsewhere[0].path

    def _options(self, formats: list[v4l2.Format]) -> dict[str, str]:
        width, height = self.size
        options = {"video_size": f"{width}x{height}", "framerate": f"{self.fps:g}"}
        is_large = width * height > DEFAULT_SIZE[0] * DEFAULT_SIZE[1]
        if is_large and any(each.code == "MJPG" for each in formats):
            # USB 2 transfers large pictures at full rate only if they are compressed.
            options["input_format"] = "mjpeg"
        return options

    def _open_container(self, path: str, attempts: list[dict[str, str]]) -> InputContainer:
        """Opens the device with the first options that it takes."""
        # Probing one frame is enough, and needs no waiting.
        quick = {"fflags": "nobuffer", "probesize": "32", "analyzeduration": "0"}
        for options in attempts[:-1]:
            try:
                return av.open(path, format=INPUT_FORMATS[sys.platform], container_options=quick | options)
            except (av.FFmpegError, OSError) as error:
                if getattr(error, "errno", None) in _NOT_FOR_OTHER_SETTINGS:
                    raise
        return av.open(path, format=INPUT_FORMATS[sys.platform], container_options=quick | attempts[-1])

    def _stream(self, container: InputContainer, path: str, clock: CaptureClock, wait: Wait | None) -> CameraStream:
        return ContainerStream(container, self.name, clock, self.patience_s, partial(self._explain, path), wait=wait)

    def _explain(self, path: str, error: Exception) -> CameraError:
        if getattr(error, "errno", None) in {errno.EINVAL, errno.ENOSYS}:
            return unreadable(self.name)
        return explain_failure(self.name, error, path)


def _descriptors_of(path: str) -> Iterator[int]:
    """Yields the file descriptors of this process for a device."""
    with v4l2.opened(path) as own:
        device = os.fstat(own)
        for name in os.listdir("/proc/self/fd"):  # noqa: PTH208, paths would be made only to be taken apart
            with suppress(OSError):  # one that was closed meanwhile
                if int(name) != own and os.path.samestat(os.fstat(int(name)), device):
                    yield int(name)


def _waiting_for(descriptor: int | None) -> Wait | None:
    """Waits for a device by its file descriptor, so that a silent device is noticed and can still be closed.

    FFmpeg itself would wait in the driver, where nothing can interrupt it.
    """
    if descriptor is None:
        return None
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return lambda seconds: bool(poll.poll(round(seconds * 1e3)))
