"""Writing videos with the sound of another file."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Literal

import av
import numpy as np
import pytest

from fomm_rt.media.read.video_reader import VideoReader
from fomm_rt.media.write import encoded_video
from fomm_rt.media.write.video_writer import VideoTarget
from written_videos import convert, timing_of


@dataclass
class Sound:
    codec: str
    rate: int
    channels: int
    start: float
    seconds: float
    loudest_at: float


def read_sound(path: Path) -> Sound | None:
    """Decodes the sound; times count from the earliest stream, as in a player."""
    with av.open(str(path)) as container:
        if not container.streams.audio:
            return None
        stream = container.streams.audio[0]
        origin = min(
            stream.start_time * stream.time_base
            for stream in (*container.streams.video, *container.streams.audio)
            if stream.start_time is not None and stream.time_base is not None
        )
        first: float | None = None
        end = 0.0
        onset: float | None = None
        for frame in container.decode(stream):
            assert frame.pts is not None
            assert frame.time_base is not None
            start = float(frame.pts * frame.time_base - origin)
            first = start if first is None else first
            samples = frame.to_ndarray().astype(np.float64)
            if not frame.format.is_planar:
                samples = samples.reshape(frame.samples, -1).T
            loud = np.abs(samples).max(axis=0)
            if frame.format.name.startswith("s16"):
                loud /= 32768
            above = np.flatnonzero(loud > 0.3)
            if onset is None and above.size:
                onset = start + float(above[0]) / frame.sample_rate
            end = start + frame.samples / frame.sample_rate
        assert first is not None
        name = stream.codec_context.codec.canonical_name
        return Sound(
            name,
            stream.codec_context.sample_rate,
            stream.codec_context.channels,
            first,
            end - first,
            onset or -1,
        )


def lead(path: Path, sound: Sound) -> float:
    """Returns the seconds from the first picture to the beep."""
    with VideoReader(path) as reader:
        return sound.loudest_at - float(next(iter(reader)).time)


@pytest.mark.parametrize(
    ("audio", "audio_rate", "source", "suffix", "codec"),
    [
        ("aac", 44100, ".mp4", ".mp4", "aac"),
        ("aac", 48000, ".mkv", ".mp4", "aac"),
        ("aac", 48000, ".ts", ".mp4", "aac"),
        ("libmp3lame", 44100, ".avi", ".mp4", "mp3"),
        ("libopus", 48000, ".mkv", ".mp4", "opus"),
        ("flac", 44100, ".mkv", ".mp4", "flac"),
        ("pcm_s16le", 22050, ".mkv", ".mp4", "aac"),
        ("aac", 44100, ".mp4", ".mkv", "aac"),
        ("pcm_s16le", 44100, ".mov", ".mkv", "pcm_s16le"),
        ("aac", 44100, ".mp4", ".webm", "opus"),
        ("libopus", 48000, ".mkv", ".webm", "opus"),
        ("pcm_s16le", 8000, ".mkv", ".webm", "opus"),
    ],
)  # fmt: skip
def test_sound_is_carried_over_in_step(
    *,
    tmp_path: Path,
    make_clip: Callable[..., Path],
    audio: str,
    audio_rate: int,
    source: str,
    suffix: str,
    codec: str,
) -> None:
    clip = make_clip(f"in{source}", frames=25, audio=audio, audio_rate=audio_rate, audio_seconds=1.5, beep_at=0.6)
    target = tmp_path / f"out{suffix}"
    convert(clip, target)
    before, after = read_sound(clip), read_sound(target)
    assert before is not None
    assert after is not None
    assert after.codec == codec
    assert after.channels == 2
    assert lead(target, after) == pytest.approx(lead(clip, before), abs=0.004)
    assert after.seconds == pytest.approx(before.seconds, abs=0.05)
    assert timing_of(target).frame_count == 25


@pytest.mark.parametrize(("suffix", "tolerance"), [(".mp4", 0.001), (".mkv", 0.002), (".webm", 0.004)])
@pytest.mark.parametrize(("audio_start", "video_start"), [(0.0, 7), (0.31, 0)])
def test_the_offset_of_sound_to_picture_is_kept(
    *,
    tmp_path: Path,
    make_clip: Callable[..., Path],
    suffix: str,
    tolerance: float,
    audio_start: float,
    video_start: int,
) -> None:
    clip = make_clip("in.mkv", frames=25, audio="aac", beep_at=0.5, audio_start=audio_start, video_start=video_start)
    target = tmp_path / f"out{suffix}"
    convert(clip, target)
    before, after = read_sound(clip), read_sound(target)
    assert before is not None
    assert after is not None
    assert lead(target, after) == pytest.approx(lead(clip, before), abs=tolerance)


def test_mono_stays_mono_and_surround_becomes_stereo(tmp_path: Path, make_clip: Callable[..., Path]) -> None:
    mono = make_clip("mono.mkv", audio="pcm_s16le", audio_layout="mono")
    surround = make_clip("surround.mkv", audio="pcm_s16le", audio_layout="5.1")
    convert(mono, tmp_path / "mono.mp4")
    convert(surround, tmp_path / "surround.webm")
    first, second = read_sound(tmp_path / "mono.mp4"), read_sound(tmp_path / "surround.webm")
    assert first is not None
    assert second is not None
    assert (first.channels, second.channels) == (1, 2)


def test_broken_sound_is_skipped(
    tmp_path: Path, make_clip: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    clip = make_clip("in.mkv", frames=50, audio="libvorbis" if "libvorbis" in av.codecs_available else "flac")
    with av.open(str(clip)) as container:
        places = [(packet.pos, packet.size) for packet in container.demux(audio=0) if packet.size]
    content = bytearray(clip.read_bytes())
    for position, size in places[5:8]:
        assert position is not None
        content[position + 8 : position + size] = b"\xff" * (size - 8)
    clip.write_bytes(content)
    target = tmp_path / "out.webm"
    convert(clip, target)
    sound = read_sound(target)
    assert sound is not None
    assert sound.seconds == pytest.approx(2.0, abs=0.15)
    assert [record.message for record in caplog.records] == [f"{clip}: 3 broken packets were left out of its sound"]


def test_sound_that_cannot_be_decoded_is_left_out(
    tmp_path: Path, make_clip: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    clip = make_clip("in.mkv", frames=10, audio="flac")
    with av.open(str(clip)) as container:
        places = [(packet.pos, packet.size) for packet in container.demux(audio=0) if packet.size]
    content = bytearray(clip.read_bytes())
    for position, size in places:
        assert position is not None
        start = content.index(b"\xff\xf8", position)
        content[start : start + size] = b"\x01" * size
    clip.write_bytes(content)
    target = tmp_path / "out.webm"
    convert(clip, target)
    assert read_sound(target) is None
    assert timing_of(target).frame_count == 10
    assert [record for record in caplog.records if "left out" in record.message]


def test_a_source_without_sound_gives_none(tmp_path: Path, make_clip: Callable[..., Path]) -> None:
    convert(make_clip("in.mp4"), tmp_path / "out.mp4")
    assert read_sound(tmp_path / "out.mp4") is None


class FakeRefusingContainer:
    """A fake output container whose first attempts to write the header fail."""

    refusals = 0

    def __init__(self, path: str, mode: Literal["w"], container_options: dict[str, str]) -> None:
        self.container = av.open(path, mode, container_options=container_options)

    def start_encoding(self) -> None:
        if FakeRefusingContainer.refusals > 0:
            FakeRefusingContainer.refusals -= 1
            raise av.ArgumentError(22, "Invalid argument")
        self.container.start_encoding()

    def __getattr__(self, name: str) -> object:
        return getattr(self.container, name)


@pytest.mark.parametrize(("refusals", "codec"), [(1, "aac"), (2, None)])
def test_sound_that_the_muxer_rejects_is_transcoded_or_left_out(
    *,
    tmp_path: Path,
    make_clip: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    refusals: int,
    codec: str | None,
) -> None:
    clip = make_clip("in.mkv", frames=10, audio="flac", beep_at=0.1)
    target = tmp_path / "out.mp4"
    with VideoReader(clip) as reader:
        frames = list(reader)
        timing = reader.timing
    monkeypatch.setattr(FakeRefusingContainer, "refusals", refusals)
    monkeypatch.setattr(encoded_video, "av", SimpleNamespace(**{**vars(av), "open": FakeRefusingContainer}))
    with VideoTarget(target).open(timing, clip) as writer:
        for frame in frames:
            writer.write(frame.pixels, frame.time)
        writer.commit()
    sound = read_sound(target)
    assert (sound.codec if sound else None) == codec
    assert ("does not fit into" in caplog.text) == (codec is None)
    assert timing_of(target).frame_count == 10


@pytest.mark.parametrize("suffix", [".mp4", ".webm"])
def test_joined_transport_streams_run_on(
    make_clip: Callable[..., Path], tmp_path: Path, caplog: pytest.LogCaptureFixture, suffix: str
) -> None:
    """Timestamps restart in each joined segment; the sound is copied or transcoded to the end."""
    parts = [make_clip(f"{i}.ts", frames=50, audio="aac", options={"g": "25"}) for i in range(2)]
    joined = tmp_path / "joined.ts"
    joined.write_bytes(b"".join(part.read_bytes() for part in parts))
    result = tmp_path / f"result{suffix}"
    convert(joined, result)
    assert [r.message for r in caplog.records] == [
        f"{joined}: its timestamps start anew; frames are counted at 25 a second instead"
    ]
    with VideoReader(result) as reader:
        assert [frame.time for frame in reader] == [
            pytest.approx(reader_time, abs=0.03) for reader_time in np.arange(100) / 25
        ]
    sound = read_sound(result)
    assert sound is not None
    assert sound.seconds == pytest.approx(4, abs=0.15)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm"])
def test_sound_cut_off_by_an_edit_list_stays_off(make_clip: Callable[..., Path], tmp_path: Path, suffix: str) -> None:
    """A clip trimmed at its second keyframe without transcoding hides a second instead of removing it."""
    clip = make_clip("long.mp4", frames=100, audio="aac", beep_at=2.0, options={"g": "25", "bf": "0"})
    trimmed = tmp_path / "trimmed.mp4"
    with av.open(str(clip)) as source, av.open(str(trimmed), "w") as target:
        streams = {s.index: target.add_stream_from_template(s) for s in (*source.streams.video, *source.streams.audio)}
        for packet in source.demux():
            if packet.dts is None or packet.pts is None:
                continue
            shift = int(1 / packet.time_base)
            packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
            packet.stream = streams[packet.stream.index]
            target.mux(packet)
    result = tmp_path / f"result{suffix}"
    convert(trimmed, result)
    before, after = read_sound(trimmed), read_sound(result)
    assert before is not None
    assert after is not None
    with VideoReader(trimmed) as reader:
        times = [frame.time for frame in reader]
    with VideoReader(result) as reader:
        assert [float(frame.time) for frame in reader] == pytest.approx([float(time) for time in times], abs=0.03)
    assert after.start == pytest.approx(before.start, abs=0.05)
    assert after.seconds == pytest.approx(before.seconds, abs=0.1)
    assert after.loudest_at == pytest.approx(before.loudest_at, abs=0.05)
