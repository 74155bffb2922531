"""Every format that can carry an orientation is turned upright by it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from clips import ClipMaker, smooth
from fomm_rt.media.read.picture import read_picture
from fomm_rt.media.read.video_reader import VideoReader
from picture_files import UPRIGHT, avif, exif, mirror, rotation, tiff, with_png_chunk


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(("bits", "channels"), [(8, 1), (8, 3), (8, 4), (12, 3), (16, 3), (16, 4), (8, 2), (16, 2)])
def test_tiff(tmp_path: Path, bits: int, channels: int, orientation: int) -> None:
    stored = np.full((48, 64, channels), 2**bits - 1)
    colours = channels - (channels in (2, 4))
    stored[..., :colours] = smooth()[..., :colours].astype(int) * (2**bits - 1) // 255
    path = tmp_path / "turned.tiff"
    path.write_bytes(tiff(stored, bits, orientation=orientation, extra=2 if channels in (2, 4) else None))
    pixels, expected = read_picture(path), UPRIGHT[orientation](smooth())
    assert pixels.shape == expected.shape
    assert np.abs(pixels[..., 0].astype(int) - expected[..., 0]).max() <= 1


@pytest.mark.parametrize("quarter_turns", range(4))
@pytest.mark.parametrize("axis", [None, 0, 1])
@pytest.mark.parametrize("mirror_first", [False, True])
def test_avif(tmp_path: Path, quarter_turns: int, axis: int | None, mirror_first: bool) -> None:
    def mirrored(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return picture if axis is None else np.fliplr(picture) if axis else np.flipud(picture)

    properties = [rotation(quarter_turns)]
    if axis is not None:
        properties.insert(0 if mirror_first else 1, mirror(axis))
    if mirror_first:
        expected = np.rot90(mirrored(smooth(64, 96)), quarter_turns)
    else:
        expected = mirrored(np.rot90(smooth(64, 96), quarter_turns))
    path = tmp_path / "turned.avif"
    path.write_bytes(avif(smooth(64, 96), *properties))
    for pixels in (read_picture(path), next(iter(VideoReader(path))).pixels):
        assert pixels.shape == expected.shape
        assert np.abs(pixels.astype(int) - expected).mean() < 2


@pytest.mark.parametrize("orientation", range(1, 9))
def test_animated_png(make_clip: ClipMaker, orientation: int) -> None:
    clip = make_clip(
        "moving.png", codec="apng", pix_fmt="rgb24", frames=2, container_format="apng", pixels=lambda _: smooth()
    )
    clip.write_bytes(with_png_chunk(clip.read_bytes(), b"eXIf", exif(orientation)))
    expected = UPRIGHT[orientation](smooth())
    with VideoReader(clip) as reader:
        assert (reader.height, reader.width) == expected.shape[:2]
        assert all(np.array_equal(frame.pixels, expected) for frame in reader)
