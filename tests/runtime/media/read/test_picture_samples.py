"""Samples of every depth are scaled by their own largest value, and transparency is blended once."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from clips import smooth
from fomm_rt.errors import MediaError
from fomm_rt.media.read.picture import read_picture
from picture_files import avif, tiff


@pytest.fixture
def read(tmp_path: Path) -> Any:
    """Returns a function from a file's content to its pixels."""

    def read_content(content: bytes) -> NDArray[np.uint8]:
        path = tmp_path / "picture"
        path.write_bytes(content)
        return read_picture(path)

    return read_content


def ramp(largest: int, channels: int) -> NDArray[np.int64]:
    """(1, 8, channels) of values from 0 to the largest."""
    values = np.linspace(0, largest, 8 * channels).round().astype(np.int64)
    return values.reshape(1, 8, channels)


def in_8_bits(samples: NDArray[np.int64], largest: int) -> NDArray[np.int64]:
    """(1, 8, 3): samples scaled to 255 and rounded; grey becomes RGB."""
    scaled = (samples * 510 + largest) // (2 * largest)
    return scaled if samples.shape[2] == 3 else scaled.repeat(3, axis=2)


def netpbm(form: int, samples: NDArray[np.int64], largest: int) -> bytes:
    height, width, channels = samples.shape
    as_bytes = samples.astype(np.uint8 if largest < 256 else ">u2").tobytes()
    if form == 7:
        kind = {1: "GRAYSCALE", 2: "GRAYSCALE_ALPHA", 3: "RGB", 4: "RGB_ALPHA"}[channels]
        sizes = f"WIDTH {width}\nHEIGHT {height}\nDEPTH {channels}\nMAXVAL {largest}\nTUPLTYPE {kind}"
        return f"P7\n# by hand\n{sizes}\nENDHDR\n".encode() + as_bytes
    text = " ".join(map(str, samples.reshape(-1))) + "\n# the end\n"
    return f"P{form} # by hand\n{width}\n{height} {largest}\n".encode() + (text.encode() if form < 4 else as_bytes)


LARGEST = [1, 2, 15, 100, 254, 255, 256, 511, 1023, 4095, 5000, 65534, 65535]


@pytest.mark.parametrize("largest", LARGEST)
@pytest.mark.parametrize("form", [2, 3, 5, 6, 7])
def test_netpbm_of_any_largest_value(read: Any, form: int, largest: int) -> None:
    samples = ramp(largest, 1 if form in (2, 5) else 3)
    # 16-bit values are rounded to 16 bits before they are rounded to 8.
    assert np.abs(read(netpbm(form, samples, largest)) - in_8_bits(samples, largest)).max() <= (largest > 255)


@pytest.mark.parametrize("largest", LARGEST)
@pytest.mark.parametrize("channels", [2, 4])
def test_transparent_pam(read: Any, channels: int, largest: int) -> None:
    clear = np.zeros((1, 2, channels), np.int64)
    clear[0, 1, -1] = largest
    assert read(netpbm(7, clear, largest))[0].tolist() == [[255, 255, 255], [0, 0, 0]]


def test_bitmaps(read: Any) -> None:
    expected = [[255, 0, 0], [0, 255, 0]]
    assert read(b"P1\n# c\n3 2\n0 1 1\n# between rows\n101")[..., 0].tolist() == expected
    assert read(b"P4\n3 2\n\x60\xa0")[..., 0].tolist() == expected


@pytest.mark.parametrize(
    "content",
    [
        b"P5 4 4 255\n" + bytes(15), b"P6 4 4 65536\n" + bytes(200), b"P5 4 4 0\n" + bytes(16), b"P2 2 2 9\n1 2 x 4",
        b"P2 2 2 9\n1 2 3", b"P2 1 2 9\n1 123456", b"P1 2 2 0102", b"P4 9 2\n\0\0\0",
        b"P7\nWIDTH 2\nENDHDR\n1234",
        b"P7\nWIDTH 1\nHEIGHT 1\nDEPTH 5\nMAXVAL 9\nENDHDR\n12345",
    ],
)  # fmt: skip
def test_damaged_netpbm_is_refused(read: Any, content: bytes) -> None:
    with pytest.raises(MediaError, match="Netpbm picture that is damaged or stored in an unusual form"):
        read(content)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16, 32])
def test_tiff_of_any_depth(read: Any, bits: int, channels: int, order: str) -> None:
    samples = ramp(2**bits - 1, channels)
    difference = read(tiff(samples, bits, order=order)) - in_8_bits(samples, 2**bits - 1)
    assert np.abs(difference).max() <= (bits > 8)


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 10, 12, 14, 16, 32])
@pytest.mark.parametrize("inverted", [False, True])
def test_grey_tiff_with_white_as_0(read: Any, bits: int, inverted: bool) -> None:
    largest = 2**bits - 1
    samples = np.array([[[0], [largest // 2], [largest]]], np.int64)
    expected = in_8_bits(samples, largest)
    difference = read(tiff(samples, bits, inverted=inverted)) - (255 - expected if inverted else expected)
    assert np.abs(difference).max() <= (bits > 8)


def test_tiff_of_floats(read: Any) -> None:
    samples = np.array([[[0.0], [0.25], [1.0], [7.5], [np.nan]]])
    assert read(tiff(samples, 32, floats=True))[0, :, 0].tolist() == [0, 64, 255, 255, 0]


@pytest.mark.parametrize("planar", [False, True])
@pytest.mark.parametrize("extra", [None, 0, 1, 2])
@pytest.mark.parametrize("bits", [8, 16])
def test_transparent_tiff_is_blended_once(read: Any, bits: int, extra: int | None, planar: bool) -> None:
    largest = 2**bits - 1
    # Full red of a quarter's opacity: half of it and the white behind it.
    red, opacity = largest, largest // 4
    stored = [red // 4, 0, 0, opacity] if extra == 1 else [red, 0, 0, opacity]
    found = read(tiff(np.array([[stored]]), bits, extra=extra, planar=planar))[0, 0].astype(int)
    assert np.abs(found - (255, 191, 191)).max() <= 1


@pytest.mark.parametrize("extra", [1, 2])
@pytest.mark.parametrize("bits", [8, 16])
def test_transparent_grey_tiff(read: Any, bits: int, extra: int) -> None:
    largest = 2**bits - 1
    found = read(
        tiff(
            np.array([[[0, largest // 4], [largest // 4 if extra == 1 else largest, largest // 4]]]), bits, extra=extra
        )
    )
    assert np.abs(found[0, :, 0].astype(int) - (191, 255)).max() <= 1


@pytest.mark.parametrize("form", ["gray", "gray10le", "gray12le", "gray16le", "rgb24", "rgb48le", "rgba", "rgba64le"])
def test_jpeg_2000_of_any_depth(read: Any, form: str) -> None:
    encoder = av.CodecContext.create("jpeg2000", "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt, encoder.time_base = 64, 48, form, Fraction(1, 25)
    frame = av.VideoFrame.from_ndarray(smooth(), format="rgb24").reformat(format=form, dst_color_range=2)
    frame.pts = 0
    found = read(b"".join(bytes(packet) for packet in encoder.encode(frame) + encoder.encode(None)))
    grey = cv2.cvtColor(smooth(), cv2.COLOR_RGB2GRAY)[..., None]
    assert np.abs(found.astype(int) - (grey if form.startswith("gray") else smooth())).max() <= 2


@pytest.mark.parametrize("form", ["yuv420p", "yuv420p10le"])
def test_avif_of_8_and_10_bits(read: Any, form: str) -> None:
    found = read(avif(smooth(64, 96), form=form))
    assert np.abs(found.astype(int) - smooth(64, 96)).mean() < 1


@pytest.mark.skipif(not cv2.haveImageWriter("a.avif"), reason="this OpenCV writes no AVIF")
@pytest.mark.parametrize("depth", [8, 10, 12])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_avif_of_every_depth(read: Any, depth: int, channels: int) -> None:
    largest = 2**depth - 1
    pixels = np.full((32, 32, channels), largest // 2, np.uint8 if depth == 8 else np.uint16)
    if channels == 4:
        pixels[..., 3] = largest // 4
    done, content = cv2.imencode(".avif", pixels, [cv2.IMWRITE_AVIF_DEPTH, depth, cv2.IMWRITE_AVIF_QUALITY, 100])
    assert done
    assert np.abs(read(content.tobytes()).astype(int) - (223 if channels == 4 else 127)).max() <= 1


@pytest.mark.parametrize("brands", [[b"avif"], [b"mif1", b"avif"], [b"miaf", b"mif1", b"avif"], [b"MA1B", b"avif"]])
def test_avif_is_known_by_any_of_its_brands(read: Any, brands: list[bytes]) -> None:
    assert read(avif(smooth(64, 64), brands=brands)).shape == (64, 64, 3)


@pytest.mark.parametrize("brands", [[b"heic"], [b"mif1", b"heic"], [b"msf1", b"hevc"], [b"mif1"]])
def test_heic_is_refused_by_name(read: Any, brands: list[bytes]) -> None:
    body = b"".join([brands[0], bytes(4), *brands])
    with pytest.raises(MediaError, match="HEIC picture, which cannot be read; export it as JPEG or PNG"):
        read(struct.pack(">I", len(body) + 8) + b"ftyp" + body + bytes(100))


@pytest.mark.parametrize("cut", [20, 60, 100, 150, 200, 250])
def test_cut_avif_is_refused(read: Any, cut: int) -> None:
    with pytest.raises(MediaError):
        read(avif(smooth(64, 64))[:cut])
