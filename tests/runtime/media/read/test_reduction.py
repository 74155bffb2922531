"""Very large JPEGs are reduced while they are decoded, if a square of them is all that is used."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from clips import smooth
from fomm_rt.errors import MediaError
from fomm_rt.media.read.picture import read_picture, read_reduced
from picture_files import exif


def jpeg(path: Path, height: int, width: int, *options: int) -> Path:
    done, content = cv2.imencode(".jpg", smooth(height, width)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95, *options])
    assert done
    path.write_bytes(content.tobytes())
    return path


@pytest.mark.parametrize(("width", "divided"), [(100, 1), (16383, 1), (16384, 2), (32767, 2), (32768, 4), (65000, 4)])
@pytest.mark.parametrize("progressive", [0, 1])
def test_only_far_larger_pictures_are_reduced(tmp_path: Path, width: int, divided: int, progressive: int) -> None:
    path = jpeg(tmp_path / "wide.jpg", 48, width, cv2.IMWRITE_JPEG_PROGRESSIVE, progressive)
    pixels, found = read_reduced(path)
    assert found == divided
    assert pixels.shape == (48 // divided, -(-width // divided), 3)
    whole = read_picture(path)
    assert whole.shape == (48, width, 3)
    shrunk = cv2.resize(whole, pixels.shape[1::-1], interpolation=cv2.INTER_AREA)
    assert np.abs(shrunk.astype(int) - pixels).mean() < 2


def test_a_reduced_picture_is_turned_upright(tmp_path: Path) -> None:
    path = jpeg(tmp_path / "tall.jpg", 48, 16384)
    body = b"Exif\0\0" + exif(6)
    content = path.read_bytes()
    path.write_bytes(content[:2] + b"\xff\xe1" + (len(body) + 2).to_bytes(2, "big") + body + content[2:])
    pixels, divided = read_reduced(path)
    assert (pixels.shape, divided) == ((8192, 24, 3), 2)
    assert (
        np.abs(cv2.resize(read_picture(path), (24, 8192), interpolation=cv2.INTER_AREA).astype(int) - pixels).mean() < 2
    )


def test_a_picture_beyond_the_limit_is_reduced_to_fit(tmp_path: Path) -> None:
    path = jpeg(tmp_path / "wide.jpg", 64, 9000)
    limit = 64 * 9000 // 3  # nine bytes a pixel
    with pytest.raises(MediaError, match="at most"):
        read_picture(path, max_pixels=limit)
    pixels, divided = read_reduced(path, max_pixels=limit)
    assert (pixels.shape, divided) == ((32, 4500, 3), 2)
    with pytest.raises(MediaError, match="at most"):
        read_reduced(path, max_pixels=limit // 10)
