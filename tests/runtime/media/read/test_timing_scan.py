from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import pytest

from fomm_rt.errors import MediaError
from fomm_rt.media.read.video_reader import VideoReader
from fomm_rt.media.timing import Timing
from fomm_rt.media.write.frame_clock import FrameClock

NTSC = Fraction(30000, 1001)


def timing_of(path: Path) -> Timing:
    with VideoReader(path) as reader:
        return reader.timing


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov", ".avi", ".ts", ".webm"])
@pytest.mark.parametrize("rate", [Fraction(25), NTSC, Fraction(24000, 1001), Fraction(60)])
def test_constant_rates_are_exact_in_every_container(
    make_clip: Callable[..., Path], suffix: str, rate: Fraction
) -> None:
    codec = "libvpx" if suffix == ".webm" else "libx264"
    timing = timing_of(make_clip(f"clip{suffix}", rate=rate, frames=40, codec=codec))
    assert timing.rate == rate
    assert timing.frame_count == 40
    assert timing.duration == 40 / rate


def test_sorts_reordered_frames(make_clip: Callable[..., Path]) -> None:
    clip = make_clip("b.mp4", frames=60, options={"bf": "8", "b_strategy": "0", "b-pyramid": "normal"})
    assert timing_of(clip).rate == 25


def test_one_late_frame_makes_the_rate_vary(make_clip: Callable[..., Path]) -> None:
    times = [index * 40 for index in range(20)]
    times[10] += 2
    clip = make_clip("late.mkv", frames=20, times=times, time_base=Fraction(1, 1000))
    timing = timing_of(clip)
    assert timing.rate is None
    assert timing.time_base == Fraction(1, 1000)
    assert timing.frame_count == 20


def test_a_dropped_frame_makes_the_rate_vary(make_clip: Callable[..., Path]) -> None:
    clip = make_clip("drop.mp4", frames=9, times=[0, 1, 2, 3, 5, 6, 7, 8, 9])
    timing = timing_of(clip)
    assert timing.rate is None
    assert timing.duration == Fraction(10, 25)


def test_millisecond_rounding_is_not_variation(make_clip: Callable[..., Path]) -> None:
    times = [round(index * 1000 / 30) for index in range(90)]
    clip = make_clip("rounded.mkv", frames=90, rate=30, times=times, time_base=Fraction(1, 1000))
    assert timing_of(clip).rate == 30


def test_a_single_frame(make_clip: Callable[..., Path]) -> None:
    timing = timing_of(make_clip("one.mp4", frames=1, rate=30))
    assert timing.rate == 30
    assert timing.frame_count == 1


def test_raw_streams_count_frames(make_clip: Callable[..., Path]) -> None:
    clip = make_clip("raw.h264", frames=15, rate=50, container_format="h264")
    timing = timing_of(clip)
    assert timing.rate is not None
    assert timing.frame_count == 15


def test_hidden_frames_do_not_count(make_clip: Callable[..., Path]) -> None:
    clip = make_clip(
        "hidden.webm",
        codec="libvpx",
        frames=80,
        options={"auto-alt-ref": "1", "lag-in-frames": "25", "arnr-maxframes": "7", "deadline": "good"},
    )
    with av.open(str(clip)) as container:
        packets = sum(1 for packet in container.demux(video=0) if packet.size)
        assert packets >= 80
    timing = timing_of(clip)
    assert timing.rate == 25
    assert timing.frame_count == 80


def test_sound_alone_has_no_timing(tmp_path: Path) -> None:
    path = tmp_path / "sound.wav"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("pcm_s16le", rate=8000)
        assert isinstance(stream, av.AudioStream)
        frame = av.AudioFrame("s16", "mono", 800)
        frame.sample_rate = 8000
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    with pytest.raises(MediaError, match="holds only sound"):
        timing_of(path)


@pytest.mark.parametrize("rate", [Fraction(25), NTSC, Fraction(1, 2), Fraction(2983, 100), Fraction(120)])
def test_clock_ticks_hold_a_frame_exactly(rate: Fraction) -> None:
    clock = FrameClock(Timing.constant(rate))
    start = Fraction(1, 48)
    stamps = [clock.stamp(start + index / rate) for index in range(100)]
    assert abs(stamps[0] * clock.time_base - start) <= clock.time_base / 2
    assert all((stamp - stamps[0]) * clock.time_base == index / rate for index, stamp in enumerate(stamps))
    assert clock.last_duration() * clock.time_base == 1 / rate


def test_clock_keeps_varying_times() -> None:
    clock = FrameClock(Timing(None, Fraction(1, 90000), frame_count=3, last_duration=Fraction(2)))
    assert [clock.stamp(Fraction(time, 90000)) for time in (5, 4000, 4001)] == [5, 4000, 4001]
    assert clock.last_duration() == 180000
    cut_short = FrameClock(Timing(None, Fraction(1, 1000), frame_count=9, last_duration=Fraction(2)))
    for time in (0, 40, 100):
        cut_short.stamp(Fraction(time, 1000))
    assert cut_short.last_duration() == 60
