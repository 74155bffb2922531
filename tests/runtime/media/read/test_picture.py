import io
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from clips import smooth
from fomm_rt.errors import MediaError
from fomm_rt.media.read.picture import read_picture
from fomm_rt.media.read.picture_format import PictureKind, find_picture, is_animated
from picture_files import UPRIGHT, exif, png_chunk, with_png_chunk


def still_kind(path: Path) -> PictureKind | None:
    """Returns the format of a file that holds one still picture, None for any other file."""
    with path.open("rb") as file:
        kind, animated = find_picture(file)
    return None if animated else kind


def encoded(pixels: NDArray[np.integer[Any]], suffix: str) -> bytes:
    """Encodes RGB, RGBA or grey with OpenCV."""
    if pixels.ndim == 3:
        pixels = pixels[..., [2, 1, 0, 3][: pixels.shape[2]]]
    done, content = cv2.imencode(suffix, pixels)
    assert done
    return content.tobytes()


def with_exif(content: bytes, suffix: str, body: bytes) -> bytes:
    if suffix == ".jpg":
        segment = b"Exif\x00\x00" + body
        return content[:2] + b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment + content[2:]
    if suffix == ".png":
        return with_png_chunk(content, b"eXIf", body)
    body += bytes(len(body) % 2)
    size = struct.pack("<I", 63)[:3] + struct.pack("<I", 47)[:3]
    extended = b"VP8X" + struct.pack("<I", 10) + b"\x08\x00\x00\x00" + size
    chunks = extended + content[12:] + b"EXIF" + struct.pack("<I", len(body)) + body
    return b"RIFF" + struct.pack("<I", len(chunks) + 4) + b"WEBP" + chunks


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("order", ["<", ">"])
def test_exif_orientation_is_honoured(tmp_path: Path, suffix: str, orientation: int, order: str) -> None:
    path = tmp_path / f"turned{suffix}"
    path.write_bytes(with_exif(encoded(smooth(), suffix), suffix, exif(orientation, order)))
    pixels = read_picture(path)
    expected = UPRIGHT[orientation](smooth())
    assert pixels.shape == expected.shape
    assert pixels.flags.c_contiguous
    assert np.abs(pixels.astype(int) - expected).mean() < 3


@pytest.mark.parametrize("body", [b"", b"II*\x00", b"II*\x00\xff\xff\xff\xff", exif(9, "<"), exif(0, ">"), b"garbage"])
def test_malformed_exif_counts_as_upright(tmp_path: Path, body: bytes) -> None:
    path = tmp_path / "odd.jpg"
    path.write_bytes(with_exif(encoded(smooth(), ".jpg"), ".jpg", body))
    assert read_picture(path).shape == (48, 64, 3)


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tiff"])
def test_lossless_formats_come_back_exactly(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"exact{suffix}"
    path.write_bytes(encoded(smooth(), suffix))
    assert np.array_equal(read_picture(path), smooth())
    assert still_kind(path) is not None


def test_grey_becomes_rgb(tmp_path: Path) -> None:
    grey = smooth()[..., 0]
    for suffix in (".png", ".jpg", ".tiff"):
        path = tmp_path / f"grey{suffix}"
        path.write_bytes(encoded(grey, suffix))
        pixels = read_picture(path)
        assert pixels.shape == (48, 64, 3)
        assert np.abs(pixels.astype(int) - grey[..., None]).max() <= 4


def test_sixteen_bits_are_rounded(tmp_path: Path) -> None:
    values = np.arange(0, 65536, 16, dtype=np.uint32)[:3072].astype(np.uint16).reshape(48, 64)
    values[0, :3] = (65535, 128, 129)
    path = tmp_path / "deep.png"
    path.write_bytes(encoded(values, ".png"))
    expected = np.rint(values.astype(np.float64) * 255 / 65535).astype(np.uint8)
    assert np.array_equal(read_picture(path)[..., 0], expected)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_composites_transparency_over_white(tmp_path: Path, dtype: type[np.integer[Any]]) -> None:
    top = np.iinfo(dtype).max
    pixels = np.zeros((3, 2, 4), dtype)
    pixels[0] = (top, 0, 0, 0)
    pixels[1] = (0, top, 0, top)
    pixels[2] = (0, 0, 0, top // 2)
    path = tmp_path / "clear.png"
    path.write_bytes(encoded(pixels, ".png"))
    read = read_picture(path)[:, 0]
    assert read.tolist() == [[255, 255, 255], [0, 255, 0], [128, 128, 128]]


def test_reads_a_palette_with_transparency(tmp_path: Path) -> None:
    rows = b"".join(b"\x00" + bytes([0, 1]) for _ in range(2))
    path = tmp_path / "palette.png"
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + png_chunk(b"IHDR", struct.pack(">IIBBBBB", 2, 2, 8, 3, 0, 0, 0))
        + png_chunk(b"PLTE", bytes([255, 0, 0, 0, 0, 255]))
        + png_chunk(b"tRNS", b"\x00")
        + png_chunk(b"IDAT", zlib.compress(rows))
        + png_chunk(b"IEND", b"")
    )
    assert read_picture(path)[0].tolist() == [[255, 255, 255], [0, 0, 255]]


def damaged(name: str) -> bytes:
    jpeg, png, webp = (encoded(smooth(480, 640), suffix) for suffix in (".jpg", ".png", ".webp"))
    flipped = bytearray(png)
    flipped[len(png) // 2] ^= 0xFF
    thumbnail = encoded(smooth(8, 8), ".jpg")
    return {
        "half.jpg": jpeg[: len(jpeg) // 2],
        "no-end.jpg": jpeg[:-2],
        "thumbnail.jpg": with_exif(jpeg, ".jpg", exif(1, "<") + thumbnail)[:-2],
        "half.png": png[: len(png) // 2],
        "no-end.png": png[:-12],
        "flipped.png": bytes(flipped),
        "half.webp": webp[: len(webp) // 2],
        "short.webp": webp[:-3],
        "head.png": png[:20],
        "head.jpg": jpeg[:3],
        "head.webp": webp[:12],
        "head.gif": b"GIF89a",
        "half.tiff": encoded(smooth(480, 640), ".tiff")[:2000],
        "head.bmp": encoded(smooth(), ".bmp")[:40],
    }[name]


@pytest.mark.parametrize(
    "name",
    [
        "half.jpg", "no-end.jpg", "thumbnail.jpg", "half.png", "no-end.png", "flipped.png", "half.webp",
        "short.webp", "head.png", "head.jpg", "head.webp", "head.gif", "half.tiff", "head.bmp",
    ],
)  # fmt: skip
def test_damaged_pictures_are_refused(tmp_path: Path, name: str, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / name
    path.write_bytes(damaged(name))
    with pytest.raises(MediaError) as caught:
        read_picture(path)
    assert str(caught.value).startswith(str(path))
    # Of the other formats OpenCV finds the damage itself, and says so.
    if path.suffix in (".jpg", ".png", ".webp"):
        assert capfd.readouterr().err == ""


def test_damage_inside_a_jpeg_is_shown_as_decoded(tmp_path: Path) -> None:
    content = bytearray(encoded(np.random.default_rng(0).integers(0, 255, (96, 96, 3), np.uint8), ".jpg"))
    content[len(content) // 2 : len(content) // 2 + 200] = b"\x11" * 200
    path = tmp_path / "scratched.jpg"
    path.write_bytes(content)
    assert read_picture(path).shape == (96, 96, 3)


def test_output_of_other_threads_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(encoded(smooth(), ".png"))
    before = os.fstat(2)
    during = []

    def decode(*_: object) -> NDArray[np.uint8]:
        during.append(os.fstat(2))
        return np.zeros((4, 4, 3), np.uint8)

    monkeypatch.setattr(cv2, "imdecode", decode)
    read_picture(path)
    assert [(status.st_dev, status.st_ino) for status in during] == [(before.st_dev, before.st_ino)]


def test_bytes_after_the_end_do_not_matter(tmp_path: Path) -> None:
    for suffix in (".jpg", ".png", ".webp"):
        path = tmp_path / f"longer{suffix}"
        path.write_bytes(encoded(smooth(), suffix) + b"appended by a camera" * 10)
        assert read_picture(path).shape == (48, 64, 3)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"hello\n" * 50, "a text file"),
        (b"\n<!DOCTYPE html><html></html>", "a web page"),
        (b"%PDF-1.7\n", "a PDF document"),
        (b"PK\x03\x04" + bytes(100), "a ZIP archive"),
        (b"#EXTM3U\n", "a playlist"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer"),
        (bytes(range(256)) * 8, "neither a picture nor a readable video"),
        (b"BM is how this text begins", "a text file"),
    ],
)
def test_names_the_content_of_other_files(
    tmp_path: Path, content: bytes, said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "portrait.png"
    path.write_bytes(content)
    assert still_kind(path) is None
    with pytest.raises(MediaError, match=said) as caught:
        read_picture(path)
    assert str(caught.value).startswith(str(path))
    assert capfd.readouterr().err == ""


def test_refuses_missing_and_empty_files_folders_and_pipes(tmp_path: Path) -> None:
    (tmp_path / "empty.png").touch()
    (tmp_path / "folder.png").mkdir()
    os.mkfifo(tmp_path / "pipe.png")
    for name, said in (
        ("none.png", "does not exist"),
        ("empty.png", "is empty"),
        ("folder.png", "is a folder"),
        ("pipe.png", "not a regular file"),
        ("a" * 300, "cannot be read"),
        ("nul\0.png", "not a file name"),
    ):
        with pytest.raises(MediaError, match=said):
            read_picture(tmp_path / name)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_refuses_a_picture_without_permission(tmp_path: Path) -> None:
    path = tmp_path / "locked.png"
    path.write_bytes(encoded(smooth(), ".png"))
    path.chmod(0)
    with pytest.raises(MediaError, match="may not be read"):
        read_picture(path)


def test_a_video_gives_its_first_frame_with_a_warning(
    make_clip: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    for name, codec, form in (("clip.mp4", "libx264", "yuv420p"), ("clip.gif", "gif", "rgb8")):
        caplog.clear()
        clip = make_clip(name, codec=codec, pix_fmt=form, frames=3)
        assert still_kind(clip) is None
        assert read_picture(clip).shape == (48, 64, 3)
        assert [record.message for record in caplog.records] == [
            f"{clip} is a video; its first frame is used as the picture"
        ]


def test_a_gif_of_one_frame_is_a_picture(make_clip: Callable[..., Path], caplog: pytest.LogCaptureFixture) -> None:
    clip = make_clip("still.gif", codec="gif", pix_fmt="rgb8", frames=1)
    assert still_kind(clip) is not None
    assert read_picture(clip).shape == (48, 64, 3)
    assert not caplog.records


def test_an_animated_png_is_a_video(make_clip: Callable[..., Path], caplog: pytest.LogCaptureFixture) -> None:
    clip = make_clip("moving.png", codec="apng", pix_fmt="rgb24", frames=3, container_format="apng")
    assert still_kind(clip) is None
    assert read_picture(clip).shape == (48, 64, 3)
    assert "its first frame is used" in caplog.text


def test_the_name_does_not_matter(tmp_path: Path) -> None:
    path = tmp_path / "actually-a-png.mp4"
    path.write_bytes(encoded(smooth(), ".png"))
    assert still_kind(path) is not None
    assert np.array_equal(read_picture(str(path)), smooth())


@pytest.mark.skipif(not hasattr(cv2, "imwriteanimation"), reason="this OpenCV writes no animations")
def test_reads_the_first_frame_of_an_animated_webp(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "moving.webp"
    animation = cv2.Animation()
    animation.frames = [np.full((48, 64, 3), level, np.uint8) for level in (40, 90, 200)]
    animation.durations = [40, 40, 40]
    assert cv2.imwriteanimation(str(path), animation)
    assert still_kind(path) is None
    assert abs(int(read_picture(path).mean()) - 40) < 5
    assert "its first frame is used" in caplog.text


class CountingFile(io.FileIO):
    """Counts the bytes that are read."""

    read_bytes = 0

    def read(self, size: int | None = -1, /) -> bytes:
        content = super().read(size) or b""
        self.read_bytes += len(content)
        return content


def test_a_long_animation_is_recognized_by_its_first_frames(make_clip: Callable[..., Path]) -> None:
    clips = [
        make_clip("moving.gif", codec="gif", pix_fmt="rgb8", frames=3),
        make_clip("moving.png", codec="apng", pix_fmt="rgb24", frames=3, container_format="apng"),
    ]
    webp = clips[0].with_name("moving.webp")
    webp.write_bytes(b"RIFF\xff\xff\xff\x7fWEBPVP8X\x0a\0\0\0\x02" + bytes(9))
    for clip in (*clips, webp):
        with clip.open("r+b") as file:
            # The rest would not fit into memory; on disk it takes no room.
            file.truncate(1 << 40)
        with CountingFile(clip) as counted:
            _, animated = find_picture(counted)
        assert animated
        assert 0 < counted.read_bytes < 10_000


@pytest.mark.parametrize("name", ["moving.gif", "moving.png"])
def test_recognizes_an_animation_cut_anywhere(make_clip: Callable[..., Path], name: str) -> None:
    codec, form = ("gif", "rgb8") if name.endswith("gif") else ("apng", "rgb24")
    content = make_clip(name, codec=codec, pix_fmt=form, frames=2, size=(8, 8), container_format=codec).read_bytes()
    kind = PictureKind.GIF if codec == "gif" else PictureKind.PNG
    told = [is_animated(io.BytesIO(content[:size]), kind) for size in range(len(content) + 1)]
    assert told == sorted(told)
    assert told[-1]


def test_refuses_a_picture_too_large_for_memory(tmp_path: Path) -> None:
    path = tmp_path / "vast.jpg"
    path.write_bytes(encoded(smooth(), ".jpg"))
    with path.open("r+b") as file:
        file.truncate(1 << 40)
    with pytest.raises(MediaError, match="a JPEG picture of at most 900 MB was expected"):
        read_picture(path)
