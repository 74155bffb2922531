import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Literal

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from fomm_rt.errors import ImageError, OutputError
from fomm_rt.media import encoded_video
from fomm_rt.media.timing import Timing
from fomm_rt.media.video_reader import VideoReader
from fomm_rt.media.video_writer import check_output, open_writer

NTSC = Fraction(30000, 1001)
VFR_MS = [0, 33, 67, 100, 180, 200, 233, 400, 401, 500, 533, 900]


def timing_of(path: Path) -> Timing:
    with VideoReader(path) as reader:
        return reader.timing


def frame_pixels(index: int, height: int = 64, width: int = 64) -> NDArray[np.uint8]:
    return np.full((height, width, 3), 20 + (index * 11) % 200, np.uint8)


def write_constant(path: Path, rate: Fraction, count: int, audio_from: Path | None = None) -> None:
    with open_writer(path, Timing.constant(rate, count), audio_from) as writer:
        for index in range(count):
            writer.write(frame_pixels(index), index / rate)
        writer.commit()


def convert(source: Path, target: Path, with_audio: bool = True) -> None:
    with (
        VideoReader(source) as reader,
        open_writer(target, reader.timing, source if with_audio else None) as writer,
    ):
        for frame in reader:
            writer.write(frame.pixels, frame.time)
        writer.commit()


@dataclass
class Sound:
    codec: str
    rate: int
    channels: int
    start: float
    seconds: float
    loudest_at: float


def read_sound(path: Path) -> Sound | None:
    """Decodes the sound; times count from the earliest stream, as a player does."""
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
    """Seconds from the first picture to the beep."""
    with VideoReader(path) as reader:
        return sound.loudest_at - float(next(iter(reader)).time)


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
    with open_writer(path, timing, None) as writer:
        for time in (Fraction(0), Fraction(1, 10), Fraction(3, 10)):
            writer.write(frame_pixels(1), time)
        writer.commit()
    assert video_packets(path)[-1] == (Fraction(3, 10), Fraction(1))
    assert timing_of(path).duration == Fraction(13, 10)


def test_a_gap_in_constant_rate_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "gap.mp4"
    with open_writer(path, Timing.constant(Fraction(25), 6), None) as writer:
        for index in (0, 1, 4, 5):
            writer.write(frame_pixels(index), Fraction(index, 25))
        writer.commit()
    assert [time * 25 for time, _ in video_packets(path)] == [0, 1, 4, 5]


def test_millisecond_times_do_not_drift(tmp_path: Path) -> None:
    path = tmp_path / "ms.mp4"
    with open_writer(path, Timing(NTSC, Fraction(1, 1000), 50, 50 / NTSC), None) as writer:
        for index in range(50):
            writer.write(frame_pixels(index), Fraction(round(index / NTSC * 1000), 1000))
        writer.commit()
    assert [time for time, _ in video_packets(path)] == [index / NTSC for index in range(50)]


def test_times_that_do_not_advance_still_give_one_frame_each(tmp_path: Path) -> None:
    path = tmp_path / "same.mp4"
    with open_writer(path, Timing(None, Fraction(1, 1000), 4), None) as writer:
        for time in (0, 5, 5, 4):
            writer.write(frame_pixels(time), Fraction(time, 1000))
        writer.commit()
    assert [time * 1000 for time, _ in video_packets(path)] == [0, 5, 6, 7]


PATCHES = [
    (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (0, 255, 255), (255, 0, 255),
    (255, 255, 255), (0, 0, 0), (128, 128, 128), (200, 120, 90),
]  # fmt: skip


def patches(height: int) -> NDArray[np.uint8]:
    return np.concatenate([np.full((height, 64, 3), colour, np.uint8) for colour in PATCHES], axis=1)


@pytest.mark.parametrize(("suffix", "height"), [(".mp4", 64), (".mp4", 640), (".mkv", 64), (".webm", 64)])
def test_saturated_colours_come_back(tmp_path: Path, suffix: str, height: int) -> None:
    path = tmp_path / f"colours{suffix}"
    written = patches(height)
    with open_writer(path, Timing.constant(Fraction(25), 2), None) as writer:
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


def test_odd_sizes_grow_by_a_repeated_edge(tmp_path: Path) -> None:
    path = tmp_path / "odd.mp4"
    pixels = np.full((33, 31, 3), 90, np.uint8)
    with open_writer(path, Timing.constant(Fraction(25), 1), None) as writer:
        writer.write(pixels, Fraction(0))
        writer.commit()
    with VideoReader(path) as reader:
        frame = next(iter(reader))
    assert frame.pixels.shape == (34, 32, 3)
    assert np.abs(frame.pixels.astype(int) - 90).max() <= 3


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
    assert not caplog.records


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


def test_no_sound_where_none_is(tmp_path: Path, make_clip: Callable[..., Path]) -> None:
    convert(make_clip("in.mp4"), tmp_path / "out.mp4")
    assert read_sound(tmp_path / "out.mp4") is None


def gif_delays(path: Path) -> list[int]:
    with av.open(str(path)) as container:
        return [packet.duration or 0 for packet in container.demux(video=0) if packet.size]


def test_gif_spreads_rounding_over_the_frames(tmp_path: Path) -> None:
    path = tmp_path / "out.gif"
    write_constant(path, Fraction(30), 31)
    delays = gif_delays(path)
    assert len(delays) == 31
    assert set(delays) == {3, 4}
    assert sum(delays) == round(31 / 30 * 100)
    assert b"NETSCAPE2.0\x03\x01\x00\x00\x00" in path.read_bytes()


def test_gif_keeps_varying_times_and_the_last_duration(tmp_path: Path) -> None:
    path = tmp_path / "out.gif"
    timing = Timing(None, Fraction(1, 1000), 3, Fraction(8, 10), last_duration=Fraction(1, 2))
    with open_writer(path, timing, None) as writer:
        for index, time in enumerate((0, 100, 300)):
            writer.write(frame_pixels(index), Fraction(time, 1000))
        writer.commit()
    assert gif_delays(path) == [10, 20, 50]


def test_gif_has_a_palette_a_frame(tmp_path: Path) -> None:
    path = tmp_path / "out.gif"
    written = [
        patches(64),
        np.random.default_rng(0).integers(0, 255, (64, 640, 3), np.uint8),
        patches(64)[:, ::-1],
    ]
    with open_writer(path, Timing.constant(Fraction(10), 3), None) as writer:
        for index, pixels in enumerate(written):
            writer.write(pixels, Fraction(index, 10))
        writer.commit()
    with VideoReader(path) as reader:
        read = [frame.pixels for frame in reader]
    assert len(read) == 3
    assert np.abs(read[0].astype(int) - written[0]).mean() < 2
    assert np.abs(read[2].astype(int) - written[2]).mean() < 2


def test_gif_faster_than_browsers_show_is_slowed_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "fast.gif"
    write_constant(path, Fraction(100), 30)
    assert gif_delays(path) == [2] * 30
    assert "at most 50 frames a second" in caplog.text


def test_gif_and_pictures_say_once_that_they_have_no_sound(
    tmp_path: Path, make_clip: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    clip = make_clip("in.mp4", audio="aac")
    convert(clip, tmp_path / "out.gif")
    assert [record.message for record in caplog.records] == [
        f"{tmp_path / 'out.gif'}: a GIF has no sound; the sound of {clip} is left out"
    ]


def test_pictures_are_numbered_from_one_and_lossless(tmp_path: Path) -> None:
    pattern = tmp_path / "made" / "frames-%03d.png"
    write_constant(pattern, Fraction(25), 3)
    assert sorted(file.name for file in pattern.parent.iterdir()) == [f"frames-00{n}.png" for n in (1, 2, 3)]
    from fomm_rt.media.pictures import read_picture

    assert np.array_equal(read_picture(tmp_path / "made" / "frames-002.png"), frame_pixels(1))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("out.avi", "results are written as .mp4, .mkv"),
        ("out", "ends in nothing"),
        ("out.mp4.txt", "ends in .txt"),
        ("frames-%05d.jpg", "numbered pictures are written as PNG"),
        ("frames.png", "write frames-%05d.png"),
        ("frames.jpg", "write frames-%05d.png"),
        ("frames.webp", "write frames-%05d.png"),
        ("frames-%05d.mp4", "numbered pictures are written as PNG"),
        ("100%.avi", "results are written as .mp4, .mkv"),
        ("frames-%s.png", "exactly one number"),
        ("frames-%d-%d.png", "exactly one number"),
        ("frames-%5d%.png", "exactly one number"),
        ("frames%%.png", "exactly one number"),
    ],
)
def test_endings_and_patterns_are_checked_before_any_work(tmp_path: Path, name: str, said: str) -> None:
    with pytest.raises(OutputError, match=said.replace("(", r"\(")):
        check_output(tmp_path / name, [])
    assert list(tmp_path.iterdir()) == []


def test_an_input_is_never_overwritten(tmp_path: Path, make_clip: Callable[..., Path]) -> None:
    clip = make_clip("clip.mp4")
    (tmp_path / "soft.mp4").symlink_to(clip)
    (tmp_path / "hard.mp4").hardlink_to(clip)
    for name in ("clip.mp4", "soft.mp4", "hard.mp4"):
        with pytest.raises(OutputError, match="is also an input"):
            check_output(tmp_path / name, [tmp_path / "missing.png", clip])
    check_output(tmp_path / "other.mp4", [clip])


@pytest.mark.parametrize("name", ["100%.mp4", "50%-100%/frames-%03d.png", "%d/out.gif"])
def test_a_percent_sign_alone_makes_no_pattern(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    check_output(path, [])
    write_constant(path, Fraction(25), 2)
    written = [path] if not name.endswith(".png") else [path.with_name(f"frames-00{n}.png") for n in (1, 2)]
    assert sorted(path.parent.iterdir()) == written


@pytest.mark.parametrize(
    ("pattern", "name", "is_refused"),
    [
        ("frames-%05d.png", "frames-00001.png", True),
        ("frames-%05d.png", "frames-123456.png", True),
        ("frames-%05d.png", "frames-0001.png", False),
        ("frames-%05d.png", "frames-012345.png", False),
        ("frames-%05d.png", "frames-00000.png", False),
        ("frames-%05d.png", "frames-00001.PNG", False),
        ("frames-%05d.png", "frames-.png", False),
        ("%d.png", "7.png", True),
        ("%d.png", "07.png", False),
        ("a+%d.png", "aa1.png", False),
    ],
)
def test_a_pattern_never_overwrites_an_input(tmp_path: Path, pattern: str, name: str, is_refused: bool) -> None:
    folder, elsewhere = tmp_path / "frames", tmp_path / "elsewhere"
    folder.mkdir()
    elsewhere.mkdir()
    (folder / name).write_bytes(b"picture")
    (tmp_path / "same").symlink_to(folder)
    (elsewhere / "link.png").symlink_to(folder / name)
    for target in (folder / pattern, tmp_path / "same" / pattern, folder / ".." / "frames" / pattern):
        for source in (folder / name, tmp_path / "same" / name, elsewhere / "link.png"):
            if is_refused:
                with pytest.raises(OutputError, match="may overwrite the input"):
                    check_output(target, [tmp_path / "missing.mp4", source])
            else:
                check_output(target, [source])
    check_output(elsewhere / pattern, [folder / name])


def test_a_link_among_the_pictures_is_an_input_too(tmp_path: Path) -> None:
    (tmp_path / "real.png").write_bytes(b"picture")
    link = tmp_path / "frames-1.png"
    link.symlink_to(tmp_path / "real.png")
    with pytest.raises(OutputError, match="may overwrite the input"):
        check_output(tmp_path / "frames-%d.png", [link])


def test_pictures_of_a_longer_earlier_run_stay_with_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    pattern = tmp_path / "out-%05d.png"
    write_constant(pattern, Fraction(25), 5)
    write_constant(pattern, Fraction(25), 5)
    assert not caplog.records
    (tmp_path / "out-99.png").touch()
    (tmp_path / "out-100000.png").touch()
    write_constant(pattern, Fraction(25), 3)
    assert [record.message for record in caplog.records] == [
        f"{tmp_path / 'out-00004.png'} and later are from an earlier run"
    ]
    assert (tmp_path / "out-00005.png").exists()


def test_naming_the_formats_imports_nothing_heavy() -> None:
    script = """
import sys
import fomm_rt.media
before = set(sys.modules)
from fomm_rt.media.output_formats import OUTPUT_FORMATS
assert ".mp4" in OUTPUT_FORMATS
print(sorted(set(sys.modules) - before))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "['fomm_rt.media.output_formats']\n"


def test_frames_of_another_size_are_refused(tmp_path: Path, leftovers: Callable[[], list[str]]) -> None:
    for name in ("out.mp4", "out.gif"):
        with open_writer(tmp_path / name, Timing.constant(Fraction(25)), None) as writer:
            writer.write(frame_pixels(0), Fraction(0))
            with pytest.raises(OutputError, match="Write frames of one size"):
                writer.write(frame_pixels(0, 32, 32), Fraction(1, 25))
    assert list(tmp_path.iterdir()) == []
    assert leftovers() == []


@pytest.mark.parametrize("name", ["out.mp4", "out.gif", "p-%d.png"])
def test_what_is_no_picture_is_refused(tmp_path: Path, name: str) -> None:
    with open_writer(tmp_path / name, Timing.constant(Fraction(25)), None) as writer:
        for wrong in (
            np.zeros((8, 8), np.uint8),
            np.zeros((8, 8, 4), np.uint8),
            np.zeros((0, 8, 3), np.uint8),
        ):
            with pytest.raises(ImageError):
                writer.write(wrong, Fraction(0))
        with pytest.raises(ImageError):
            writer.write(np.zeros((8, 8, 3), np.float32), Fraction(0))
        with pytest.raises(OutputError, match="no frame"):
            writer.commit()


ALL_NAMES: Sequence[str] = ("out.mp4", "out.mkv", "out.webm", "out.gif", "p-1.png")


@pytest.mark.parametrize("name", ALL_NAMES)
@pytest.mark.parametrize("frames", [0, 1, 60])
def test_an_interrupt_leaves_the_old_file_and_nothing_else(
    *,
    tmp_path: Path,
    make_clip: Callable[..., Path],
    name: str,
    frames: int,
    leftovers: Callable[[], list[str]],
) -> None:
    clip = make_clip("in.mp4", audio="aac")
    old = tmp_path / name
    old.write_bytes(b"old")
    target = tmp_path / "p-%d.png" if name.endswith(".png") else old

    def work() -> None:
        with open_writer(target, Timing.constant(Fraction(25)), clip) as writer:
            for index in range(frames):
                writer.write(frame_pixels(index), Fraction(index, 25))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work()
    assert old.read_bytes() == b"old"
    assert leftovers() == []
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted(["in.mp4", name])


def test_two_writers_onto_one_target(tmp_path: Path, leftovers: Callable[[], list[str]]) -> None:
    path = tmp_path / "out.mp4"
    timing = Timing.constant(Fraction(25))
    with open_writer(path, timing, None) as first, open_writer(path, timing, None) as second:
        for index in range(5):
            first.write(frame_pixels(index), Fraction(index, 25))
            second.write(frame_pixels(index), Fraction(index, 25))
        second.write(frame_pixels(5), Fraction(5, 25))
        second.commit()
        assert timing_of(path).frame_count == 6
        first.commit()
    assert timing_of(path).frame_count == 5
    assert leftovers() == []


def test_mp4_index_comes_first(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    write_constant(path, Fraction(25), 5)
    content = path.read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")


def test_a_name_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="not valid UTF-8"):
        check_output(tmp_path / "\udcff.mp4", [])


class RefusingContainer:
    """An output container that cannot write its header the first times."""

    refusals = 0

    def __init__(self, path: str, mode: Literal["w"], container_options: dict[str, str]) -> None:
        self.container = av.open(path, mode, container_options=container_options)

    def start_encoding(self) -> None:
        if RefusingContainer.refusals > 0:
            RefusingContainer.refusals -= 1
            raise av.ArgumentError(22, "Invalid argument")
        self.container.start_encoding()

    def __getattr__(self, name: str) -> object:
        return getattr(self.container, name)


@pytest.mark.parametrize(("refusals", "codec"), [(1, "aac"), (2, None)])
def test_sound_that_the_muxer_refuses_is_coded_anew_or_left_out(
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
    monkeypatch.setattr(RefusingContainer, "refusals", refusals)
    monkeypatch.setattr(encoded_video, "av", SimpleNamespace(**{**vars(av), "open": RefusingContainer}))
    with open_writer(target, timing, clip) as writer:
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
    """Segments joined byte by byte start their timestamps anew: the sound is copied, or coded anew, to the end."""
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
def test_sound_that_an_edit_list_cuts_away_stays_away(
    make_clip: Callable[..., Path], tmp_path: Path, suffix: str
) -> None:
    """A clip trimmed at its second keyframe without coding anew, as editors do: a second is hidden, not gone."""
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
