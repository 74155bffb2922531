"""Skips the packets that frames from a given time on do not need."""

from __future__ import annotations

from collections.abc import Iterator

import av
from av.video.stream import VideoStream

# A file without key frames, or with few, is decoded from its beginning instead of being held in memory.
_MOST_HELD = 300


def from_key_frame(packets: Iterator[av.Packet[VideoStream]], ticks: int) -> Iterator[av.Packet[VideoStream]]:
    """Yields packets from the last key frame that is shown at or before `ticks`; decoding order is kept.

    Frames that come before a key frame in display order may refer to what was left out, but they are shown earlier
    than `ticks` and so are not wanted.
    """
    held: list[av.Packet[VideoStream]] = []
    for packet in packets:
        if packet.is_keyframe and packet.pts is not None and packet.pts <= ticks:
            held.clear()
        held.append(packet)
        time = packet.pts if packet.dts is None else packet.dts
        # No packet is decoded after it is shown, so all later ones are shown after `ticks`.
        if time is None or time > ticks or len(held) > _MOST_HELD:
            break
    yield from held
    yield from packets
