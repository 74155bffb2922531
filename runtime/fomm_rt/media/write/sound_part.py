"""The sound of a part of a clip: the packets that hold it, and the filter that cuts it to the sample."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from fractions import Fraction

import av
from av.audio.stream import AudioStream

from fomm_rt.media.part import Part

# Decoders need some packets before the first audible one: AAC one, Opus 80 ms, MP3 its bit reservoir.
_RUN_UP_PACKETS = 16


def packets_of(
    part: Part, packets: Iterator[av.Packet[AudioStream]], start: Fraction
) -> Iterator[av.Packet[AudioStream]]:
    """Yields the packets of a part with those that the decoder needs before them; nothing if the part is silent.

    Args:
        part: The part.
        packets: All packets of the stream, with timestamps that do not go back.
        start: Where the part begins, in seconds of the stream's own clock.
    """
    end = None if part.end is None else start + part.end - part.start
    run_up: deque[av.Packet[AudioStream]] = deque(maxlen=_RUN_UP_PACKETS)
    for packet in packets:
        if packet.pts is None:
            run_up.append(packet)
            continue
        time = packet.pts * packet.time_base
        if end is not None and time >= end:
            return
        if time + (packet.duration or 0) * packet.time_base <= start:
            run_up.append(packet)
            continue
        yield from run_up
        run_up.clear()
        yield packet


def trim_options(part: Part, rate: int) -> str:
    """Options of FFmpeg's filter atrim, for samples whose timestamps count from the start of the part."""
    return "start_pts=0" if part.end is None else f"start_pts=0:end_pts={round((part.end - part.start) * rate)}"
