"""Finds the exact frame rate of a video from the timestamps of all its packets, before any frame is shown.

Containers round timestamps to their ticks (Matroska to milliseconds: 33, 67, 100), so a rate r counts as constant if
the differences t_i - i / r of all frames stay within one tick of each other. If no rate does that, the timestamps
themselves are the timing. How long the last frame is held is a separate question.
"""

from __future__ import annotations

import heapq
import logging
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from fomm_rt.media.read.container_structure import has_broken_chain, is_cut_short
from fomm_rt.media.read.input_container import demux
from fomm_rt.media.timing import FALLBACK_RATE, Timing

_logger = logging.getLogger("fomm_rt")

_HIGHEST_RATE = 1000

# Packets come in decoding order. No codec reorders further than 16 frames; hidden frames double that.
_REORDER_DEPTH = 32

_VP8_SHOW_FRAME = 0x10

_LARGEST_SLIP_S = Fraction(1, 4)
_JOINT_PACKETS = 5

# Matroska, and files remuxed from it, have times in milliseconds, whatever the tick.
_MILLISECOND = Fraction(1, 1000)

# Formats whose frames may carry a duration; for others FFmpeg returns an estimate.
_WITH_DURATIONS = ("matroska", "gif", "apng")

_DURATION_TAG = re.compile(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)")


@dataclass(frozen=True)
class ScannedTiming:
    """A timing, and signs of damage. Times are in seconds of the stream's own clock.

    Attributes:
        has_timestamps: False if frames must be counted, frame i being shown at i / rate.
        typical_rate: Frames per second, estimated if they vary.
        announced_end: The end of the last frame as the file's headers state it; None if they do not.
        is_cut_short: True if the file is shorter than its own structure says.
        is_damaged: True for that and any other damage of the file. Without damage, a difference to `announced_end` is
            not a fault: the last frame may be held.
        first_time: Presentation time of the first frame.
        lost_frames: Frames missing where the demuxer skipped damage, not counting the end; 0 if unknown.
    """

    timing: Timing
    has_timestamps: bool
    typical_rate: Fraction
    announced_end: Fraction | None = None
    is_cut_short: bool = False
    is_damaged: bool = False
    first_time: Fraction = Fraction(0)
    lost_frames: int = 0


OnPacket = Callable[["av.Packet[VideoStream]"], None]


def scan_timing(
    path: Path, file: BinaryIO, container: InputContainer, stream: VideoStream, on_packet: OnPacket
) -> ScannedTiming:
    """Reads all packets of a stream, calling `on_packet` with each, and finds its timing in constant memory.

    A stream without timestamps has the announced rate, or 25 with a warning. `file` is the container's own file.
    """
    tick = stream.time_base or Fraction(1, av.time_base)
    declared = _declared_rates(stream)
    packets = _TimedPackets(container, stream, on_packet)
    fit = _RateFit(tick, _rate_candidates(declared))
    for time, duration in _in_order(packets):
        fit.add(time, duration)
    if packets.untimed or packets.starts_anew or not fit.count:
        rate = declared[0] if declared else FALLBACK_RATE
        if packets.starts_anew:
            _logger.warning("%s: its timestamps start anew; frames are counted at %s a second instead", path, rate)
        if not declared:
            _logger.warning("%s does not say its frame rate; %s frames a second are assumed", path, FALLBACK_RATE)
        return ScannedTiming(Timing.constant(rate, fit.count + packets.untimed), False, typical_rate=rate)
    is_short = is_cut_short(file)
    has_holes = container.format.name.startswith("matroska") and has_broken_chain(file)
    is_damaged = is_short or packets.is_damaged or has_holes
    announced_end = _announced_end(container, stream)
    # MP4 stores durations by decoding order, so the last packet's may be another frame's; the track's own duration is
    # right unless its last frames are missing.
    is_mov = container.format.name.startswith("mov")
    trusted_end = announced_end if is_mov and not is_damaged else None
    timing = fit.timing(trusted_end, 0 if is_damaged else _held_ticks(container, packets, fit, trusted_end))
    return ScannedTiming(
        timing,
        has_timestamps=True,
        typical_rate=timing.rate or (declared[0] if declared else FALLBACK_RATE),
        announced_end=None if announced_end is None else announced_end * tick,
        is_cut_short=is_short,
        is_damaged=is_damaged,
        first_time=fit.first * tick,
        lost_frames=fit.gaps if has_holes else 0,
    )


def frame_times(container: InputContainer, stream: VideoStream) -> Iterator[int]:
    """Yields the presentation times of a stream in ticks and in order, by reading all packets again."""
    return (time for time, _ in _in_order(_TimedPackets(container, stream, lambda _packet: None)))


def _announced_end(container: InputContainer, stream: VideoStream) -> Fraction | None:
    """Returns the end of the last frame in ticks as the headers state it, None if they do not.

    Formats whose duration FFmpeg estimates from the content, such as transport streams, announce nothing.
    """
    form = container.format.name
    if form.startswith("mov") and stream.duration is not None and stream.start_time is not None:
        return Fraction(stream.start_time + stream.duration)
    if form == "avi" and stream.frames:
        return Fraction((stream.start_time or 0) + stream.frames)
    if form.startswith(("matroska", "flv")) and stream.time_base is not None:
        tag = _DURATION_TAG.fullmatch(stream.metadata.get("DURATION", ""))
        if tag:
            return (int(tag[1]) * 3600 + int(tag[2]) * 60 + Fraction(tag[3])) / stream.time_base
        # The duration of the whole file is the picture's only if there is no other stream.
        if container.duration is not None and len(container.streams) == 1:
            return Fraction(container.duration, av.time_base) / stream.time_base
    return None


def _held_ticks(container: InputContainer, packets: _TimedPackets, fit: _RateFit, trusted_end: Fraction | None) -> int:
    """Returns the ticks that an undamaged file states for its last frame, 0 if it does not."""
    if container.format.name.startswith("mov"):
        # The end alone may be late, if decoding times have gaps or an edit list begins late; then no packet is.
        longest = max(fit.last_duration, packets.last_duration)
        return 0 if trusted_end is None else min(round(trusted_end) - fit.last, longest)
    return fit.last_duration if container.format.name.startswith(_WITH_DURATIONS) else 0


def _declared_rates(stream: VideoStream) -> list[Fraction]:
    """Returns the plausible rates that FFmpeg derived from headers and the first packets, best first."""
    rates = (stream.guessed_rate, stream.average_rate, stream.base_rate)
    return list(dict.fromkeys(rate for rate in rates if rate is not None and 0 < rate <= _HIGHEST_RATE))


def _rate_candidates(declared: list[Fraction]) -> list[Fraction]:
    """Returns the declared rates, then the whole and the NTSC rates (such as 30000/1001) nearest to them.

    A rate measured from millisecond timestamps is off in the last digits; the true one is nearly always a neighbour.
    """
    nearest = [round(rate) for rate in declared if round(rate) > 0]
    ntsc = [Fraction(max(1, round(rate * 1001 / 1000)) * 1000, 1001) for rate in declared]
    return list(dict.fromkeys([*declared, *map(Fraction, nearest), *ntsc]))


class _TimedPackets:
    """Presentation times and durations, in ticks and decoding order, of the packets that show a frame.

    Attributes:
        untimed: Packets without a time, so far.
        last_duration: Duration in ticks of the latest packet with a time.
        is_damaged: At the end, True if a packet or a place between packets was broken.
        starts_anew: True if decoding times go back, as in joined transport streams.
    """

    def __init__(self, container: InputContainer, stream: VideoStream, on_packet: OnPacket) -> None:
        self._container = container
        self._stream = stream
        self._on_packet = on_packet
        self.untimed = 0
        self.last_duration = 0
        self.is_damaged = False
        self.starts_anew = False
        self._last_dts: int | None = None
        self._behind = 0

    def __iter__(self) -> Iterator[tuple[int, int]]:
        codec = self._stream.codec_context
        is_vp8 = codec is not None and codec.name in ("vp8", "libvpx")
        for packet in demux(self._container, self._stream, self._note_fault):
            self._on_packet(packet)
            self.is_damaged |= packet.is_corrupt
            if packet.is_discard or (is_vp8 and not memoryview(packet)[0] & _VP8_SHOW_FRAME):
                continue
            if packet.pts is None:
                self.untimed += 1
            else:
                self._note_decoding_time(packet)
                self.last_duration = packet.duration or 0
                yield packet.pts, self.last_duration

    def _note_decoding_time(self, packet: av.Packet[VideoStream]) -> None:
        if packet.dts is None or packet.is_corrupt:
            return
        # One packet with a wrong time is damage; several that stay behind are another recording.
        if goes_back(self._last_dts, packet.dts, packet.time_base):
            self._behind += 1
            self.starts_anew |= self._behind == _JOINT_PACKETS
        else:
            self._behind = 0
            self._last_dts = packet.dts

    def _note_fault(self) -> None:
        self.is_damaged = True


def goes_back(previous: int | None, ticks: int, time_base: Fraction) -> bool:
    """Returns True if decoding times, which never fall within one recording, fell by more than a slip."""
    return previous is not None and (previous - ticks) * time_base > _LARGEST_SLIP_S


def _in_order(packets: _TimedPackets) -> Iterator[tuple[int, int]]:
    """Sorts by presentation time with a small heap."""
    heap: list[tuple[int, int]] = []
    for entry in packets:
        heapq.heappush(heap, entry)
        if len(heap) > _REORDER_DEPTH:
            yield heapq.heappop(heap)
    yield from sorted(heap)


class _RateFit:
    """Tests candidate rates against timestamps as they come.

    For a rate p / q and ticks of n / d seconds, (t_i - i / r) d p = ticks n p - i q d is a whole number, so the test is
    exact and cheap: its spread over all frames must not exceed one tick, n p, or a millisecond.

    `count` is the number of frames so far. `first`, `last` and `last_duration` are in ticks, as the packets state them.
    """

    def __init__(self, tick: Fraction, candidates: list[Fraction]) -> None:
        self.count = self.first = self.last = self.last_duration = 0
        self._tick = tick
        self._tolerance = max(tick, _MILLISECOND)
        self._declared = candidates[0] if candidates else None
        # Rates that fit so far, with the lowest and the highest difference.
        self._fitting = dict.fromkeys(candidates, (0, 0))
        self._last_step = self._steps = 0
        self._is_on_grid = bool(candidates)

    def add(self, time: int, duration: int) -> None:
        """Takes the next frame: its time and duration in ticks."""
        if self.count == 0:
            self.first = time
        self._last_step = time - self.last
        self._note_grid(time)
        self.last, self.last_duration = time, duration
        elapsed = (time - self.first) * self._tick.numerator
        expected = self.count * self._tick.denominator
        allowed = self._tolerance * self._tick.denominator
        fitting = {}
        for rate, span in self._fitting.items():
            difference = elapsed * rate.numerator - expected * rate.denominator
            lowest, highest = min(span[0], difference), max(span[1], difference)
            if (highest - lowest) * allowed.denominator <= allowed.numerator * rate.numerator:
                fitting[rate] = lowest, highest
        self._fitting = fitting
        self.count += 1

    @property
    def gaps(self) -> int:
        """Frames of the declared rate that are missing between the first and the last; 0 if it does not fit."""
        return max(0, self._steps - (self.count - 1)) if self._is_on_grid else 0

    def _note_grid(self, time: int) -> None:
        """Checks that frames keep to whole steps of the declared rate, however many apart."""
        if self._is_on_grid and self._declared is not None:
            steps = (time - self.first) * self._tick * self._declared
            self._steps = round(steps)
            self._is_on_grid = abs(steps - self._steps) <= self._tolerance * self._declared

    def timing(self, announced_end: Fraction | None, held: int) -> Timing:
        """Returns the constant timing if any candidate fits all frames, otherwise the varying one.

        In ticks: `announced_end` of the last frame, if the file states it; and how long that frame is `held` at a
        constant rate, 0 if unknown.
        """
        if self._fitting or self.count == 1:
            rate = next(iter(self._fitting), FALLBACK_RATE)
            is_held = held * self._tick > 1 / rate + self._tolerance
            last_duration = held * self._tick if is_held else None
            return Timing.constant(rate, self.count, last_duration, self._tick)
        last_ticks = self.last_duration or self._last_step
        if announced_end is not None and announced_end > self.last:
            last_ticks = round(announced_end) - self.last
        last_duration = max(last_ticks, 1) * self._tick
        duration = (self.last - self.first) * self._tick + last_duration
        return Timing(None, self._tick, self.count, duration, last_duration)
