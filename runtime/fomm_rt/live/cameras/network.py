"""Network streams as cameras: RTSP, HTTP, UDP and others, never files of this machine."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import av

from fomm_rt.errors import CameraError
from fomm_rt.live.cameras.capture_clock import CaptureClock
from fomm_rt.live.cameras.container_stream import ContainerStream
from fomm_rt.live.cameras.failures import failed, stalled
from fomm_rt.live.cameras.protocol import CameraStream

SCHEMES = ("rtsp", "rtsps", "http", "https", "udp", "rtp", "tcp", "rtmp", "rtmps", "srt")
"""Schemes of addresses. Playlists and redirects cannot lead to any other, such as a file."""

_PROTOCOLS = (*SCHEMES, "tls", "httpproxy", "crypto")
# Formats for network streams; none of them opens files by name.
_DEMUXERS = (
    "rtsp,sdp,rtp,mpegts,mpjpeg,mjpeg,jpeg_pipe,h264,hevc,m4v,flv,live_flv,hls,matroska,webm,mov,mp4,ogg,nut,avi"
)
_OPEN_TIMEOUT_S = 10.0
_OPTIONS = {
    "protocol_whitelist": ",".join(_PROTOCOLS),
    "format_whitelist": _DEMUXERS,
    "flags": "low_delay",
    # Enough for a key frame with its headers; probing more would wait longer.
    "probesize": "1000000",
    "analyzeduration": "1000000",
    # The rate is measured while frames are shown, not by probing before the first one.
    "fpsprobesize": "0",
    # TCP loses no packets and passes firewalls.
    "rtsp_flags": "prefer_tcp",
    # A reader that falls behind loses packets, not the stream.
    "overrun_nonfatal": "1",
}
_TIMEOUTS = (av.error.ExitError, TimeoutError)


@dataclass(frozen=True)
class NetworkCamera:
    """A stream from the network; see `Camera`.

    Attributes:
        url: Its address; a user name and a password in it are never shown.
    """

    url: str = field(repr=False)
    reconnects: bool = True
    patience_s: float = 5.0

    @property
    def name(self) -> str:
        """The address without user name, password and query, which may hold secrets."""
        return shown_address(self.url)

    def open(self) -> CameraStream:
        """Connects; see `Camera`."""
        try:
            container = av.open(
                self.url,
                container_options=_OPTIONS,
                timeout=(_OPEN_TIMEOUT_S, self.patience_s),
                metadata_errors="replace",
            )
        except (av.FFmpegError, OSError, ValueError) as error:
            raise self._explain(error) from error
        return ContainerStream(
            container,
            self.name,
            CaptureClock(is_monotonic=False),
            self.patience_s,
            self._explain_reading,
            # A server sends files and playlists as fast as the network can.
            is_paced=bool(container.duration) or container.format.name == "hls",
        )

    def _explain(self, error: Exception) -> CameraError:
        if isinstance(error, _TIMEOUTS):
            return CameraError(f"{self.name} does not answer; check the address and that the camera is on.")
        if isinstance(error, av.error.HTTPUnauthorizedError | av.error.HTTPForbiddenError):
            scheme = self.url.partition(":")[0].lower()
            return CameraError(f"{self.name} asks for a user name and a password; give {scheme}://NAME:PASSWORD@HOST/…")
        return failed(self.name, error)

    def _explain_reading(self, error: Exception) -> CameraError:
        return stalled(self.name, self.patience_s) if isinstance(error, _TIMEOUTS) else failed(self.name, error)


def is_network_address(text: str) -> bool:
    """True if a text begins as the address of a network stream."""
    return re.match(rf"(?:{'|'.join(SCHEMES)})://", text, re.IGNORECASE) is not None


def shown_address(url: str) -> str:
    """An address that can be shown and logged."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
