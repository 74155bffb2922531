import os
import re
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
import cv2
import numpy as np
import pytest
from av.container import InputContainer
from av.video.reformatter import ColorRange, Colorspace
from numpy.typing import NDArray

from clips import packet_places
from fomm_rt.errors import MediaError
from fomm_rt.media.container_size import is_cut_short
from fomm_rt.media.input_container import demux
from fomm_rt.media.timing import Timing
from fomm_rt.media.video_reader import VideoReader
from fomm_rt.media.video_writer import open_writer

SHARED_MEDIA = Path(__file__).parents[3] / ".." / "shared" / "media"
SHARED_CLIPS = {
    "driving_256_cropped.mp4": (240, Fraction(30000, 1001), (256, 256)),
    "driving_480_glasses.mp4": (250, Fraction(30), (480, 480)),
    "driving_480_man.mp4": (216, Fraction(30), (480, 480)),
    "driving_720x1280_phone.mp4": (352, Fraction(30), (720, 1280)),
}


def corners(height: int = 48, width: int = 64) -> NDArray[np.uint8]:
    """Four quadrants of known colours: red, green / blue, white."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[: height // 2, : width // 2] = (255, 0, 0)
    pixels[: height // 2, width // 2 :] = (0, 255, 0)
    pixels[height // 2 :, : width // 2] = (0, 0, 255)
    pixels[height // 2 :, width // 2 :] = (255, 255, 255)
    return pixels


def quadrant_colours(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = pixels.shape[:2]
    rows, columns = (height // 4, 3 * height // 4), (width // 4, 3 * width // 4)
    return np.array([[pixels[row, column] for column in columns] for row in rows])


def test_frames_come_in_order_with_their_times(make_clip: Callable[..., Path]) -> None:
    with VideoReader(make_clip("clip.mp4", frames=20, options={"bf": "3"})) as reader:
        assert (reader.width, reader.height, reader.has_audio) == (64, 48, False)
        frames = list(reader)
    assert [frame.index for frame in frames] == list(range(20))
    assert [frame.time for frame in frames] == [Fraction(index, 25) for index in range(20)]
    levels = [float(frame.pixels[:, 40:].mean()) for frame in frames]
    assert np.allclose(levels, [20 + index * 7 for index in range(20)], atol=3)
    for frame in frames:
        assert frame.pixels.shape == (48, 64, 3)
        assert frame.pixels.dtype == np.uint8
        assert frame.pixels.flags.c_contiguous


def test_frames_belong_to_the_caller(make_clip: Callable[..., Path]) -> None:
    with VideoReader(make_clip("clip.mp4", frames=5)) as reader:
        kept = []
        for frame in reader:
            kept.append(frame.pixels.copy())
            frame.pixels[:] = 0
        again = [frame.pixels for frame in reader]
    assert all(np.array_equal(first, second) for first, second in zip(kept, again, strict=True))


def test_it_can_be_read_again_and_by_two_at_once(make_clip: Callable[..., Path]) -> None:
    with VideoReader(make_clip("clip.mp4", frames=8)) as reader:
        next(iter(reader))
        assert [frame.index for frame in reader] == list(range(8))
        assert all(one.index == other.index for one, other in zip(reader, reader, strict=True))


def test_a_closed_reader_refuses(make_clip: Callable[..., Path]) -> None:
    reader = VideoReader(make_clip("clip.mp4"))
    frames = iter(reader)
    next(frames)
    reader.close()
    reader.close()
    assert next(frames, None) is None
    with pytest.raises(MediaError, match="was closed"):
        iter(reader)


@pytest.mark.parametrize("rotation", [90, 180, 270, -90])
def test_rotation_is_honoured(make_clip: Callable[..., Path], rotation: int) -> None:
    clip = make_clip("turned.mp4", frames=2, rotation=rotation, pixels=lambda _: corners())
    upright = np.rot90(corners(), rotation // 90)
    with VideoReader(clip) as reader:
        assert (reader.height, reader.width) == upright.shape[:2]
        pixels = next(iter(reader)).pixels
    assert pixels.shape == upright.shape
    assert np.abs(quadrant_colours(pixels).astype(int) - quadrant_colours(upright)).max() < 12


def test_mirroring_is_honoured(tmp_path: Path) -> None:
    path = tmp_path / "mirror.mp4"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=25)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height = 64, 48
        stream.set_display_rotation(90, hflip=True)
        output.mux(stream.encode(av.VideoFrame.from_ndarray(corners(), format="rgb24").reformat(format="yuv420p")))
        output.mux(stream.encode(None))
    with VideoReader(path) as reader:
        found = quadrant_colours(next(iter(reader)).pixels).astype(int)
    turns = [quadrant_colours(np.rot90(corners()[:, ::-1], turn)) for turn in (1, 3)]
    assert min(np.abs(found - turn).max() for turn in turns) < 12


@pytest.mark.parametrize("matrix", [Colorspace.ITU601, Colorspace.ITU709])
@pytest.mark.parametrize("colour_range", [ColorRange.MPEG, ColorRange.JPEG])
@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv444p", "yuv420p10le"])
def test_tagged_colours_are_right(tmp_path: Path, matrix: Colorspace, colour_range: ColorRange, pix_fmt: str) -> None:
    path = tmp_path / "tagged.mkv"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=25, options={"crf": "4"})
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 64, 48, pix_fmt
        stream.codec_context.colorspace = 1 if matrix is Colorspace.ITU709 else 6
        stream.codec_context.color_range = colour_range
        frame = av.VideoFrame.from_ndarray(corners(), format="rgb24").reformat(
            format=pix_fmt,
            dst_colorspace=matrix,
            src_color_range=ColorRange.JPEG,
            dst_color_range=colour_range,
        )
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    with VideoReader(path) as reader:
        pixels = next(iter(reader)).pixels
    assert np.abs(quadrant_colours(pixels).astype(int) - quadrant_colours(corners())).max() <= 4


@pytest.mark.parametrize(("height", "matrix"), [(480, Colorspace.ITU601), (720, Colorspace.ITU709)])
def test_untagged_colours_are_guessed_by_size(tmp_path: Path, height: int, matrix: Colorspace) -> None:
    path = tmp_path / "untagged.mkv"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=25)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height = 64, height
        frame = av.VideoFrame.from_ndarray(corners(height), format="rgb24").reformat(
            format="yuv420p",
            dst_colorspace=matrix,
            src_color_range=ColorRange.JPEG,
            dst_color_range=ColorRange.MPEG,
        )
        frame.colorspace, frame.color_range = 2, 0
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    with VideoReader(path) as reader:
        pixels = next(iter(reader)).pixels
    assert np.abs(quadrant_colours(pixels).astype(int) - quadrant_colours(corners())).max() <= 4


@pytest.mark.parametrize(
    ("codec", "pix_fmt", "suffix"),
    [
        ("ffv1", "gray", ".mkv"), ("ffv1", "bgr0", ".mkv"), ("mjpeg", "yuvj420p", ".avi"),
        ("mjpeg", "yuvj422p", ".mov"),
                ("prores_ks", "yuv422p10le", ".mov"), ("mpeg4", "yuv420p", ".avi"),
        ("libvpx-vp9", "yuv420p", ".webm"),
                ("rawvideo", "bgr24", ".avi"), ("huffyuv", "rgb24", ".avi"),
    ],
)  # fmt: skip
def test_pixel_formats_and_codecs(make_clip: Callable[..., Path], codec: str, pix_fmt: str, suffix: str) -> None:
    clip = make_clip(f"clip{suffix}", codec=codec, pix_fmt=pix_fmt, frames=3, pixels=lambda _: corners())
    with VideoReader(clip) as reader:
        frames = list(reader)
    assert len(frames) == 3
    assert frames[0].pixels.shape == (48, 64, 3)
    expected = quadrant_colours(corners()).astype(int)
    if pix_fmt == "gray":
        expected = np.round(expected @ [0.299, 0.587, 0.114]).astype(int)[..., None].repeat(3, axis=-1)
    tolerance = 40 if codec in ("mpeg4", "mjpeg", "gray") else 16
    assert np.abs(quadrant_colours(frames[0].pixels).astype(int) - expected).max() <= tolerance


def test_odd_sizes(make_clip: Callable[..., Path]) -> None:
    clip = make_clip("odd.mkv", codec="ffv1", size=(33, 17), frames=2)
    with VideoReader(clip) as reader:
        assert (reader.width, reader.height) == (33, 17)
        assert [frame.pixels.shape for frame in reader] == [(17, 33, 3)] * 2


def test_transparent_pixels_are_white(tmp_path: Path) -> None:
    path = tmp_path / "clear.mkv"
    pixels = np.zeros((48, 64, 4), np.uint8)
    pixels[:, 32:] = (0, 0, 255, 255)
    with av.open(str(path), "w") as output:
        stream = output.add_stream("ffv1", rate=25)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "bgra"
        output.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgba").reformat(format="bgra")))
        output.mux(stream.encode(None))
    with VideoReader(path) as reader:
        frame = next(iter(reader)).pixels
    assert frame[10, 10].tolist() == [255, 255, 255]
    assert frame[10, 50].tolist() == [0, 0, 255]


def test_pixels_that_are_not_square_are_made_so(tmp_path: Path) -> None:
    path = tmp_path / "anamorphic.mp4"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=25)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height = 64, 48
        stream.codec_context.sample_aspect_ratio = Fraction(3, 2)
        output.mux(stream.encode(av.VideoFrame.from_ndarray(corners(), format="rgb24").reformat(format="yuv420p")))
        output.mux(stream.encode(None))
    with VideoReader(path) as reader:
        assert (reader.width, reader.height) == (96, 48)
        assert next(iter(reader)).pixels.shape == (48, 96, 3)


def test_a_resolution_that_changes_is_followed(tmp_path: Path) -> None:
    parts = []
    for index, size in enumerate(((64, 48), (32, 80))):
        part = tmp_path / f"{index}.h264"
        with av.open(str(part), "w", format="h264") as output:
            stream = output.add_stream("libx264", rate=25)
            assert isinstance(stream, av.VideoStream)
            stream.width, stream.height = size
            for _ in range(4):
                grey = np.full((size[1], size[0], 3), 99, np.uint8)
                output.mux(stream.encode(av.VideoFrame.from_ndarray(grey, format="rgb24").reformat(format="yuv420p")))
            output.mux(stream.encode(None))
        parts.append(part.read_bytes())
    path = tmp_path / "changes.h264"
    path.write_bytes(b"".join(parts))
    with VideoReader(path) as reader:
        shapes = [frame.pixels.shape for frame in reader]
    assert shapes == [(48, 64, 3)] * 4 + [(80, 32, 3)] * 4


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


def test_a_broken_start_is_passed_over(make_clip: Callable[..., Path]) -> None:
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
def test_a_file_cut_short_is_read_as_far_as_it_goes(make_clip: Callable[..., Path], suffix: str) -> None:
    clip = make_clip(f"cut{suffix}", frames=100, pixels=noise)
    content = clip.read_bytes()
    clip.write_bytes(content[: len(content) // 2])
    with VideoReader(clip) as reader:
        count = sum(1 for _ in reader)
    assert 20 < count < 80


def test_a_streamable_mp4_cut_short_is_read_as_far_as_it_goes(make_clip: Callable[..., Path]) -> None:
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
    """Zeroes what lies between two packets, except a part of the first at its start."""
    places = packet_places(clip)
    start = places[first][0] + round(places[first][1] * skipped_part)
    end = places[last][0] + places[last][1]
    content = bytearray(clip.read_bytes())
    content[start:end] = bytes(end - start)
    clip.write_bytes(content)
    return clip


def read_twice(clip: Path) -> tuple[int, int]:
    """Counts the frames that come and those that are missing; the second pass must say the same."""
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
def test_a_cut_file_says_once_what_is_missing(
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


def test_a_cut_fragmented_mp4_says_so(make_clip: Callable[..., Path], caplog: pytest.LogCaptureFixture) -> None:
    clip = make_clip("clip.mp4", frames=100, pixels=noise, options={"g": "10"}, container_options=FRAGMENTS)
    assert read_twice(clip) == (100, 0)
    assert not caplog.records
    assert read_twice(cut(clip, 0.55))[1] > 0
    assert len(caplog.records) == 1


def test_a_cut_file_of_unknown_length_says_so(make_clip: Callable[..., Path], caplog: pytest.LogCaptureFixture) -> None:
    clip = make_clip("clip.mkv", frames=100, pixels=noise, audio="aac")
    clip.write_bytes(clip.read_bytes().replace(b"DURATION", b"FOREIGN_"))
    assert read_twice(clip) == (100, 0)
    assert not caplog.records
    assert read_twice(cut(clip, 0.6))[1] == 0
    assert [record.message for record in caplog.records] == [
        f"{clip} ends after 2.4 s; the file is cut short and the rest is missing"
    ]


def test_a_hole_in_matroska_is_passed_at_the_next_keyframe(
    make_clip: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    clip = overwrite(make_clip("clip.mkv", frames=100, pixels=noise, options={"g": "10"}), 30, 49)
    count, missing = read_twice(clip)
    assert count > 70
    assert count + missing == 100
    assert [record.message for record in caplog.records] == [
        f"{clip} is damaged; about {missing} of its frames are missing"
    ]


def test_a_hole_in_matroska_without_a_later_keyframe_ends_it(
    make_clip: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    clip = overwrite(make_clip("clip.mkv", frames=100, pixels=noise), 30, 49)
    assert read_twice(clip) == (30, 70)
    assert [record.message for record in caplog.records] == [
        f"{clip} ends after 1.2 s of 4.0 s; the rest is missing or damaged"
    ]


def test_a_block_with_more_than_one_frame_or_an_alpha_plane_is_no_damage(
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
def test_constant_rate_out_of_matroska_stays_constant(make_clip: Callable[..., Path], suffix: str) -> None:
    """Remuxed from Matroska, times keep their millisecond steps in a finer tick."""
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
def test_a_half_damaged_packet_does_not_stop_the_clip(make_clip: Callable[..., Path], suffix: str, index: int) -> None:
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
def test_a_long_last_frame_is_no_damage(tmp_path: Path, suffix: str, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / f"slides{suffix}"
    timing = Timing(None, Fraction(1, 1000), 12, Fraction(9), last_duration=Fraction(8))
    with open_writer(path, timing, None) as writer:
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


def test_a_partial_pass_warns_of_nothing(make_clip: Callable[..., Path], caplog: pytest.LogCaptureFixture) -> None:
    clip = cut(make_clip("clip.mkv", frames=100, pixels=noise), 0.6)
    with VideoReader(clip) as reader:
        next(iter(reader))
        assert not caplog.records
        list(reader)
        assert len(caplog.records) == 1


def test_places_that_cannot_be_demuxed_are_counted(make_clip: Callable[..., Path]) -> None:
    clip = make_clip("clip.mp4", frames=6)
    with av.open(str(clip)) as container:
        stream = container.streams.video[0]
        packets = [packet for packet in container.demux(stream) if packet.size]

        class Faulty:
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


def test_a_stream_that_begins_late_does_not_disturb(make_clip: Callable[..., Path]) -> None:
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
def test_sizes_that_say_nothing_do_not_tell_of_a_cut(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "odd"
    path.write_bytes(content)
    assert not is_cut_short(path)


def test_time_counts_from_the_start_of_the_container(make_clip: Callable[..., Path]) -> None:
    clip = make_clip("late.mkv", frames=10, audio="pcm_s16le", video_start=5)
    with VideoReader(clip) as reader:
        assert reader.has_audio
        assert next(iter(reader)).time == Fraction(1, 5)


def test_a_transport_stream_starts_at_zero_too(make_clip: Callable[..., Path]) -> None:
    with VideoReader(make_clip("clip.ts", frames=10)) as reader:
        assert next(iter(reader)).time == 0


def test_a_raw_stream_is_counted(make_clip: Callable[..., Path]) -> None:
    clip = make_clip("raw.h264", frames=12, container_format="h264", options={"bf": "2"})
    with VideoReader(clip) as reader:
        rate = reader.timing.rate
        times = [frame.time for frame in reader]
    assert rate is not None
    assert times == [index / rate for index in range(12)]


def test_a_picture_is_a_video_of_one_frame(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "portrait.png"
    cv2.imwrite(str(path), corners()[..., ::-1])
    with VideoReader(path) as reader:
        assert (reader.width, reader.height) == (64, 48)
        assert reader.timing == Timing.constant(Fraction(25), 1)
        assert not reader.has_audio
        for _ in range(2):
            (frame,) = reader
            assert np.array_equal(frame.pixels, corners())
            frame.pixels[:] = 0
    assert [record.message for record in caplog.records] == [
        f"{path} is a picture; it is used as a driving video of one frame"
    ]


def test_cover_art_is_no_video(tmp_path: Path) -> None:
    path = tmp_path / "song.m4a"
    cover = cv2.imencode(".png", corners())[1].tobytes()
    with av.open(str(path), "w", format="mp4") as output:
        sound = output.add_stream("aac", rate=44100)
        picture = output.add_stream("png", rate=1)
        assert isinstance(sound, av.AudioStream)
        assert isinstance(picture, av.VideoStream)
        picture.width, picture.height, picture.pix_fmt = 64, 48, "rgb24"
        picture.disposition = av.stream.Disposition.attached_pic
        frame = av.AudioFrame.from_ndarray(np.zeros((2, 1024), np.float32), format="fltp", layout="stereo")
        frame.sample_rate = 44100
        output.mux(sound.encode(frame))
        packet = av.Packet(cover)
        packet.stream, packet.pts, packet.dts = picture, 0, 0
        output.mux(packet)
        output.mux(sound.encode(None))
    with av.open(str(path)) as container:
        assert container.streams.video[0].disposition & av.stream.Disposition.attached_pic
    with pytest.raises(MediaError, match="only sound"):
        VideoReader(path)


def test_sound_alone_is_no_video(make_clip: Callable[..., Path], tmp_path: Path) -> None:
    clip = make_clip("both.mkv", audio="flac")
    path = tmp_path / "sound.mka"
    with av.open(str(clip)) as source, av.open(str(path), "w", format="matroska") as output:
        stream = output.add_stream_from_template(source.streams.audio[0])
        for packet in source.demux(source.streams.audio[0]):
            if packet.size:
                packet.stream = stream
                output.mux(packet)
    with pytest.raises(MediaError, match="only sound"):
        VideoReader(path)


def test_a_stream_without_frames(make_clip: Callable[..., Path]) -> None:
    clip = make_clip("void.mp4", frames=10)
    content = bytearray(clip.read_bytes())
    for position, size in packet_places(clip):
        content[position : position + size] = bytes(size)
    clip.write_bytes(content)
    with pytest.raises(MediaError, match="no frame of it can be decoded"):
        VideoReader(clip)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.mp4", b"just text\n" * 100, "a text file"),
        ("a.txt", b"just text\n" * 100, "a text file"),
        ("a.mp4", b"<html><body>404</body></html>", "a web page"),
        ("a.m3u8", b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nclip.mp4\n#EXT-X-ENDLIST\n", "a playlist"),
        ("a.txt", b"ffconcat version 1.0\nfile clip.mp4\n", "a playlist"),
        ("a.mpd", b'<?xml version="1.0"?><MPD></MPD>', "an XML document"),
        ("a.srt", b"1\n00:00:00,000 --> 00:00:01,000\nHello\n", "a text file"),
        ("a.mp4", bytes(5000), "not a video of a known format"),
        ("a.mp4", bytes(4) + b"ftypisom" + bytes(100), "incomplete or damaged MP4"),
    ],
)
def test_what_is_no_video_is_named(
    *,
    tmp_path: Path,
    make_clip: Callable[..., Path],
    name: str,
    content: bytes,
    said: str,
    capfd: pytest.CaptureFixture[str],
) -> None:
    make_clip("clip.mp4", frames=2)
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(MediaError, match=said) as caught:
        VideoReader(path)
    assert str(caught.value).startswith(str(path))
    assert capfd.readouterr().err == ""


def test_an_mp4_without_its_index(make_clip: Callable[..., Path]) -> None:
    clip = make_clip("clip.mp4", frames=20)
    content = clip.read_bytes()
    clip.write_bytes(content[: content.index(b"moov") - 4])
    with pytest.raises(MediaError, match="its index cannot be read"):
        VideoReader(clip)


@pytest.mark.parametrize(
    "name",
    [
        "http://127.0.0.1:9/a.mp4",
        "concat:a.mp4|b.mp4",
        "pipe:0",
        "data:video/mp4;base64,AAAA",
        "lavfi:testsrc",
    ],
)
def test_addresses_are_file_names(name: str) -> None:
    with pytest.raises(MediaError, match="does not exist"):
        VideoReader(name)


def test_names_that_look_like_protocols_and_patterns(
    tmp_path: Path, make_clip: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = make_clip("clip.mp4", frames=3)
    monkeypatch.chdir(tmp_path)
    for name in ("file:clip.mp4", "concat:clip.mp4", "frame-%03d.mp4", "a b#?&.mp4", "-i.mp4", "ünï.mp4"):
        Path(name).write_bytes(clip.read_bytes())
        with VideoReader(name) as reader:
            assert sum(1 for _ in reader) == 3


def test_missing_empty_folder_and_pipe(tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "folder.mp4").mkdir()
    os.mkfifo(tmp_path / "pipe.mp4")
    for name, said in (
        ("none.mp4", "does not exist"),
        ("empty.mp4", "is empty"),
        ("folder.mp4", "is a folder"),
        ("pipe.mp4", "not a regular file"),
    ):
        with pytest.raises(MediaError, match=said):
            VideoReader(tmp_path / name)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_no_permission_for_a_video(make_clip: Callable[..., Path]) -> None:
    clip = make_clip("locked.mp4")
    clip.chmod(0)
    with pytest.raises(MediaError, match="may not be read"):
        VideoReader(clip)


def test_a_file_that_vanishes(make_clip: Callable[..., Path]) -> None:
    clip = make_clip("clip.mp4")
    with VideoReader(clip) as reader:
        clip.unlink()
        with pytest.raises(MediaError, match="does not exist"):
            list(reader)


@pytest.mark.parametrize("name", SHARED_CLIPS)
def test_real_clips(name: str, caplog: pytest.LogCaptureFixture) -> None:
    path = SHARED_MEDIA / name
    if not path.exists():
        pytest.skip("the shared media are not here")
    count, rate, (width, height) = SHARED_CLIPS[name]
    with VideoReader(path) as reader:
        assert (reader.timing.rate, reader.timing.frame_count) == (rate, count)
        assert (reader.width, reader.height) == (width, height)
        read = 0
        for frame in reader:
            assert frame.time == read / rate
            assert frame.pixels.shape == (height, width, 3)
            read += 1
        assert (read, reader.skipped_packets, reader.missing_frames) == (count, 0, 0)
    assert not caplog.records
