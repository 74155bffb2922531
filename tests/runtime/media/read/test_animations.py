"""Animated pictures as videos: their frames, their times, their transparency; as pictures, their first frame."""

from __future__ import annotations

import struct
import tracemalloc
import zlib
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from clips import ClipMaker, corners, numbered_frame
from fomm_rt.errors import MediaError
from fomm_rt.media.read.picture import read_picture
from fomm_rt.media.read.video_reader import VideoReader
from picture_files import UPRIGHT, exif

Pixels = NDArray[np.uint8]


def still_webp(pixels: Pixels) -> bytes:
    """Returns the chunks of a lossless WebP of RGB or RGBA."""
    order = [2, 1, 0, 3][: pixels.shape[2]]
    done, content = cv2.imencode(".webp", pixels[..., order], [cv2.IMWRITE_WEBP_QUALITY, 101])
    assert done
    chunks = content.tobytes()[12:]
    return chunks[18:] if chunks.startswith(b"VP8X") else chunks


def uint24(*values: int) -> bytes:
    return b"".join(struct.pack("<I", value)[:3] for value in values)


def chunk(name: bytes, body: bytes) -> bytes:
    return name + struct.pack("<I", len(body)) + body + bytes(len(body) % 2)


def webp_frame(
    pixels: Pixels, milliseconds: int = 40, at: tuple[int, int] = (0, 0), *, blends: bool = True, clears: bool = False
) -> bytes:
    height, width = pixels.shape[:2]
    place = uint24(at[0] // 2, at[1] // 2, width - 1, height - 1, milliseconds)
    flags = (0 if blends else 2) | clears
    return chunk(b"ANMF", place + bytes([flags]) + still_webp(pixels))


def webp(*frames: bytes, size: tuple[int, int] = (64, 48), orientation: int | None = None) -> bytes:
    flags = 0x12 | (0 if orientation is None else 0x08)
    canvas = chunk(b"VP8X", bytes([flags, 0, 0, 0]) + uint24(size[0] - 1, size[1] - 1))
    body = canvas + chunk(b"ANIM", bytes(6)) + b"".join(frames)
    body += b"" if orientation is None else chunk(b"EXIF", exif(orientation))
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


@pytest.fixture
def save(tmp_path: Path) -> Callable[[bytes], Path]:
    """Returns a function that writes a file."""

    def write(content: bytes) -> Path:
        path = tmp_path / "moving.webp"
        path.write_bytes(content)
        return path

    return write


def test_animated_webp_plays(save: Callable[[bytes], Path], caplog: pytest.LogCaptureFixture) -> None:
    pictures = [numbered_frame(index) for index in range(5)]
    path = save(webp(*(webp_frame(picture) for picture in pictures)))
    with VideoReader(path) as reader:
        assert (reader.width, reader.height, reader.has_audio) == (64, 48, False)
        assert (reader.timing.rate, reader.timing.frame_count) == (Fraction(25), 5)
        for _ in range(2):
            frames = list(reader)
            assert [frame.index for frame in frames] == list(range(5))
            assert [frame.time for frame in frames] == [Fraction(index, 25) for index in range(5)]
            assert all(np.array_equal(frame.pixels, picture) for frame, picture in zip(frames, pictures, strict=True))
            frames[0].pixels[:] = 0
    assert caplog.records == []
    assert np.array_equal(read_picture(path), pictures[0])
    assert "its first frame is used" in caplog.text


def test_webp_frames_are_shown_as_long_as_in_browsers(save: Callable[[bytes], Path]) -> None:
    path = save(webp(*(webp_frame(corners(), delay) for delay in (0, 10, 11, 40, 100, 1000))))
    with VideoReader(path) as reader:
        times = [frame.time for frame in reader]
        assert reader.timing.rate is None
        assert reader.timing.last_duration == 1
    assert times == [0, Fraction(1, 10), Fraction(2, 10), Fraction(211, 1000), Fraction(251, 1000), Fraction(351, 1000)]


def test_webp_frames_are_laid_over_each_other_and_over_white(save: Callable[[bytes], Path]) -> None:
    def square(*colour: int) -> Pixels:
        return np.full((8, 8, 4), colour, np.uint8)

    path = save(
        webp(
            webp_frame(square(255, 0, 0, 255)),  # red stays at the left
            webp_frame(square(0, 0, 255, 128), at=(8, 0), clears=True),  # half blue, then cleared
            webp_frame(square(0, 255, 0, 128), blends=True),  # half green over red
            webp_frame(square(0, 255, 0, 0), blends=False),  # replaces by nothing
            size=(16, 8),
        )
    )
    frames = [frame.pixels for frame in VideoReader(path)]
    left, right = ([frame[4, column].tolist() for frame in frames] for column in (4, 12))
    white = [255, 255, 255]
    assert left == [[255, 0, 0], [255, 0, 0], [127, 128, 0], white]
    assert right == [white, [127, 127, 255], white, white]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_animated_webp_is_turned(save: Callable[[bytes], Path], orientation: int) -> None:
    path = save(webp(webp_frame(corners()), webp_frame(corners()), orientation=orientation))
    expected = UPRIGHT[orientation](corners())
    with VideoReader(path) as reader:
        assert (reader.height, reader.width) == expected.shape[:2]
        assert all(np.array_equal(frame.pixels, expected) for frame in reader)
    assert np.array_equal(read_picture(path), expected)


def test_a_lossy_webp_with_transparency_plays(save: Callable[[bytes], Path]) -> None:
    pixels = np.zeros((48, 64, 4), np.uint8)
    pixels[..., 0], pixels[:, 32:, 3] = 200, 255
    done, content = cv2.imencode(".webp", pixels[..., [2, 1, 0, 3]], [cv2.IMWRITE_WEBP_QUALITY, 90])
    assert done
    chunks = content.tobytes()[30:]
    assert chunks.startswith(b"ALPH")
    frame = chunk(b"ANMF", uint24(0, 0, 63, 47, 40) + b"\0" + chunks)
    found = next(iter(VideoReader(save(webp(frame, frame))))).pixels.astype(int)
    assert np.abs(found[24, 8] - 255).max() == 0
    assert np.abs(found[24, 56] - (200, 0, 0)).max() <= 6


def test_a_damaged_frame_of_a_webp_is_skipped_and_said(
    save: Callable[[bytes], Path], caplog: pytest.LogCaptureFixture
) -> None:
    good = webp_frame(corners())
    broken = good[:40] + b"\xff" * (len(good) - 40)
    with VideoReader(save(webp(good, broken, good))) as reader:
        assert [frame.time for frame in reader] == [0, Fraction(2, 25)]
        assert reader.skipped_packets == 1
        assert list(reader)
    assert [record.message for record in caplog.records] == [
        f"{reader.path} is damaged or cut short; some of its frames are missing"
    ]


def test_a_cut_webp_plays_to_its_end(save: Callable[[bytes], Path], caplog: pytest.LogCaptureFixture) -> None:
    content = webp(*(webp_frame(numbered_frame(index)) for index in range(4)))
    with VideoReader(save(content[:-20])) as reader:
        assert len(list(reader)) == 3
    assert "cut short" in caplog.text


@pytest.mark.parametrize("kept", [30, 60, 120])
def test_a_webp_without_a_whole_frame_is_refused(save: Callable[[bytes], Path], kept: int) -> None:
    content = webp(webp_frame(corners()), webp_frame(corners()))
    with pytest.raises(MediaError, match="without a complete frame"):
        VideoReader(save(content[:kept]))


def test_a_webp_frame_outside_its_canvas_is_refused(save: Callable[[bytes], Path]) -> None:
    with pytest.raises(MediaError, match="without a complete frame"):
        VideoReader(save(webp(webp_frame(corners(), at=(2, 0)))))


def test_a_webp_with_an_absurd_canvas_is_refused(save: Callable[[bytes], Path]) -> None:
    with pytest.raises(MediaError, match="without a complete frame"):
        VideoReader(save(webp(webp_frame(corners()), webp_frame(corners()), size=(1 << 24, 1 << 24))))


def test_a_webp_plays_in_constant_memory(save: Callable[[bytes], Path]) -> None:
    frame = webp_frame(np.zeros((512, 512, 3), np.uint8))
    peaks = []
    for count in (4, 60):
        with VideoReader(save(webp(*[frame] * count, size=(512, 512)))) as reader:
            tracemalloc.start()
            for _ in reader:
                pass
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
    assert peaks[1] < peaks[0] * 1.1


DELAYS = [10, 20, 5, 0, 1, 2, 50, 100]
SHOWN = [10, 20, 5, 10, 10, 2, 50, 100]


def starts(hundredths: list[int]) -> list[Fraction]:
    return [Fraction(sum(hundredths[:index]), 100) for index in range(len(hundredths))]


def test_gif_delays_are_those_of_browsers(make_clip: ClipMaker) -> None:
    clip = make_clip("delays.gif", codec="gif", pix_fmt="rgb8", frames=len(DELAYS), rate=100)
    content = clip.read_bytes()
    head, *parts = content.split(b"\x21\xf9\x04")
    assert len(parts) == len(DELAYS)
    parts = [part[:1] + struct.pack("<H", delay) + part[3:] for part, delay in zip(parts, DELAYS, strict=True)]
    clip.write_bytes(b"\x21\xf9\x04".join([head, *parts]))
    with VideoReader(clip) as reader:
        assert [frame.time for frame in reader] == starts(SHOWN)
        assert reader.timing.duration == Fraction(sum(SHOWN), 100)


def test_apng_delays_are_those_of_browsers(make_clip: ClipMaker) -> None:
    clip = make_clip("delays.png", codec="apng", pix_fmt="rgb24", frames=len(DELAYS), container_format="apng")
    content, position = clip.read_bytes(), 0
    for delay in DELAYS:
        position = content.index(b"fcTL", position) + 4
        body = (
            content[position : position + 20] + struct.pack(">HH", delay, 100) + content[position + 24 : position + 26]
        )
        content = content[:position] + body + struct.pack(">I", zlib.crc32(b"fcTL" + body)) + content[position + 30 :]
    clip.write_bytes(content)
    with VideoReader(clip) as reader:
        assert [frame.time for frame in reader] == starts(SHOWN)


@pytest.mark.skipif(
    not (hasattr(cv2, "imwriteanimation") and cv2.haveImageWriter("a.avif")), reason="this OpenCV writes no AVIF"
)
@pytest.mark.parametrize("channels", [3, 4])
def test_an_avif_sequence_plays(tmp_path: Path, channels: int, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "moving.avif"
    animation = cv2.Animation()
    levels = (40, 90, 200, 120)
    animation.frames = [np.full((48, 64, channels), level, np.uint8) for level in levels]
    for frame in animation.frames:
        frame[..., 3:] = 255
    animation.durations = [100, 40, 200, 300]
    assert cv2.imwriteanimation(str(path), animation)
    with VideoReader(path) as reader:
        frames = list(reader)
    assert [frame.time for frame in frames] == [0, Fraction(100, 1000), Fraction(140, 1000), Fraction(340, 1000)]
    assert np.abs([frame.pixels.mean() - level for frame, level in zip(frames, levels, strict=True)]).max() < 4
    assert abs(read_picture(path).mean() - 40) < 4
    assert "its first frame is used" in caplog.text


@pytest.mark.parametrize("delays", [(100,) * 5, (100, 200, 300, 100, 100)])
def test_a_part_of_an_animated_webp(save: Callable[[bytes], Path], delays: tuple[int, ...]) -> None:
    pictures = [numbered_frame(index) for index in range(5)]
    path = save(webp(*(webp_frame(*each) for each in zip(pictures, delays, strict=True))))
    with VideoReader(path) as reader:
        times = [frame.time for frame in reader]
        frames = list(reader.read_part(reader.find_part(times[2], times[4] - times[2])))
    assert [(frame.index, frame.time) for frame in frames] == [(0, 0), (1, times[3] - times[2])]
    assert all(np.array_equal(frame.pixels, pictures[2 + frame.index]) for frame in frames)
