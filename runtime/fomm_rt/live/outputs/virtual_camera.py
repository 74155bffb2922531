"""A virtual camera, which other programs use like a webcam."""

from __future__ import annotations

import logging
import sys

from typing_extensions import override

from fomm_rt.errors import OutputError
from fomm_rt.image import Image
from fomm_rt.live.controls.control import Control
from fomm_rt.live.frames import LiveFrame
from fomm_rt.live.outputs.canvas import DEFAULT_SIZE, Canvas, Size
from fomm_rt.live.outputs.picture_sink import PictureSink
from fomm_rt.live.outputs.protocol import Output

_logger = logging.getLogger("fomm_rt")

REPEAT_INTERVAL_S = 0.1
RATE = 30
"""The announced rate; readers take pictures when they arrive."""


class VirtualCamera(Output):
    """Shows results to other programs, on a canvas of one size.

    Until the first result it shows the avatar's thumbnail, or a dark plane. It never shows the camera's picture, unless
    the user has switched to passthrough.

    Args:
        device: Part of a name; on Linux also a path or a number. None takes the first one that is free.
        size: Width and height of the canvas.
    """

    name = "virtual camera"
    records = False
    repeat_interval_s: float | None = REPEAT_INTERVAL_S

    def __init__(self, device: str | None = None, size: Size = DEFAULT_SIZE) -> None:
        self._device = device
        self._canvas = Canvas(size)
        self._sink: PictureSink | None = None

    @override
    def open(self, control: Control) -> None:
        self._control = control
        self._sink = open_sink(self._device, self._canvas.size)
        try:
            # Programs time out without a picture, and the first result may take a while.
            self._sink.write(self._canvas.card(_thumbnail(control)))
        except OutputError:
            self._sink.close()
            raise
        _logger.debug("virtual camera %s, %d×%d", self._sink.name, *self._canvas.size)

    @override
    def present(self, frame: LiveFrame) -> None:
        assert self._sink is not None
        self._sink.write(self._canvas.compose(frame, is_mirrored=self._control.state.mirror_output))

    @override
    def close(self) -> None:
        if self._sink is not None:
            self._sink.close()


def open_sink(device: str | None, size: Size) -> PictureSink:
    """Opens the virtual camera of this system.

    Raises:
        OutputError: There is none, it is in use, or it may not be written. The message says what to do.
    """
    if sys.platform != "linux":
        from fomm_rt.live.outputs.obs_camera import ObsSink

        return ObsSink(device, size, RATE)
    from fomm_rt.live.outputs.loopback_setup import RELOAD
    from fomm_rt.live.outputs.v4l2_loopback import LoopbackSink, find_loopback

    found = find_loopback(device)
    if not found.is_exclusive:
        _logger.warning("%s was loaded without exclusive_caps=1, so Chrome does not list it; run: %s", found, RELOAD)
    return LoopbackSink(found, size, RATE)


def _thumbnail(control: Control) -> Image | None:
    """The thumbnail of the chosen avatar, if it is there yet."""
    thumbnails, avatar = control.thumbnails(), control.state.avatar
    return thumbnails[avatar].picture if avatar < len(thumbnails) else None
