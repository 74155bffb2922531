"""Damaged videos are read as far as possible, with a warning about what is missing."""

import re
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
import pytest
from av.container import InputContainer
from numpy.typing import NDArray

from clips import packet_places
from fomm_rt.media.read.container_structure import is_cut_short
from fomm_rt.media.read.input_container import demux
from fomm_rt.media.read.video_reader import VideoReader
from fomm_rt.media.timing import Timing
from fomm_rt.media.write.video_writer import VideoTarget


def test_broken_packets_are_skipped_and_counted(
    make_clip: Callable[..., Path], caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    clip = make_clip("clip.mp4", frames=40)
    places = packet_places(clip)
    content = bytearray(clip.read_bytes())
    for index in (10, 11, 20):
        position, size = places[index]
        content[position : position + size] = b"\xff" * size
    clip.write_bytes(content)
    with VideoReader(clip) as reader:
        for _ in range(2):
            frames = list(reader)
            assert (reader.skipped_packets, reader.missing_frames) == (3, 0)
            assert len(frames) == 37
            assert [record.message for record in caplog.records] == [f"{clip}: 3 broken packets were skipped"]
        times = [frame.time for frame in frames]
        assert times == sorted(set(times))
        assert reader.timing.frame_count == 40
    assert capfd.readouterr().err == ""


def test_skips_a_broken_start(make_clip: Callable[..., Path]) -> None:
    clip = make_clip("clip.mp4", frames=30, options={"g": "10", "bf": "0"})
    places = packet_places(clip)
    content = bytearray(clip.read_bytes())
    for position, size in places[:10]:
        content[position : position + size] = b"\xff" * size
    clip.write_bytes(content)
    with VideoReader(clip) as reader:
        frames = list(reader)
    assert len(frames) == 20
    assert frames[0].time == Fraction(10, 25)


@pytest.mark.parametrize("suffix", [".mkv", ".ts", ".avi"])
def test_reads_a_cut_file_to_its_end(make_clip: Callable[..., Path], suffix: str) -> None:
    clip = make_clip(f"cut{suffix}", frames=100, pixels=noise)
    content = clip.read_bytes()
    clip.write_bytes(content[: len(content) // 2])
    with VideoReader(clip) as reader:
        count = sum(1 for _ in reader)
    assert 20 < count < 80


def test_reads_a_cut_streamable_mp4_to_its_end(make_clip: Callable[..., Path]) -> None:
    clip = make_clip("cut.mp4", frames=100, pixels=noise, container_options={"movflags": "+faststart"})
    content = clip.read_bytes()
    clip.write_bytes(content[: len(content) // 2])
    with VideoReader(clip) as reader:
        count = sum(1 for _ in reader)
    assert 20 < count < 80


def noise(index: int) -> NDArray[np.uint8]:
    return np.random.default_rng(index).integers(0, 255, (48, 64, 3), np.uint8)


def cut(clip: Path, part: float) -> Path:
    content = clip.read_bytes()
    clip.write_bytes(content[: round(len(content) * part)])
    return clip


def overwrite(clip: Path, first: int, last: int, skipped_part: float = 0.0) -> Path:
    """Zeroes the bytes from one packet to another, except a part at the start of the first."""
    places = packet_places(clip)
    start = places[first][0] + round(places[first][1] * skipped_part)
    end = places[last][0] + places[last][1]
    content = bytearray(clip.read_bytes())
    content[start:end] = bytes(end - start)
    clip.write_bytes(content)
    return clip


def read_twice(clip: Path) -> tuple[int, int]:
    """Counts the frames that are read and missing; both passes must agree."""
    with VideoReader(clip) as reader:
        counts = [(sum(1 for _ in reader), reader.missing_frames) for _ in range(2)]
    assert counts[0] == counts[1]
    return counts[0]


FASTSTART = {"movflags": "+faststart"}


FRAGMENTS = {"movflags": "frag_keyframe+empty_moov"}


@pytest.mark.parametrize("audio", [None, "aac"])
@pytest.mark.parametrize(
    ("suffix", "settings"),
    [
        (".mp4", {"container_options": FASTSTART}),
        (".mov", {"container_options": FASTSTART}),
        (".mkv", {}),
        (".avi", {}),
        (".webm", {"codec": "libvpx"}),
    ],
)
def test_warns_once_of_the_missing_part_of_a_cut_file(
    *,
    make_clip: Callable[..., Path],
    caplog: pytest.LogCaptureFixture,
    suffix: str,
    settings: dict[str, Any],
    audio: str | None,
) -> None:
    # Sound longer than the picture must not count as missing picture.
    audio = "libopus" if audio and suffix == ".webm" else audio
    clip = make_clip(f"clip{suffix}", frames=100, pixels=noise, audio=audio, audio_seconds=6.0, **settings)
    assert read_twice(clip) == (100, 0)
    assert not caplog.records
    count, missing = read_twice(cut(clip, 0.6))
    assert 50 < count < 70
    assert abs(count + missing - 100) <= 2
    (record,) = caplog.records
    assert re.fullmatch(
        rf"{re.escape(str(clip))} ends after 2\.\d s of 4\.0 s; the rest is missing or damaged", record.message
    )


def test_warns_of_a_cut_fragmented_mp4(make_clip: Callable[..., Path], caplog: pytest.LogCaptureFixture) -> None:
    clip = make_clip("clip.mp4", frames=100, pixels=noise, options={"g": "10"}, container_options=FRAGMENTS)
    assert read_twice(clip) == (100, 0)
    assert not caplog.records
    assert read_twice(cut(clip, 0.55))[1] > 0
    assert len(caplog.records) == 1


def test_warns_of_a_cut_file_of_unknown_length(
    make_clip: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    clip = make_clip("clip.mkv", frames=100, pixels=noise, audio="aac")
    clip.write_bytes(clip.read_bytes().replace(b"DURATION", b"FOREIGN_"))
    assert read_twice(clip) == (100, 0)
    assert not caplog.records
    assert read_twice(cut(clip, 0.6))[1] == 0
    assert [record.message for record in caplog.records] == [
        f"{clip} ends after 2.4 s; the file is cut short and the rest is missing"
    ]


def test_continues_after_a_hole_in_matroska_at_the_next_keyframe(
    make_clip: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    clip = overwrite(make_clip("clip.mkv", frames=100, pixels=noise, options={"g": "10"}), 30, 49)
    count, missing = read_twice(clip)
    assert count > 70
    assert count + missing == 100
    assert [record.message for record in caplog.records] == [
        f"{clip} is damaged; about {missing} of its frames are missing"
    ]


def test_stops_at_a_hole_in_matroska_without_a_later_keyframe(
    make_clip: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    clip = overwrite(make_clip("clip.mkv", frames=100, pixels=noise), 30, 49)
    assert read_twice(clip) == (30, 70)
    assert [record.message for record in caplog.records] == [
        f"{clip} ends after 1.2 s of 4.0 s; the rest is missing or damaged"
    ]


def test_blocks_with_several_frames_or_an_alpha_plane_are_not_damage(
    make_clip: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    """WebM keeps transparency in BlockAdditions, which belong to no packet."""
    times = [0, 40, 100, 103, 200, 333, 380, 500]
    clip = make_clip(
        "alpha.webm", frames=8, times=times, time_base=Fraction(1, 1000), codec="libvpx-vp9", pix_fmt="yuva420p",
        pixels=noise, audio="libopus", audio_seconds=0.5,
    )  # fmt: skip
    assert read_twice(clip) == (8, 0)
    assert not caplog.records


@pytest.mark.parametrize("reordered", ["0", "2", "3"])
def test_avi_times_run_from_0_whatever_the_order_of_its_packets(make_clip: Callable[..., Path], reordered: str) -> None:
    with VideoReader(make_clip("clip.avi", frames=10, options={"bf": reordered})) as reader:
        assert [frame.time for frame in reader] == [Fraction(i, 25) for i in range(10)]


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".ts"])
def test_a_constant_rate_remuxed_from_matroska_stays_constant(make_clip: Callable[..., Path], suffix: str) -> None:
    """Times remuxed from Matroska keep their millisecond steps in a finer tick."""
    source = make_clip("clip.mkv", frames=40, rate=30, options={"bf": "0"})
    remuxed = source.with_suffix(suffix)
    with av.open(str(source)) as container, av.open(str(remuxed), "w") as target:
        stream = target.add_stream_from_template(container.streams.video[0])
        for packet in container.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    with VideoReader(remuxed) as reader:
        assert reader.timing.rate == 30
        assert reader.timing.frame_count == 40


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
@pytest.mark.parametrize("index", [0, 20])
def test_continues_after_a_half_damaged_packet(make_clip: Callable[..., Path], suffix: str, index: int) -> None:
    clip = make_clip(f"clip{suffix}", frames=40, pixels=noise, options={"bf": "0"})
    overwrite(clip, index, index, skipped_part=0.5)
    with VideoReader(clip) as reader:
        frames = list(reader)
        assert len(frames) + reader.skipped_packets == 40
        assert len(frames) >= 39


def test_frames_outside_an_edit_list_are_not_missing(
    tmp_path: Path, make_clip: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    clip = make_clip("clip.mp4", frames=100, options={"g": "10", "bf": "2"})
    trimmed = tmp_path / "trimmed.mp4"
    with av.open(str(clip)) as source, av.open(str(trimmed), "w") as output:
        stream = output.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.size:
                assert packet.pts is not None
                assert packet.dts is not None
                shift = round(1 / packet.time_base)
                packet.pts, packet.dts, packet.stream = packet.pts - shift, packet.dts - shift, stream
                output.mux(packet)
    with av.open(str(trimmed)) as container:
        assert container.streams.video[0].frames == 100
    assert read_twice(trimmed) == (75, 0)
    assert not caplog.records


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm"])
def test_a_long_last_frame_is_not_damage(tmp_path: Path, suffix: str, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / f"slides{suffix}"
    timing = Timing(None, Fraction(1, 1000), 12, Fraction(9), last_duration=Fraction(8))
    with VideoTarget(path).open(timing) as writer:
        for time in range(0, 1200, 100):
            writer.write(noise(time), Fraction(time + time % 7, 1000))
        writer.commit()
    assert read_twice(path) == (12, 0)
    assert not caplog.records
    if suffix == ".mp4":
        position, size = packet_places(path)[6]
        content = bytearray(path.read_bytes())
        content[position : position + size] = b"\xff" * size
        path.write_bytes(content)
        assert read_twice(path) == (11, 0)
        assert [record.message for record in caplog.records] == [f"{path}: 1 broken packet was skipped"]


def test_a_varying_clip_cut_short_does_not_freeze(make_clip: Callable[..., Path]) -> None:
    times = [index * 40 + index % 7 for index in range(100)]
    settings = {"times": times, "time_base": Fraction(1, 1000), "container_options": FASTSTART}
    clip = cut(make_clip("clip.mp4", frames=100, pixels=noise, **settings), 0.6)
    with VideoReader(clip) as reader:
        assert reader.timing.last_duration is not None
        assert reader.timing.last_duration < Fraction(1, 10)


def test_a_partial_pass_does_not_warn(make_clip: Callable[..., Path], caplog: pytest.LogCaptureFixture) -> None:
    clip = cut(make_clip("clip.mkv", frames=100, pixels=noise), 0.6)
    with VideoReader(clip) as reader:
        next(iter(reader))
        assert not caplog.records
        list(reader)
        assert len(caplog.records) == 1


def test_counts_places_that_cannot_be_demuxed(make_clip: Callable[..., Path]) -> None:
    clip = make_clip("clip.mp4", frames=6)
    with av.open(str(clip)) as container:
        stream = container.streams.video[0]
        packets = [packet for packet in container.demux(stream) if packet.size]

        class Faulty:
            format = container.format

            def __init__(self) -> None:
                self.parts = [packets[:2], packets[2:4], packets[4:]]

            def demux(self) -> Iterator["av.Packet[av.VideoStream]"]:
                yield from self.parts.pop(0)
                if self.parts:
                    raise av.InvalidDataError(1, "damaged")

        faults: list[int] = []
        found = demux(cast(InputContainer, Faulty()), stream, lambda: faults.append(1))
        assert sum(1 for _ in found) == 6
    assert len(faults) == 2


def test_accepts_a_stream_that_begins_late(make_clip: Callable[..., Path]) -> None:
    clip = cut(make_clip("clip.flv", codec="flv", frames=100, pixels=noise, audio="aac"), 0.6)
    with VideoReader(clip) as reader:
        assert sum(1 for _ in reader) > 40


@pytest.mark.parametrize(
    "content",
    [
        b"", b"RIFF", b"RIFF\0\0\0\0AVI ", b"\x1a\x45\xdf\xa3", b"\x1a\x45\xdf\xa3\x80" + bytes(20),
        b"\x1a\x45\xdf\xa3\x80\x18\x53\x80\x67\x01\xff\xff\xff\xff\xff\xff\xff" + bytes(50),
        b"\0\0\0\x0cftypisom\0\0\0\0mdat" + bytes(50), b"\0\0\0\x0cftypisom\0\0\0\1mdat", b"GIF89a" + bytes(20),
        b"\0\0\0\x0cftypisom" + bytes(50),
    ],
)  # fmt: skip
def test_unknown_sizes_do_not_count_as_cut_short(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "odd"
    path.write_bytes(content)
    with path.open("rb") as file:
        assert not is_cut_short(file)
