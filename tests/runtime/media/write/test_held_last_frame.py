"""A last frame that is held longer than the others is read and copied; other last frames are not."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.stream import VideoStream

from clips import numbered_frame, packet_places
from fomm_rt.media.read.video_reader import VideoReader
from fomm_rt.media.timing import Timing
from fomm_rt.media.write.frame_clock import FrameClock
from fomm_rt.media.write.video_writer import VideoTarget
from written_videos import convert, frame_pixels, timing_of

MILLISECOND = Fraction(1, 1000)
HELD = {"rate": Fraction(25), "frame_count": 12, "duration": Fraction(136, 25), "last_duration": Fraction(5)}


def write_held(
    path: Path,
    step: int = 40,
    last: int = 5000,
    *,
    frames: int = 12,
    tick: Fraction = MILLISECOND,
    start: int = 0,
    options: dict[str, str] | None = None,
    container_options: dict[str, str] | None = None,
) -> Path:
    """Writes a clip, with PyAV alone, whose frames last `step` ticks and the last one `last` ticks."""
    codec, pix_fmt = ("gif", "rgb8") if path.suffix == ".gif" else ("libx264", "yuv420p")
    with av.open(str(path), "w", container_options=container_options or {}) as output:
        video = output.add_stream(codec, rate=round(1 / (step * tick)))
        assert isinstance(video, VideoStream)
        video.width, video.height, video.pix_fmt = 64, 48, pix_fmt
        video.options = dict(options or {})
        video.codec_context.time_base = tick
        durations = {start + index * step: step for index in range(frames - 1)}
        durations[start + (frames - 1) * step] = last
        for index, time in enumerate(durations):
            frame = av.VideoFrame.from_ndarray(numbered_frame(index), format="rgb24").reformat(format=pix_fmt)
            frame.pts, frame.time_base = time, tick
            mux(output, video.encode(frame), durations)
        mux(output, video.encode(None), durations)
    return path


def mux(
    output: av.container.OutputContainer, packets: "list[av.Packet[VideoStream]]", durations: dict[int, int]
) -> None:
    for packet in packets:
        assert packet.pts is not None
        packet.duration = durations[packet.pts]
        output.mux(packet)


def facts(path: Path) -> dict[str, object]:
    timing = timing_of(path)
    return {name: getattr(timing, name) for name in HELD}


def gif_delays(path: Path) -> list[int]:
    with av.open(str(path)) as container:
        return [packet.duration or 0 for packet in container.demux(video=0) if packet.size]


@pytest.mark.parametrize(
    ("suffix", "settings"),
    [
        (".mp4", {}),
        (".mp4", {"options": {"bf": "0"}}),
        (".mp4", {"options": {"bf": "2", "b_strategy": "0"}}),
        (".mp4", {"start": 520, "options": {"bf": "0"}}),
        (".mp4", {"container_options": {"movflags": "frag_keyframe+empty_moov"}}),
        (".mkv", {}),
        (".mkv", {"start": 520}),
        (".gif", {"tick": Fraction(1, 100), "step": 4, "last": 500}),
    ],
)
def test_a_hold_is_read_and_copied(tmp_path: Path, suffix: str, settings: dict[str, object]) -> None:
    source = write_held(tmp_path / f"held{suffix}", **settings)  # type: ignore[arg-type]
    assert facts(source) == HELD
    for other in (".mp4", ".mkv", ".webm", ".gif"):
        target = tmp_path / f"copy{other}"
        convert(source, target)
        assert facts(target) == HELD, other


def test_a_gif_keeps_its_delays(tmp_path: Path) -> None:
    centisecond = Fraction(1, 100)
    for delays in ([10, 10, 10, 10, 300], [10, 10, 10, 10, 12], [10, 10, 300]):
        source = write_held(tmp_path / "a.gif", delays[0], delays[-1], frames=len(delays), tick=centisecond)
        convert(source, tmp_path / "b.gif")
        assert gif_delays(tmp_path / "b.gif") == gif_delays(source) == delays


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("a.mp4", {"last": 40}),
        ("a.mp4", {"last": 41}),
        ("a.mp4", {"last": 20}),
        ("a.mkv", {"last": 40}),
        ("a.mkv", {"last": 41}),
        ("a.gif", {"tick": Fraction(1, 100), "step": 4, "last": 5}),
        ("a.mp4", {"last": 40, "start": -200, "options": {"bf": "0"}}),
        ("a.mp4", {"last": 40, "container_options": {"movflags": "frag_keyframe+empty_moov"}}),
    ],
)
def test_without_a_hold_there_is_no_last_duration(tmp_path: Path, name: str, settings: dict[str, object]) -> None:
    timing = timing_of(write_held(tmp_path / name, **settings))  # type: ignore[arg-type]
    assert timing.rate == 25
    assert timing.last_duration is None
    assert timing.frame_count is not None
    assert timing.duration == Fraction(timing.frame_count, 25)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov", ".avi", ".ts", ".flv"])
@pytest.mark.parametrize("rate", [Fraction(30), Fraction(30000, 1001)])
def test_ordinary_clips_stay_constant(make_clip: Callable[..., Path], suffix: str, rate: Fraction) -> None:
    codec = "flv" if suffix == ".flv" else "libx264"
    audio = None if suffix == ".flv" else "aac"
    timing = timing_of(make_clip(f"a{suffix}", frames=20, rate=rate, codec=codec, audio=audio, audio_seconds=3.0))
    assert timing.last_duration is None
    if suffix != ".flv":
        assert (timing.rate, timing.duration) == (rate, 20 / rate)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_the_last_frame_of_a_cut_file_is_not_held(tmp_path: Path, suffix: str) -> None:
    faststart = {"movflags": "+faststart"} if suffix == ".mp4" else {}
    path = write_held(tmp_path / f"cut{suffix}", frames=30, container_options=faststart, options={"bf": "0"})
    path.write_bytes(path.read_bytes()[: packet_places(path)[-1][0] + 4])
    with VideoReader(path) as reader:
        assert reader.timing.last_duration is None
        count = sum(1 for _ in reader)
    convert(path, tmp_path / "copy.mp4")
    copied = timing_of(tmp_path / "copy.mp4")
    assert copied.duration == Fraction(count, 25)


def test_a_frame_before_the_held_one_is_not_held_in_its_place(tmp_path: Path) -> None:
    path = write_held(tmp_path / "broken.mp4", options={"bf": "0"})
    position, size = packet_places(path)[-1]
    content = bytearray(path.read_bytes())
    content[position : position + size] = b"\xff" * size
    path.write_bytes(content)
    for suffix in (".mp4", ".gif"):
        convert(path, tmp_path / f"copy{suffix}")
        timing = timing_of(tmp_path / f"copy{suffix}")
        assert (timing.frame_count, timing.duration) == (11, Fraction(11, 25))


def test_a_broken_packet_before_a_hold_is_the_only_loss(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = write_held(tmp_path / "broken.mp4", options={"bf": "0", "g": "1"})
    position, size = packet_places(path)[5]
    content = bytearray(path.read_bytes())
    content[position : position + size] = b"\xff" * size
    path.write_bytes(content)
    with VideoReader(path) as reader:
        assert sum(1 for _ in reader) == 11
        assert reader.missing_frames == 0
    assert [record.message for record in caplog.records] == [f"{path}: 1 broken packet was skipped"]


@pytest.mark.parametrize("rate", [Fraction(25), Fraction(30000, 1001), Fraction(1, 2)])
def test_clock_holds_the_last_frame(rate: Fraction) -> None:
    clock = FrameClock(Timing.constant(rate, 3, 7 / rate))
    for index in range(3):
        clock.stamp(index / rate)
    assert clock.last_duration() * clock.time_base == 7 / rate
    cut_short = FrameClock(Timing.constant(rate, 4, 7 / rate))
    for index in range(3):
        cut_short.stamp(index / rate)
    assert cut_short.last_duration() * cut_short.time_base == 1 / rate


def test_a_single_frame_may_be_held(tmp_path: Path) -> None:
    path = tmp_path / "one.mp4"
    with VideoTarget(path).open(Timing.constant(Fraction(25), 1, Fraction(5))) as writer:
        writer.write(np.ascontiguousarray(frame_pixels(1)), Fraction(0))
        writer.commit()
    assert timing_of(path).duration == 5
