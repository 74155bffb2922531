"""Finds where the sound of a video ends."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

from fomm_rt.media.read.input_container import demux, find_audio, find_start, open_input


def find_sound_end(path: Path) -> Fraction | None:
    """Seconds from the start of a video to the end of its sound; None without sound.

    All packets are read, because recordings of browsers have no duration in their headers.

    Raises:
        MediaError: The file cannot be opened.
    """
    with open_input(path) as container:
        sound = find_audio(container)
        if sound is None or sound.time_base is None:
            return None
        ends = (packet.pts + (packet.duration or 0) for packet in demux(container, sound) if packet.pts is not None)
        last = max(ends, default=None)
        return None if last is None else last * sound.time_base - find_start(container)
