"""Carries the sound of one file over into another, in step with the picture."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from fractions import Fraction
from itertools import chain, islice
from pathlib import Path

import av
from av.audio.stream import AudioStream
from av.container import OutputContainer

from fomm_rt.errors import MediaError
from fomm_rt.media.part import Part
from fomm_rt.media.read.input_container import demux, find_audio, find_start, open_input
from fomm_rt.media.read.timing_scan import goes_back
from fomm_rt.media.write.sound_encoder import SoundEncoder, add_encoder
from fomm_rt.media.write.sound_part import packets_of

_logger = logging.getLogger("fomm_rt")

# Codecs that players expect inside each format; others are transcoded.
_COPIED = {
    ".mp4": frozenset({"aac", "mp3", "mp2", "ac3", "eac3", "alac", "opus", "flac"}),
    ".webm": frozenset({"opus", "vorbis"}),
}

# A track without a good packet among this many counts as unreadable.
_PROBE_PACKETS = 256


class AudioTrack:
    """The sound track of an output, fed from an input that is demuxed as far as the picture has come.

    Packets are copied where the format allows, which loses nothing; otherwise they are decoded and encoded as AAC (MP4,
    MKV) or Opus (WebM), mono as mono and everything else as stereo. Timestamps keep their offset to the picture.
    Broken packets are skipped and counted; at the end a warning says so.
    """

    @classmethod
    def attach(
        cls,
        source: Path,
        output: OutputContainer,
        suffix: str,
        *,
        part: Part | None = None,
        may_copy: bool = True,
    ) -> AudioTrack | None:
        """Adds the sound of a file to a container of a format (".mp4", ".mkv" or ".webm") that is not started yet.

        The sound of a part is cut to the sample, so it is always transcoded. Returns None if the source has no sound
        or, with a warning, none that can be read or none in the part.
        """
        with ExitStack() as stack:
            try:
                container = stack.enter_context(open_input(source))
            except MediaError as error:
                _logger.warning("the result has no sound: %s", error)
                return None
            stream = find_audio(container)
            if stream is None:
                if container.streams.audio:
                    _logger.warning("%s: its sound is in an unsupported codec and is left out", source)
                return None
            copies = may_copy and part is None and _can_copy(stream, output, suffix)
            demuxed = stack.enter_context(closing(demux(container, stream)))
            packets: Iterator[av.Packet[AudioStream]] = demuxed
            if copies:
                # The packets before the first good one hold no sound, so they may be dropped.
                first = next((packet for packet in islice(demuxed, _PROBE_PACKETS) if _has_time(packet)), None)
                is_readable = first is not None
                packets = chain([first] if first else [], demuxed)
            else:
                is_readable = _can_decode(source)
            if not is_readable:
                _logger.warning("%s: its sound cannot be read and is left out", source)
                return None
            start = find_start(container)
            if part is not None:
                start += part.start
                packets = packets_of(part, _continuous(packets), start)
                first = next(packets, None)
                if first is None:
                    _logger.warning("%s: its sound does not reach into this part", source)
                    return None
                packets = chain([first], packets)
            _logger.debug(
                "%s: its sound (%s) is %s", source, stream.codec_context.name, "copied" if copies else "encoded again"
            )
            track = cls(source, stream, packets, start, output, suffix, copies, part)
            track._resources = stack.pop_all()
            return track

    def __init__(
        self,
        source: Path,
        stream: AudioStream,
        packets: Iterator[av.Packet[AudioStream]],
        start: Fraction,
        output: OutputContainer,
        suffix: str,
        copies: bool,
        part: Part | None,
    ) -> None:
        self.copies = copies
        self._source = source
        self._skipped = 0
        self._has_decoded = False
        self._resources = ExitStack()
        self._stream = stream
        self._packets = packets
        self._output = output
        self._suffix = suffix
        self._start = start
        self._reached = Fraction(-1)
        self._last_dts: int | None = None
        self._joint = _Joint()
        if copies:
            self._out_stream = output.add_stream_from_template(stream)
        else:
            context = stream.codec_context
            self._out_stream = add_encoder(output, suffix, context.sample_rate, context.channels)
            self._transcoder = SoundEncoder(self._out_stream, part)

    def advance(self, until: Fraction) -> None:
        """Writes the sound up to a time in seconds from the start of the source."""
        while self._reached <= until and (packet := next(self._packets, None)) is not None:
            self._forward(packet)

    def finish(self) -> None:
        """Writes the rest of the sound."""
        for packet in self._packets:
            self._forward(packet)
        if not self.copies:
            self._transcode(None)
            self._output.mux(self._transcoder.flush())
        if self._skipped:
            packets = "packet was" if self._skipped == 1 else "packets were"
            _logger.warning("%s: %d broken %s left out of its sound", self._source, self._skipped, packets)

    def close(self) -> None:
        """Closes the source."""
        self._resources.close()

    def _forward(self, packet: av.Packet[AudioStream]) -> None:
        """Copies or transcodes a packet."""
        if packet.is_corrupt:
            self._skipped += 1
            return
        self._joint.carry_on(packet)
        if packet.pts is not None:
            self._reached = max(self._reached, packet.pts * packet.time_base - self._start)
        if self.copies:
            self._copy(packet)
        else:
            self._transcode(packet)

    def _transcode(self, packet: av.Packet[AudioStream] | None) -> None:
        """Decodes a packet, or drains the decoder, and writes the result."""
        coded: list[av.Packet[AudioStream]] = []
        try:
            for frame in self._stream.decode(packet):
                # Frames drained at the end have no time base.
                frame.time_base = self._stream.time_base
                coded += self._transcoder.encode(frame, self._start)
                self._has_decoded = True
        except av.FFmpegError:
            # Before its first frame a decoder may need packets that a recording does not have.
            self._skipped += self._has_decoded
        self._output.mux(coded)

    def _copy(self, packet: av.Packet[AudioStream]) -> None:
        shift = round(self._start / packet.time_base)
        dts = packet.dts if packet.dts is not None else packet.pts
        if dts is None:
            return
        packet.pts = (packet.pts if packet.pts is not None else dts) - shift
        packet.dts = dts - shift
        # A muxer fails on a timestamp that goes back; drop the damaged packet instead.
        if self._last_dts is not None and packet.dts <= self._last_dts:
            self._skipped += 1
            return
        self._last_dts = packet.dts
        # MP4 cuts off again what an edit list cut off; in other formats it would be heard.
        ends = packet.pts + (packet.duration or 0)
        if self._suffix != ".mp4" and (packet.is_discard or ends <= 0):
            return
        packet.stream = self._out_stream
        # A packet that the muxer rejects is lost; a full disk raises another error.
        try:
            self._output.mux(packet)
        except (av.InvalidDataError, av.ArgumentError):
            self._skipped += 1


def _continuous(packets: Iterator[av.Packet[AudioStream]]) -> Iterator[av.Packet[AudioStream]]:
    joint = _Joint()
    for packet in packets:
        if not packet.is_corrupt:
            joint.carry_on(packet)
            yield packet


class _Joint:
    """Makes the timestamps of joined recordings continuous."""

    def __init__(self) -> None:
        self._previous: int | None = None
        self._end = 0
        self._offset = 0

    def carry_on(self, packet: av.Packet[AudioStream]) -> None:
        """Shifts a packet's timestamps behind those of the recording before it."""
        if packet.dts is None:
            return
        if goes_back(self._previous, packet.dts, packet.time_base):
            self._offset = self._end - packet.dts
        self._previous = packet.dts
        packet.dts += self._offset
        if packet.pts is not None:
            packet.pts += self._offset
        self._end = packet.dts + (packet.duration or 0)


def _can_copy(stream: AudioStream, output: OutputContainer, suffix: str) -> bool:
    codec = stream.codec_context.codec.canonical_name
    return codec in output.supported_codecs and codec in _COPIED.get(suffix, {codec})


def _has_time(packet: av.Packet[AudioStream]) -> bool:
    return not packet.is_corrupt and (packet.pts is not None or packet.dts is not None)


def _can_decode(path: Path) -> bool:
    """True if the first packets can be decoded; opens its own container, because decoders have state."""
    with open_input(path) as container:
        stream = find_audio(container)
        if stream is None:
            return False
        for packet in islice(demux(container, stream), _PROBE_PACKETS):
            with suppress(av.FFmpegError):
                if not packet.is_corrupt and stream.decode(packet):
                    return True
    return False
