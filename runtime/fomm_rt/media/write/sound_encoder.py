"""Encodes sound without gaps: AAC in MP4 and MKV, Opus in WebM, mono as mono and everything else as stereo."""

from __future__ import annotations

from contextlib import suppress
from fractions import Fraction

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.codec import Codec
from av.container import OutputContainer
from av.filter import Graph

from fomm_rt.media.part import Part
from fomm_rt.media.write.sound_part import trim_options

_ENCODERS = {".mp4": ("aac", 192_000), ".mkv": ("aac", 192_000), ".webm": ("libopus", 128_000)}
_OPUS_RATE = 48_000


def add_encoder(output: OutputContainer, suffix: str, rate: int, channels: int) -> AudioStream:
    """Adds a stream for sound of a rate and number of channels to a container of a format such as ".mkv"."""
    encoder, bit_rate = _ENCODERS[suffix]
    rates = Codec(encoder, "w").audio_rates or [_OPUS_RATE]
    layout = "mono" if channels == 1 else "stereo"
    added = output.add_stream(encoder, rate=rate if rate in rates and encoder != "libopus" else _OPUS_RATE)
    assert isinstance(added, AudioStream)
    added.codec_context.layout = layout
    added.codec_context.bit_rate = bit_rate // 2 if layout == "mono" else bit_rate
    return added


class SoundEncoder:
    """Resamples decoded sound for an encoder, filling gaps with silence; cuts out a part, if one is given."""

    def __init__(self, stream: AudioStream, part: Part | None) -> None:
        self._stream = stream
        self._part = part
        self._graph: Graph | None = None
        self._graph_input: tuple[int, str, str] | None = None
        self._next_time: Fraction | None = None

    def encode(self, frame: AudioFrame, start: Fraction) -> list[av.Packet[AudioStream]]:
        """Encodes a decoded frame whose timestamps begin at `start` seconds."""
        time_base = frame.time_base or Fraction(1, frame.sample_rate)
        time = frame.pts * time_base - start if frame.pts is not None else self._next_time or Fraction(0)
        frame.time_base = Fraction(1, frame.sample_rate)
        frame.pts = round(time * frame.sample_rate)
        self._next_time = time + Fraction(frame.samples, frame.sample_rate)
        packets: list[av.Packet[AudioStream]] = []
        description = (frame.sample_rate, frame.format.name, frame.layout.name)
        if self._graph is None or description != self._graph_input:
            packets += self._drain()
            self._graph = self._build(description)
            self._graph_input = description
        with suppress(av.EOFError):
            self._graph.push(frame)
        return packets + self._pull()

    def flush(self) -> list[av.Packet[AudioStream]]:
        """Returns the last packets."""
        return self._drain() + self._stream.encode(None)

    def _drain(self) -> list[av.Packet[AudioStream]]:
        if self._graph is None:
            return []
        with suppress(av.EOFError):  # the end of the part is reached
            self._graph.push(None)
        return self._pull()

    def _pull(self) -> list[av.Packet[AudioStream]]:
        packets: list[av.Packet[AudioStream]] = []
        assert self._graph is not None
        while True:
            try:
                frame = self._graph.pull()
            except (av.BlockingIOError, av.EOFError):
                return packets
            assert isinstance(frame, AudioFrame)
            packets += self._stream.encode(frame)

    def _build(self, description: tuple[int, str, str]) -> Graph:
        rate, form, layout = description
        context = self._stream.codec_context
        graph = Graph()
        source = graph.add(
            "abuffer", f"sample_rate={rate}:sample_fmt={form}:channel_layout={layout}:time_base=1/{rate}"
        )
        # async=1 fills gaps with silence and trims overlaps, which would shift everything after them.
        resample = graph.add("aresample", f"{context.sample_rate}:async=1:min_hard_comp=0.02")
        shape = graph.add(
            "aformat",
            f"sample_fmts={context.format.name}:sample_rates={context.sample_rate}"
            f":channel_layouts={context.layout.name}",
        )
        trim = [] if self._part is None else [graph.add("atrim", trim_options(self._part, rate))]
        graph.link_nodes(source, *trim, resample, shape, graph.add("abuffersink")).configure()
        return graph
