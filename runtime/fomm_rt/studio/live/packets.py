"""Coded pictures on the live socket: a header of 16 bytes, then the picture.

    byte 0       kind, see `Kind`
    bytes 1-3    0
    bytes 4-7    number of the frame, unsigned
    bytes 8-15   time of the page's clock in milliseconds at which the camera took it, float64

Numbers are little-endian. An answer carries the number and the time of the camera's frame that it shows, so the page
knows its delay without comparing clocks. A picture that was made without a frame carries the time NaN.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum

from fomm_rt.errors import MediaError

HEADER = struct.Struct("<B3xId")
LARGEST_BYTES = 4 * 1024 * 1024


class Kind(IntEnum):
    """How a picture is coded."""

    KEY = 1
    """H.264, Annex B, a frame that needs no other."""
    DELTA = 2
    """H.264, Annex B, a frame that needs those before it."""
    JPEG = 3


@dataclass(frozen=True)
class Packet:
    """One coded picture.

    Attributes:
        kind: How it is coded.
        number: Of the camera's frame, as its page counts.
        page_ms: When the camera took that frame, by the page's clock; NaN for none.
        content: The coded picture.
    """

    kind: Kind
    number: int
    page_ms: float
    content: bytes

    @classmethod
    def parse(cls, message: bytes) -> Packet:
        """Reads a message.

        Raises:
            MediaError: It is no packet.
        """
        if not HEADER.size < len(message) <= LARGEST_BYTES:
            raise MediaError(f"expected a picture of up to {LARGEST_BYTES} bytes; got {len(message)} bytes")
        kind, number, page_ms = HEADER.unpack_from(message)
        if kind not in tuple(Kind):
            raise MediaError(f"expected a picture of kind 1, 2 or 3; got {kind}")
        return cls(Kind(kind), number, page_ms, message[HEADER.size :])

    def message(self) -> bytes:
        """The packet as a message."""
        return HEADER.pack(self.kind, self.number, self.page_ms) + self.content
