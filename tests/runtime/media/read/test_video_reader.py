"""Reading videos: frames, their order, times, sizes and colours."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from av.video.reformatter import ColorRange, Colorspace
from numpy.typing import NDArray

from clips import corners
from fomm_rt.errors import MediaError
from fomm_rt.media.read.video_reader import VideoReader
from fomm_rt.media.timing import Timing

SHARED_MEDIA = Path(__file__).parents[4] / ".." / "shared" / "media"


SHARED_CLIPS = {
    "driving_256_cropped.mp4": (240, Fraction(30000, 1001), (256, 256)),
    "driving_480_glasses.mp4": (250, Fraction(30), (480, 480)),
    "driving_480_man.mp4": (216, Fraction(30), (480, 480)),
    "driving_720x1280_phone.mp4": (352, Fraction(30), (720, 1280)),
}


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
def test_reads_pixel_formats_and_codecs(make_clip: Callable[..., Path], codec: str, pix_fmt: str, suffix: str) -> None:
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


def test_reads_odd_sizes(make_clip: Callable[..., Path]) -> None:
    clip = make_clip("odd.mkv", codec="ffv1", size=(33, 17), frames=2)
    with VideoReader(clip) as reader:
        assert (reader.width, reader.height) == (33, 17)
        assert [frame.pixels.shape for frame in reader] == [(17, 33, 3)] * 2


@pytest.mark.parametrize(
    ("suffix", "codec", "form", "options"),
    [
        (".webm", "libvpx-vp9", "yuva420p", {}),
        (".mkv", "libvpx-vp9", "yuva420p", {}),
        (".webm", "libvpx", "yuva420p", {"auto-alt-ref": "0"}),
        (".mov", "prores_ks", "yuva444p10le", {"profile": "4444"}),
        (".mov", "qtrle", "argb", {}),
        (".mov", "png", "rgba", {}),
        (".mkv", "ffv1", "yuva420p", {}),
        (".mkv", "ffv1", "bgra", {}),
        (".avi", "utvideo", "gbrap", {}),
        (".mov", "cfhd", "gbrap12le", {}),
    ],
)
def test_transparent_pixels_are_white(
    tmp_path: Path, suffix: str, codec: str, form: str, options: dict[str, str]
) -> None:
    path = tmp_path / f"clear{suffix}"
    # Red that is transparent, blue that is half transparent, blue.
    pixels = np.zeros((48, 96, 4), np.uint8)
    pixels[:, :32] = (255, 0, 0, 0)
    pixels[:, 32:64] = (0, 0, 255, 128)
    pixels[:, 64:] = (0, 0, 255, 255)
    with av.open(str(path), "w") as output:
        stream = output.add_stream(codec, rate=25, options=options)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 96, 48, form
        if codec.startswith("libvpx"):
            stream.metadata["alpha_mode"] = "1"
        for index in range(3):
            coded = av.VideoFrame.from_ndarray(pixels, format="rgba").reformat(format=form)
            coded.pts, coded.time_base = index, Fraction(1, 25)
            output.mux(stream.encode(coded))
        output.mux(stream.encode(None))
    with VideoReader(path) as reader:
        frames = list(reader)
    assert [frame.time for frame in frames] == [Fraction(index, 25) for index in range(3)]
    for frame in frames:
        found = [frame.pixels[24, column].astype(int) for column in (16, 48, 80)]
        expected = [(255, 255, 255), (127, 127, 255), (0, 0, 255)]
        # Compression rounds.
        assert max(np.abs(a - b).max() for a, b in zip(found, expected, strict=True)) <= 6


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


def test_follows_a_changing_resolution(tmp_path: Path) -> None:
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


def test_time_counts_from_the_start_of_the_container(make_clip: Callable[..., Path]) -> None:
    clip = make_clip("late.mkv", frames=10, audio="pcm_s16le", video_start=5)
    with VideoReader(clip) as reader:
        assert reader.has_audio
        assert next(iter(reader)).time == Fraction(1, 5)


def test_a_transport_stream_starts_at_zero(make_clip: Callable[..., Path]) -> None:
    with VideoReader(make_clip("clip.ts", frames=10)) as reader:
        assert next(iter(reader)).time == 0


def test_counts_the_frames_of_a_raw_stream(make_clip: Callable[..., Path]) -> None:
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


@pytest.mark.parametrize("name", SHARED_CLIPS)
def test_reads_real_clips(name: str, caplog: pytest.LogCaptureFixture) -> None:
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
