"""An X11 screen as a camera, to capture a video call or to measure a window's delay."""

from __future__ import annotations

import errno
from dataclasses import dataclass

import av

from fomm_rt.errors import CameraError
from fomm_rt.live.cameras.capture_clock import CaptureClock
from fomm_rt.live.cameras.container_stream import ContainerStream
from fomm_rt.live.cameras.device import DEFAULT_FPS, Size
from fomm_rt.live.cameras.failures import failed
from fomm_rt.live.cameras.protocol import CameraStream

PREFIX = "x11grab:"


@dataclass(frozen=True)
class ScreenCamera:
    """A screen, or a part of it; see `Camera`.

    Attributes:
        display: As FFmpeg takes it: ":0", or ":0+100,200" for the part that begins there.
        size: Width and height of the part; None for the whole screen.
        fps: Pictures per second.
    """

    display: str
    size: Size | None = None
    fps: float = DEFAULT_FPS
    reconnects: bool = False
    patience_s: float = 2.0

    @property
    def name(self) -> str:
        """The display."""
        return f"screen {self.display}"

    def open(self) -> CameraStream:
        """Connects to the X server."""
        if not self.display:
            raise CameraError(f"{PREFIX} expected a display behind it; got none. Give {PREFIX}:0, for example.")
        options = {"framerate": f"{self.fps:g}", "draw_mouse": "0"}
        if self.size is not None:
            options["video_size"] = f"{self.size[0]}x{self.size[1]}"
        try:
            container = av.open(self.display, format="x11grab", container_options=options)
        except (av.FFmpegError, OSError, ValueError) as error:
            raise self._explain(error) from error
        return ContainerStream(container, self.name, CaptureClock(is_monotonic=False), self.patience_s, self._explain)

    def _explain(self, error: Exception) -> CameraError:
        if getattr(error, "errno", None) == errno.EINVAL:
            return CameraError(f"{self.name} cannot be read; the part must lie within the screen.")
        return failed(self.name, error)
