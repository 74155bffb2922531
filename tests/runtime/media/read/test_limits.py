"""Pictures and frames that are too large are refused by their headers, before anything is decoded."""

from __future__ import annotations

import struct
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from clips import numbered_frame, smooth, write_clip
from fomm_rt.errors import MediaError
from fomm_rt.media.read import still_picture
from fomm_rt.media.read.limits import Limits, PictureSize
from fomm_rt.media.read.picture import read_picture
from fomm_rt.media.read.picture_format import find_picture, find_size
from fomm_rt.media.read.video_reader import VideoReader
from memory_of import run_without_collector
from picture_files import SUN_MAGIC, avif, box, png_chunk, tiff

HEIGHT, WIDTH = 30, 44


def by_opencv(ending: str, *options: int, channels: int = 3) -> bytes:
    pixels = smooth(HEIGHT, WIDTH)
    if channels == 4:
        pixels = np.dstack([pixels, pixels[..., 0]])
    done, content = cv2.imencode(ending, pixels, list(options))
    assert done
    return content.tobytes()


def sun_raster() -> bytes:
    return SUN_MAGIC + struct.pack(">7I", WIDTH, HEIGHT, 24, 3 * WIDTH * HEIGHT, 1, 0, 0) + bytes(3 * WIDTH * HEIGHT)


def jpeg_2000() -> bytes:
    encoder = av.CodecContext.create("jpeg2000", "w")
    assert isinstance(encoder, VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt, encoder.time_base = WIDTH, HEIGHT, "rgb24", Fraction(1, 25)
    frame = av.VideoFrame.from_ndarray(smooth(HEIGHT, WIDTH), format="rgb24")
    return b"".join(bytes(packet) for packet in (*encoder.encode(frame), *encoder.encode(None)))


WHOLE: dict[str, Callable[[], bytes]] = {
    "PNG": lambda: by_opencv(".png"),
    "PNG, transparent": lambda: by_opencv(".png", channels=4),
    "JPEG": lambda: by_opencv(".jpg"),
    "JPEG, progressive": lambda: by_opencv(".jpg", cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
    "WebP": lambda: by_opencv(".webp", cv2.IMWRITE_WEBP_QUALITY, 50),
    "WebP, lossless": lambda: by_opencv(".webp", cv2.IMWRITE_WEBP_QUALITY, 101),
    "WebP, transparent": lambda: by_opencv(".webp", cv2.IMWRITE_WEBP_QUALITY, 50, channels=4),
    "TIFF": lambda: by_opencv(".tiff"),
    "TIFF, 16 bits": lambda: tiff(smooth(HEIGHT, WIDTH).astype(np.uint16), 16),
    "BMP": lambda: by_opencv(".bmp"),
    "AVIF": lambda: avif(smooth(HEIGHT, WIDTH)),
    "JPEG 2000": jpeg_2000,
    "PPM": lambda: by_opencv(".ppm"),
    "PFM": lambda: b"PF\n44 30\n-1\n" + bytes(12 * WIDTH * HEIGHT),
    "Radiance": lambda: by_opencv(".hdr"),
    "Sun raster": sun_raster,
}


@pytest.mark.parametrize("make", WHOLE.values(), ids=WHOLE)
def test_sizes_come_from_headers(make: Callable[[], bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "picture"
    path.write_bytes(make())
    with path.open("rb") as file:
        kind, _ = find_picture(file)
    assert kind is not None
    size = find_size(path.read_bytes(), kind)
    assert size is not None
    assert (size.width, size.height) == (WIDTH, HEIGHT)
    assert read_picture(path).shape == (HEIGHT, WIDTH, 3)
    refuse_to_decode(monkeypatch)
    with pytest.raises(MediaError, match="raise the limit with --max-pixels"):
        read_picture(path, max_pixels=WIDTH * HEIGHT // 3)


def refuse_to_decode(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **_named: object) -> None:
        raise AssertionError("a decoder was called")

    monkeypatch.setattr(still_picture, "_decode", refuse)


def huge_png() -> bytes:
    header = struct.pack(">IIBBBBB", 40_000, 40_000, 8, 6, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", b"x") + png_chunk(b"IEND", b"")


def huge_jpeg() -> bytes:
    content = bytearray(by_opencv(".jpg"))
    frame = content.index(b"\xff\xc0")
    content[frame + 5 : frame + 9] = struct.pack(">HH", 60_000, 60_000)
    return bytes(content)


def huge_webp() -> bytes:
    chunks = b"VP8X" + struct.pack("<I", 10) + bytes(4) + b"\xfe\x3f\x00" * 2 + by_opencv(".webp", 64, 101)[12:]
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WEBP" + chunks


def huge_tiff() -> bytes:
    return tiff(smooth(HEIGHT, WIDTH), 8).replace(
        struct.pack("<HHIHH", 257, 4, 1, HEIGHT, 0), struct.pack("<HHII", 257, 4, 1, 10_000_000)
    )


def tiff_with_huge_tiles() -> bytes:
    content = tiff(smooth(HEIGHT, WIDTH), 8)
    for tag, name in ((284, 322), (339, 323)):
        place = content.index(struct.pack("<HH", tag, 3))
        content = content[:place] + struct.pack("<HHII", name, 4, 1, 30_000) + content[place + 12 :]
    return content


def huge_avif() -> bytes:
    size = box(b"ispe", bytes(4), struct.pack(">II", WIDTH, HEIGHT))
    return avif(smooth(HEIGHT, WIDTH)).replace(size, box(b"ispe", bytes(4), struct.pack(">II", 30_000, 30_000)))


HUGE: dict[str, Callable[[], bytes]] = {
    "PNG": huge_png,
    "JPEG": huge_jpeg,
    "WebP": huge_webp,
    "TIFF": huge_tiff,
    "TIFF tiles": tiff_with_huge_tiles,
    "AVIF": huge_avif,
    "BMP": lambda: by_opencv(".bmp")[:18] + struct.pack("<ii", 30_000, -30_000) + by_opencv(".bmp")[26:],
    "PGM": lambda: b"P5 99999 99999 255\nx",
    "PBM": lambda: b"P1 99999 99999\n0",
    "GIF": lambda: b"GIF89a" + struct.pack("<HH", 65_535, 65_535) + by_gif()[10:],
    "JPEG 2000": lambda: jpeg_2000().replace(
        struct.pack(">4I", WIDTH, HEIGHT, 0, 0), struct.pack(">4I", 60_000, 60_000, 0, 0)
    ),
    "PFM": lambda: b"PF\n60000 60000\n-1\nx",
    "Radiance": lambda: by_opencv(".hdr").replace(b"-Y 30 +X 44", b"-Y 60000 +X 60000"),
    "Sun raster": lambda: sun_raster().replace(struct.pack(">II", WIDTH, HEIGHT), struct.pack(">II", 60_000, 60_000)),
}


def by_gif() -> bytes:
    done, content = cv2.imencode(".gif", smooth(HEIGHT, WIDTH)) if cv2.haveImageWriter("x.gif") else (False, None)
    if not done or content is None:
        pytest.skip("this OpenCV writes no GIF")
    return content.tobytes()


@pytest.mark.parametrize("use", [read_picture, VideoReader], ids=["source", "driver"])
@pytest.mark.parametrize("make", HUGE.values(), ids=HUGE)
def test_a_header_that_claims_gigabytes_is_refused(
    make: Callable[[], bytes], use: Callable[[Path], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "bomb"
    path.write_bytes(make())
    refuse_to_decode(monkeypatch)
    with pytest.raises(MediaError, match=r"megapixels.* raise the limit with --max-pixels"):
        use(path)


def test_photographs_of_a_hundred_megapixels_pass() -> None:
    limits, path = Limits(), Path("picture")
    for channels, file_bytes in ((3, 300_000_000), (4, 90_000_000)):
        size = PictureSize(10_000, 10_000, 2 * channels)
        limits.check_picture(path, "PNG", file_bytes, size)


@pytest.mark.parametrize("size", [(7680, 4320), (8192, 4320), (4320, 8192), (8192, 4096)])
def test_film_in_8k_passes(size: tuple[int, int]) -> None:
    Limits().check_frame(Path("film"), *size)


def test_limits_are_raised_and_lowered_together() -> None:
    assert Limits.of(None) == Limits()
    assert Limits.of(7) == Limits(7, 7)
    with pytest.raises(MediaError, match="expected a number of pixels from 1; got 0"):
        Limits.of(0)


CLIPS: dict[str, dict[str, Any]] = {
    "clip.mp4": {},
    "clip.mkv": {},
    "clip.gif": {"codec": "gif", "pix_fmt": "rgb8"},
    "clip.apng": {"codec": "apng", "pix_fmt": "rgba", "container_format": "apng"},
    "clip.webp": {"codec": "libwebp_anim", "pix_fmt": "bgra", "container_format": "webp"},
}


@pytest.mark.parametrize("name", CLIPS)
def test_frames_that_are_too_large_are_refused(name: str, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / name, frames=3, **CLIPS[name])
    with pytest.raises(MediaError, match=r"64×48 pixels, 0.0 megapixels; at most .* raise the limit with --max-pixels"):
        VideoReader(clip, max_pixels=64 * 48 - 1)
    with pytest.raises(MediaError, match="raise the limit with --max-pixels"):
        read_picture(clip, max_pixels=64 * 48 - 1)
    with VideoReader(clip, max_pixels=64 * 64) as reader:
        assert sum(1 for _ in reader) == 3


def test_a_huge_frame_in_mid_stream_is_skipped(tmp_path: Path) -> None:
    clip = tmp_path / "clip.nut"
    with av.open(str(clip), "w") as output:
        stream = output.add_stream("mjpeg", rate=25)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj420p"
        for index in range(4):
            width = 640 if index == 2 else 64
            done, jpeg = cv2.imencode(".jpg", numbered_frame(index, width, 48))
            assert done
            packet = av.Packet(jpeg.tobytes())
            packet.pts = packet.dts = index
            packet.time_base, packet.stream = Fraction(1, 25), stream
            output.mux(packet)
    with VideoReader(clip) as reader:
        assert [frame.pixels.shape[1] for frame in reader] == [64, 64, 640, 64]
    with VideoReader(clip, max_pixels=64 * 64) as reader:
        assert [frame.pixels.shape[1] for frame in reader] == [64, 64, 64]
        assert reader.skipped_packets == 1


def test_pixels_that_are_not_square_do_not_multiply_a_frame(tmp_path: Path) -> None:
    clip = tmp_path / "wide.mkv"
    with av.open(str(clip), "w") as output:
        stream = output.add_stream("libx264", rate=25)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(4)
        for index in range(2):
            output.mux(stream.encode(av.VideoFrame.from_ndarray(numbered_frame(index), format="rgb24")))
        output.mux(stream.encode(None))
    with VideoReader(clip) as reader:
        assert [frame.pixels.shape for frame in reader] == [(48, 256, 3)] * 2
    with VideoReader(clip, max_pixels=64 * 64) as reader:
        assert [frame.pixels.shape for frame in reader] == [(12, 64, 3)] * 2


READ = """
from fomm_rt.media.read.picture import read_picture

before = resident()
pixels = read_picture(sys.argv[1])
report([(peak() - before) / (pixels.size // 3), int(pixels[0, 0, 0])])
"""


@pytest.mark.parametrize("deep", [False, True], ids=["8 bits", "16 bits"])
def test_transparency_costs_little(tmp_path: Path, deep: bool) -> None:
    pixels = np.zeros((3000, 4000, 4), np.uint16 if deep else np.uint8)
    pixels[..., 3] = np.iinfo(pixels.dtype).max
    cost = {}
    for name in ("opaque", "transparent"):
        path = tmp_path / f"{name}.png"
        if name == "transparent":
            pixels[:500, :500, 3] //= 2
        written = pixels if name == "transparent" else np.ascontiguousarray(pixels[..., :3])
        assert cv2.imwrite(str(path), written)
        cost[name], corner = run_without_collector(READ, path)
        assert corner == (128 if name == "transparent" else 0)
    assert cost["transparent"] <= 1.5 * cost["opaque"]
    assert cost["transparent"] <= (18 if deep else 9)
