"""A part of a video with its sound, written in every format."""

from __future__ import annotations

import logging
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from clips import ClipMaker
from fomm_rt.media.read.video_reader import VideoReader
from fomm_rt.media.write.video_writer import VideoTarget
from written_videos import timing_of

NTSC = Fraction(30000, 1001)


def write_part(source: Path, target: Path, start: str, duration: str | None = None) -> Fraction:
    """Copies a part of a video; returns where it begins in the source, in seconds."""
    with VideoReader(source) as reader:
        part = reader.find_part(Fraction(start), None if duration is None else Fraction(duration))
        sound = source if reader.has_audio else None
        with VideoTarget(target).open(part.timing, sound, part=part) as writer:
            for frame in reader.read_part(part):
                writer.write(frame.pixels, frame.time)
            writer.commit()
    return part.start


def sound_of(path: Path) -> tuple[float, float]:
    """When the beep begins and when the sound ends, in seconds from the start of the file."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        beep, end = -1.0, 0.0
        for frame in container.decode(stream):
            assert frame.pts is not None
            assert frame.time_base is not None
            time = float(frame.pts * frame.time_base)
            loud = np.flatnonzero(np.abs(frame.to_ndarray().astype(np.float64)).max(axis=0) > 0.3)
            if beep < 0 and loud.size:
                beep = time + float(loud[0]) / frame.sample_rate
            end = time + frame.samples / frame.sample_rate
        return beep, end


@pytest.mark.parametrize("ending", [".mp4", ".mkv", ".webm"])
@pytest.mark.parametrize("source_ending", [".mp4", ".mkv"])
def test_sound_stays_in_step(make_clip: ClipMaker, tmp_path: Path, source_ending: str, ending: str) -> None:
    source = make_clip(f"clip{source_ending}", frames=120, rate=NTSC, audio="aac", beep_at=2.5)
    start = write_part(source, tmp_path / f"part{ending}", "1.7", "2")
    beep, end = sound_of(tmp_path / f"part{ending}")
    assert beep == pytest.approx(2.5 - float(start), abs=0.003)
    assert end == pytest.approx(float(60 / NTSC), abs=0.03)  # an encoder fills up its last packet
    timing = timing_of(tmp_path / f"part{ending}")
    assert (timing.rate, timing.frame_count, timing.last_duration) == (NTSC, 60, None)


def test_the_rest_of_the_sound_is_kept(make_clip: ClipMaker, tmp_path: Path) -> None:
    source = make_clip(frames=50, audio="aac", audio_seconds=4, beep_at=3.5)
    assert write_part(source, tmp_path / "part.mp4", "1.52") == Fraction("1.52")
    beep, end = sound_of(tmp_path / "part.mp4")
    assert beep == pytest.approx(1.98, abs=0.003)
    assert end == pytest.approx(2.48, abs=0.03)


def test_varying_times_and_their_sound(make_clip: ClipMaker, tmp_path: Path) -> None:
    source = make_clip(
        frames=5, times=[0, 1000, 2500, 4000, 4100], time_base=Fraction(1, 1000), options={"bf": "0"},
        audio="aac", audio_seconds=5, beep_at=2.5,
    )  # fmt: skip
    write_part(source, tmp_path / "part.mp4", "1.5", "2.2")
    assert sound_of(tmp_path / "part.mp4")[0] == pytest.approx(1.0, abs=0.003)
    timing = timing_of(tmp_path / "part.mp4")
    assert (timing.frame_count, timing.duration) == (2, Fraction("2.2"))


@pytest.mark.parametrize("codec", ["libmp3lame", "libopus", "ac3"])
def test_other_codecs(make_clip: ClipMaker, tmp_path: Path, codec: str) -> None:
    if codec not in av.codecs_available:
        pytest.skip(f"this FFmpeg has no {codec}")
    source = make_clip("clip.mkv", frames=100, audio=codec, beep_at=2.0)
    write_part(source, tmp_path / "part.mp4", "1", "2")
    assert sound_of(tmp_path / "part.mp4")[0] == pytest.approx(1.0, abs=0.01)


def test_a_part_without_sound(make_clip: ClipMaker, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    source = make_clip(frames=75, audio="aac", audio_seconds=1)
    with caplog.at_level(logging.WARNING):
        write_part(source, tmp_path / "part.mp4", "2")
    assert [record.getMessage() for record in caplog.records] == [f"{source}: its sound does not reach into this part"]
    with VideoReader(tmp_path / "part.mp4") as reader:
        assert (reader.has_audio, reader.timing.frame_count) == (False, 25)
