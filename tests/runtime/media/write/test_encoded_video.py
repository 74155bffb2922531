"""Writing videos: times, order and colours of frames."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from fomm_rt.media.read.video_reader import VideoReader
from fomm_rt.media.timing import Timing
from fomm_rt.media.write.video_writer import VideoTarget
from written_videos import PATCHES, convert, frame_pixels, patches, timing_of, write_constant

NTSC = Fraction(30000, 1001)


VFR_MS = [0, 33, 67, 100, 180, 200, 233, 400, 401, 500, 533, 900]


def video_packets(path: Path) -> list[tuple[Fraction, Fraction]]:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.time_base is not None
        found = [
            (packet.pts * stream.time_base, (packet.duration or 0) * stream.time_base)
            for packet in container.demux(stream)
            if packet.pts is not None
        ]
    return sorted(found)


@pytest.mark.parametrize("rate", [Fraction(25), NTSC, Fraction(24000, 1001), Fraction(2983, 100), Fraction(1, 2)])
def test_mp4_keeps_a_constant_rate_exactly(tmp_path: Path, rate: Fraction) -> None:
    path = tmp_path / "out.mp4"
    write_constant(path, rate, 20)
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.average_rate == rate
        assert stream.frames == 20
        assert stream.duration is not None
        assert stream.time_base is not None
        assert stream.duration * stream.time_base == 20 / rate
        assert container.duration is not None
        assert container.duration / 1e6 == pytest.approx(float(20 / rate), abs=2e-3)
    assert timing_of(path).rate == rate
    assert [time for time, _ in video_packets(path)] == [index / rate for index in range(20)]


@pytest.mark.parametrize("suffix", [".mkv", ".webm"])
@pytest.mark.parametrize("rate", [Fraction(25), NTSC])
def test_matroska_keeps_a_constant_rate(tmp_path: Path, suffix: str, rate: Fraction) -> None:
    path = tmp_path / f"out{suffix}"
    write_constant(path, rate, 20)
    with av.open(str(path)) as container:
        assert container.streams.video[0].average_rate == rate
        assert container.duration is not None
        assert container.duration / 1e6 == pytest.approx(float(20 / rate), abs=2e-3)
    timing = timing_of(path)
    assert (timing.rate, timing.frame_count) == (rate, 20)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm"])
def test_every_frame_arrives_in_order(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"out{suffix}"
    write_constant(path, Fraction(25), 30)
    with VideoReader(path) as reader:
        levels = [float(frame.pixels.mean()) for frame in reader]
    assert np.allclose(levels, [frame_pixels(index).mean() for index in range(30)], atol=3)


def test_mp4_keeps_varying_times_exactly(tmp_path: Path, make_clip: Callable[..., Path]) -> None:
    source = make_clip("vfr.mkv", frames=12, times=VFR_MS, time_base=Fraction(1, 1000), options={"bf": "2"})
    target = tmp_path / "out.mp4"
    convert(source, target)
    timing, result = timing_of(source), timing_of(target)
    assert timing.rate is None
    assert [time for time, _ in video_packets(target)] == [Fraction(time, 1000) for time in VFR_MS]
    assert result.frame_count == 12
    assert result.duration == timing.duration


@pytest.mark.parametrize("suffix", [".mkv", ".webm"])
def test_matroska_keeps_varying_times(tmp_path: Path, make_clip: Callable[..., Path], suffix: str) -> None:
    source = make_clip("vfr.mp4", frames=12, times=VFR_MS, time_base=Fraction(1, 1000))
    target = tmp_path / f"out{suffix}"
    convert(source, target)
    assert [time for time, _ in video_packets(target)] == [Fraction(time, 1000) for time in VFR_MS]
    duration = timing_of(source).duration
    assert duration is not None
    with av.open(str(target)) as container:
        assert container.duration is not None
        assert container.duration / 1e6 == pytest.approx(float(duration), abs=2e-3)


def test_the_last_of_varying_frames_keeps_its_duration(tmp_path: Path) -> None:
    tick = Fraction(1, 90000)
    timing = Timing(None, tick, 3, Fraction(13, 10), last_duration=Fraction(1))
    path = tmp_path / "slides.mp4"
    with VideoTarget(path).open(timing) as writer:
        for time in (Fraction(0), Fraction(1, 10), Fraction(3, 10)):
            writer.write(frame_pixels(1), time)
        writer.commit()
    assert video_packets(path)[-1] == (Fraction(3, 10), Fraction(1))
    assert timing_of(path).duration == Fraction(13, 10)


def test_keeps_a_gap_in_a_constant_rate(tmp_path: Path) -> None:
    path = tmp_path / "gap.mp4"
    with VideoTarget(path).open(Timing.constant(Fraction(25), 6)) as writer:
        for index in (0, 1, 4, 5):
            writer.write(frame_pixels(index), Fraction(index, 25))
        writer.commit()
    assert [time * 25 for time, _ in video_packets(path)] == [0, 1, 4, 5]


def test_millisecond_times_do_not_drift(tmp_path: Path) -> None:
    path = tmp_path / "ms.mp4"
    with VideoTarget(path).open(Timing(NTSC, Fraction(1, 1000), 50, 50 / NTSC)) as writer:
        for index in range(50):
            writer.write(frame_pixels(index), Fraction(round(index / NTSC * 1000), 1000))
        writer.commit()
    assert [time for time, _ in video_packets(path)] == [index / NTSC for index in range(50)]


def test_times_that_do_not_advance_still_give_one_frame_each(tmp_path: Path) -> None:
    path = tmp_path / "same.mp4"
    with VideoTarget(path).open(Timing(None, Fraction(1, 1000), 4)) as writer:
        for time in (0, 5, 5, 4):
            writer.write(frame_pixels(time), Fraction(time, 1000))
        writer.commit()
    assert [time * 1000 for time, _ in video_packets(path)] == [0, 5, 6, 7]


@pytest.mark.parametrize(("suffix", "height"), [(".mp4", 64), (".mp4", 640), (".mkv", 64), (".webm", 64)])
def test_saturated_colours_come_back(tmp_path: Path, suffix: str, height: int) -> None:
    path = tmp_path / f"colours{suffix}"
    written = patches(height)
    with VideoTarget(path).open(Timing.constant(Fraction(25), 2)) as writer:
        for index in range(2):
            writer.write(written, Fraction(index, 25))
        writer.commit()
    with VideoReader(path) as reader:
        pixels = [frame.pixels for frame in reader][-1]
    inner = np.concatenate([np.arange(64 * i + 16, 64 * i + 48) for i in range(len(PATCHES))])
    error = np.abs(pixels[16:-16, inner].astype(int) - written[16:-16, inner])
    assert error.mean() < 1.5
    assert error.max() <= 8
    with av.open(str(path)) as container:
        context = container.streams.video[0].codec_context
        assert context.colorspace == (1 if height > 576 else 6)
        assert context.color_range == 1
        frame = next(container.decode(video=0))
        for tagged in (context, frame):
            assert (tagged.color_primaries, tagged.color_trc) == (1, 1)


def test_odd_sizes_grow_by_a_repeated_edge(tmp_path: Path) -> None:
    path = tmp_path / "odd.mp4"
    pixels = np.full((33, 31, 3), 90, np.uint8)
    with VideoTarget(path).open(Timing.constant(Fraction(25), 1)) as writer:
        writer.write(pixels, Fraction(0))
        writer.commit()
    with VideoReader(path) as reader:
        frame = next(iter(reader))
    assert frame.pixels.shape == (34, 32, 3)
    assert np.abs(frame.pixels.astype(int) - 90).max() <= 3


def test_mp4_index_comes_first(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    write_constant(path, Fraction(25), 5)
    content = path.read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")
