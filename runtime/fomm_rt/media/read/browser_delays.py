"""How long browsers show frames of animated pictures: a stored duration of up to 1/100 s becomes 1/10 s.

Many animations store 0 or 1/100 s, because old viewers were slower, and rely on this.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from fractions import Fraction

import av
from av.video.stream import VideoStream

LONGEST_IGNORED_S = Fraction(1, 100)
SHOWN_INSTEAD_S = Fraction(1, 10)

FORMATS = ("gif", "apng")
"""FFmpeg's names of animated pictures that it demuxes."""


def shown_s(stored_s: Fraction) -> Fraction:
    """Returns for how many seconds browsers show a frame."""
    return SHOWN_INSTEAD_S if stored_s <= LONGEST_IGNORED_S else stored_s


def with_browser_delays(packets: Iterable[av.Packet[VideoStream]]) -> Generator[av.Packet[VideoStream], None, None]:
    """Changes durations of packets in decoding order, and moves later ones to fit."""
    later = 0
    for packet in packets:
        stored = packet.duration or 0
        shown = round(shown_s(stored * packet.time_base) / packet.time_base)
        packet.pts = None if packet.pts is None else packet.pts + later
        packet.dts = None if packet.dts is None else packet.dts + later
        packet.duration = shown
        later += shown - stored
        yield packet
