"""Results for pages: coded once for all who look at the same picture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from typing_extensions import override

from fomm_rt.image import Image
from fomm_rt.live.controls.control import Control
from fomm_rt.live.frames import LiveFrame
from fomm_rt.live.outputs.protocol import Output
from fomm_rt.studio.live.browser_camera import Tags
from fomm_rt.studio.live.codecs import Encoder, encode_jpeg
from fomm_rt.studio.live.packets import Kind, Packet

LATE_S = 0.3
"""A page that comes while the picture is frozen waits at most so long for it."""

Role = Literal["camera", "viewer"]
Codec = Literal["h264", "jpeg"]


@dataclass(frozen=True)
class Audience:
    """Pages that get the same stream: what they may see, and how it is coded."""

    role: Role
    codec: Codec


@dataclass
class _Stream:
    encoder: Encoder = field(default_factory=Encoder)
    needs_key: bool = True


class BrowserOutput(Output):
    """Codes each result for every audience that there is.

    The page that gives the camera sees the chosen view, which may show the person. Viewers see the result alone.

    Args:
        tags: Of the camera: number and time that a page gave a frame.
        audiences: Who looks now.
        send: Takes a packet for an audience, in the thread of this output.

    Attributes:
        last: The latest result.
    """

    name = "browser"
    records = False
    repeat_interval_s: float | None = LATE_S

    def __init__(
        self, tags: Tags, audiences: Callable[[], set[Audience]], send: Callable[[Audience, Packet], None]
    ) -> None:
        self._tags, self._audiences, self._send = tags, audiences, send
        self._streams: dict[Audience, _Stream] = {}
        self._wanting_key: set[Audience] = set()
        self.last: LiveFrame | None = None

    def request_key(self, audience: Audience) -> None:
        """Makes the next frame of an audience one that needs no other; for a page that has just come or lost frames."""
        self._wanting_key.add(audience)

    @override
    def open(self, control: Control) -> None:
        """There is nothing to open."""

    @override
    def present(self, frame: LiveFrame) -> None:
        audiences = self._audiences()
        for gone in set(self._streams) - audiences:
            del self._streams[gone]
        if frame is self.last:  # a repetition, for those who have missed it
            audiences &= self._wanting_key
        self.last = frame
        number, page_ms = self._tags.find(frame.captured_s) or (0, float("nan"))
        for audience in audiences:
            kind, content = self._coded(audience, _picture_for(audience, frame))
            self._send(audience, Packet(kind, number, page_ms, content))

    @override
    def close(self) -> None:
        self._streams.clear()

    def _coded(self, audience: Audience, picture: Image) -> tuple[Kind, bytes]:
        is_wanting_key = audience in self._wanting_key
        self._wanting_key.discard(audience)
        if audience.codec == "jpeg":
            return Kind.JPEG, encode_jpeg(picture)
        stream = self._streams.setdefault(audience, _Stream())
        needs_key = stream.needs_key or is_wanting_key
        stream.needs_key = False
        return stream.encoder.encode(picture, needs_key)


def _picture_for(audience: Audience, frame: LiveFrame) -> Image:
    if audience.role == "camera" and frame.view_picture is not None:
        return frame.view_picture
    return frame.picture
