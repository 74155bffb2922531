"""Pictures, videos and sound: as the source of an animation, and as its driver."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from clips import smooth, write_clip
from fomm_rt.bundled import bundled_avatars
from fuzz.format import ONE_THREAD, Format, command
from fuzz.mutations import damage, in_png_chunk, nothing
from picture_files import avif, exif, png_chunk, tiff, with_png_chunk

INPUT = re.compile(r"input\..*")

# Name, codec, settings of `write_clip`.
_VIDEOS: dict[str, tuple[str, dict[str, Any]]] = {
    "h264.mp4": ("libx264", {"audio": "aac"}),
    "h264-varying.mp4": ("libx264", {"times": [0, 1, 4, 5, 9], "options": {"bf": "2"}}),
    "turned.mov": ("libx264", {"rotation": 90, "audio": "pcm_s16le", "audio_layout": "mono"}),
    "prores.mov": ("prores_ks", {"pix_fmt": "yuv422p10le"}),
    "qtrle.mov": ("qtrle", {"pix_fmt": "argb"}),
    "hevc.mp4": ("libx265", {"options": {"x265-params": "log-level=none"}}),
    "av1.mp4": ("libsvtav1", {"options": {"preset": "12"}}),
    "vp9.webm": ("libvpx-vp9", {"audio": "libopus"}),
    "vp8.webm": ("libvpx", {"audio": "libopus"}),
    "h264.mkv": ("libx264", {"audio": "flac"}),
    "ffv1.mkv": ("ffv1", {}),
    "mpeg4.avi": ("mpeg4", {"audio": "libmp3lame"}),
    "mjpeg.avi": ("mjpeg", {"pix_fmt": "yuvj420p"}),
    "huffyuv.avi": ("huffyuv", {"pix_fmt": "yuv422p"}),
    "cinepak.avi": ("cinepak", {"pix_fmt": "rgb24"}),
    "h264.ts": ("libx264", {"audio": "aac"}),
    "mpeg2.mpg": ("mpeg2video", {"audio": "mp2"}),
    "flv1.flv": ("flv", {"audio": "aac", "audio_rate": 44100}),
    "wmv2.wmv": ("wmv2", {"audio": "libmp3lame"}),
    "mpeg4.3gp": ("mpeg4", {"audio": "aac"}),
    "mpeg2.mxf": ("mpeg2video", {}),
    "raw.y4m": ("rawvideo", {"container_format": "yuv4mpegpipe"}),
    "raw.h264": ("libx264", {}),
    "raw.m2v": ("mpeg2video", {"container_format": "mpeg2video"}),
    "snow.nut": ("snow", {}),
}
_SOUNDS = {
    "aac.mp4": "aac", "mp3.mkv": "libmp3lame", "opus.webm": "libopus", "flac.mkv": "flac",
    "alac.mov": "alac", "pcm.mov": "pcm_s16le", "ac3.ts": "ac3", "mp2.mpg": "mp2", "adpcm.avi": "adpcm_ima_wav",
}  # fmt: skip
_VIDEO_CODECS_OF_SOUNDS = {".webm": "libvpx", ".mpg": "mpeg2video", ".avi": "mpeg4"}

_DRIVER_OPTIONS: tuple[tuple[object, ...], ...] = (
    (), (), (), ("--fit",), ("--best-frame", "auto"), ("--start", "0.1"), ("--duration", "0.1"), ("--absolute",),
    ("--panel",), ("--no-audio",), ("--output-size", "64x33"), ("--start", "0.08", "--duration", "0.2"),
)  # fmt: skip
_RESULTS = ("r.mp4", "r.mp4", "r.mp4", "r.mkv", "r.webm", "r.gif", "r-%03d.png")


def formats() -> Iterator[Format]:
    """All formats of pictures, videos and sound."""
    for name, write in _pictures().items():
        mutations = (damage, in_png_chunk, in_png_chunk) if name in {"png", "apng"} else (damage,)
        yield Format(f"picture/{name}", partial(_write_picture, write), run_picture, INPUT, mutations)
    yield Format("picture/huge", partial(_write_picture, _huge), run_picture, INPUT, (nothing, damage))
    for name, (codec, settings) in _VIDEOS.items():
        yield Format(f"video/{name}", partial(_write_video, name, codec, settings), run_driver, INPUT)
    for name, codec in _SOUNDS.items():
        yield Format(f"sound/{name}", partial(_write_sound, name, codec), partial(run_driver, audio=True), INPUT)


def run_picture(random: Random) -> int:
    """Animates a picture, looks for faces in it, or drives an avatar by it."""
    (file,) = Path().glob("input.*")
    choice = random.randrange(10)
    if choice == 0:
        return command("faces", file, "-o", "out/faces.png")
    if choice <= 3:
        return run_driver(random)
    crop = ("--crop", "center") if choice <= 7 else ("--paste-back",) if choice == 8 else ()
    return command("animate", file, bundled_avatars()[0], "-o", f"out/{random.choice(_RESULTS)}", *crop, *ONE_THREAD)


def run_driver(random: Random, audio: bool = False) -> int:
    """Drives an avatar by a video, or animates its first frame."""
    (file,) = Path().glob("input.*")
    if not audio and random.random() < 0.15:
        return command("animate", file, bundled_avatars()[0], "-o", "out/r.mp4", "--crop", "center", *ONE_THREAD)
    crop = () if random.random() < 0.1 else ("--crop", "center")
    options = random.choice(_DRIVER_OPTIONS)
    if "--fit" in options:
        crop = ()
    saved = ("--save-motion", "out/motion.npz") if random.random() < 0.1 else ()
    result = random.choice(_RESULTS[:5] if audio else _RESULTS)
    return command("animate", bundled_avatars()[0], file, "-o", f"out/{result}", *crop, *options, *saved, *ONE_THREAD)


def _write_picture(write: Callable[[], Iterator[tuple[str, bytes]]], folder: Path) -> None:
    for number, (suffix, content) in enumerate(write()):
        place = folder / str(number)
        place.mkdir()
        (place / f"input{suffix}").write_bytes(content)


def _write_video(name: str, codec: str, settings: dict[str, Any], folder: Path) -> None:
    size = (176, 144) if Path(name).suffix == ".3gp" else (352, 288) if name.endswith(".mxf") else (64, 48)
    for number, frames in enumerate((3, 5)):
        place = folder / str(number)
        place.mkdir()
        times = settings.get("times")
        changed = {**settings, "times": times[:frames]} if times else settings
        write_clip(place / f"input{Path(name).suffix}", frames=frames, codec=codec, size=size, beep_at=0.1, **changed)


def _write_sound(name: str, codec: str, folder: Path) -> None:
    suffix = Path(name).suffix
    for number, layout in enumerate(("stereo", "mono")):
        place = folder / str(number)
        place.mkdir()
        write_clip(
            place / f"input{suffix}",
            frames=4,
            size=(32, 32),
            codec=_VIDEO_CODECS_OF_SOUNDS.get(suffix, "libx264"),
            audio=codec,
            audio_layout=layout,
            audio_seconds=1.0,
            beep_at=0.1,
        )


def _pictures() -> dict[str, Callable[[], Iterator[tuple[str, bytes]]]]:
    return {
        "png": _pngs,
        "apng": partial(_animation, ".png", "apng", "rgba"),
        "gif": partial(_animation, ".gif", "gif", "rgb8"),
        "jpeg": _jpegs,
        "webp": _webps,
        "animated-webp": partial(_animation, ".webp", "libwebp_anim", "yuv420p"),
        "avif": _avifs,
        "tiff": _tiffs,
        "jpeg-2000": partial(_by_opencv, ".jp2", np.uint16),
        "bmp": partial(_by_opencv, ".bmp", np.uint8),
        "netpbm": _netpbms,
        "hdr": partial(_by_opencv, ".hdr", np.float32),
        "sun-raster": partial(_by_opencv, ".ras", np.uint8),
    }


def _gradient(channels: int = 3, dtype: Any = np.uint8) -> NDArray[Any]:
    colours = smooth(40, 48)
    if channels == 4:
        colours = np.dstack([colours, np.flipud(colours[..., 0])])
    picture = colours[..., 0] if channels == 1 else colours
    if dtype == np.float32:
        return picture.astype(np.float32) / 255
    return picture.astype(dtype) * (257 if dtype == np.uint16 else 1)


def _encoded(suffix: str, picture: NDArray[Any], *options: int) -> bytes:
    done, content = cv2.imencode(suffix, picture, options)
    assert done, suffix
    return content.tobytes()


def _by_opencv(suffix: str, largest: Any) -> Iterator[tuple[str, bytes]]:
    for dtype in {np.uint8, largest} if largest != np.float32 else {largest}:
        yield suffix, _encoded(suffix, _gradient(3, dtype))
    if largest != np.float32:
        yield suffix, _encoded(suffix, _gradient(1))


def _pngs() -> Iterator[tuple[str, bytes]]:
    for channels in (1, 3, 4):
        for dtype in (np.uint8, np.uint16):
            yield ".png", _encoded(".png", _gradient(channels, dtype))
    plain = _encoded(".png", _gradient())
    yield ".png", with_png_chunk(plain, b"eXIf", exif(6))
    yield ".png", _encoded(".png", _gradient(1), cv2.IMWRITE_PNG_BILEVEL, 1)


def _jpegs() -> Iterator[tuple[str, bytes]]:
    plain = _encoded(".jpg", _gradient())
    yield ".jpg", plain
    yield ".jpg", _encoded(".jpg", _gradient(), cv2.IMWRITE_JPEG_PROGRESSIVE, 1)
    yield ".jpg", _encoded(".jpg", _gradient(1), cv2.IMWRITE_JPEG_RST_INTERVAL, 2)
    body = b"Exif\0\0" + exif(6, ">")
    yield ".jpg", plain[:2] + b"\xff\xe1" + (len(body) + 2).to_bytes(2, "big") + body + plain[2:]


def _webps() -> Iterator[tuple[str, bytes]]:
    for quality in (50, 101):  # above 100, OpenCV writes without loss
        for channels in (3, 4):
            yield ".webp", _encoded(".webp", _gradient(channels), cv2.IMWRITE_WEBP_QUALITY, quality)


def _avifs() -> Iterator[tuple[str, bytes]]:
    picture = _gradient()
    yield ".avif", avif(picture)
    yield ".avif", avif(picture, brands=(b"mif1", b"avif"))


def _tiffs() -> Iterator[tuple[str, bytes]]:
    for channels, dtype, bits in ((3, np.uint8, 8), (1, np.uint16, 16), (4, np.uint8, 8)):
        picture = _gradient(channels, dtype)
        stored = picture if picture.ndim == 3 else picture[..., None]
        yield ".tif", tiff(stored, bits, order="<>"[bits == 16], orientation=6, extra=2 if channels == 4 else None)
    yield ".tif", _encoded(".tif", _gradient(), cv2.IMWRITE_TIFF_COMPRESSION, 5)


def _netpbms() -> Iterator[tuple[str, bytes]]:
    yield ".ppm", _encoded(".ppm", _gradient())
    yield ".pgm", _encoded(".pgm", _gradient(1))
    yield ".pgm", _encoded(".pgm", _gradient(1, np.uint16))
    yield ".ppm", b"P3\n2 2\n255\n" + b"1 2 3 " * 4 + b"\n"
    yield ".pbm", b"P4\n8 8\n" + bytes(range(8))
    yield ".pam", b"P7\nWIDTH 4\nHEIGHT 4\nDEPTH 4\nMAXVAL 255\nTUPLTYPE RGB_ALPHA\nENDHDR\n" + bytes(range(64))


def _animation(suffix: str, codec: str, pix_fmt: str) -> Iterator[tuple[str, bytes]]:
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        for frames in (2, 5):
            path = Path(name) / f"{frames}{suffix}"
            form = "apng" if codec == "apng" else None
            write_clip(path, frames=frames, codec=codec, pix_fmt=pix_fmt, container_format=form)
            yield suffix, path.read_bytes()


def _huge() -> Iterator[tuple[str, bytes]]:
    """Small files that claim gigabytes of pixels."""
    side = 30_000
    header = struct.pack(">IIBBBBB", side, side, 16, 6, 0, 0, 0)
    rows = zlib.compress(bytes(1 << 24), 9)
    body = png_chunk(b"IHDR", header) + png_chunk(b"IDAT", rows) + png_chunk(b"IEND", b"")
    yield ".png", b"\x89PNG\r\n\x1a\n" + body
    jpeg = _encoded(".jpg", _gradient())
    frame = jpeg.index(b"\xff\xc0")
    yield ".jpg", jpeg[: frame + 5] + struct.pack(">HH", side, side) + jpeg[frame + 9 :]
    for name, canvas in ((".gif", struct.pack("<HH", 65_535, 65_535)), (".gif", struct.pack("<HH", 8000, 8000))):
        content = next(_animation(name, "gif", "rgb8"))[1]
        place = content.index(b"\x2c", 13)
        content = content[:6] + canvas + content[10:]
        yield name, content
        yield name, content[: place + 5] + canvas + content[place + 9 :]
    yield ".ppm", b"P6\n%d %d\n255\n" % (side, side) + bytes(1000)
    yield ".bmp", _encoded(".bmp", _gradient())[:18] + struct.pack("<ii", side, side) + bytes(1000)
    yield ".hdr", b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y %d +X %d\n" % (side, side) + bytes(1000)
    yield (
        ".tif",
        tiff(np.zeros((1, 1, 3), np.uint8), 8)
        .replace(struct.pack("<HHII", 256, 4, 1, 1), struct.pack("<HHII", 256, 4, 1, side))
        .replace(struct.pack("<HHII", 257, 4, 1, 1), struct.pack("<HHII", 257, 4, 1, side)),
    )
