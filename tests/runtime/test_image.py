"""Arrays that are no (H, W, 3) uint8 picture: the error names code that converts them, and the code works."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch

from fomm_rt.errors import ImageError
from fomm_rt.image import check_image

PICTURE = np.random.default_rng(0).integers(0, 256, (6, 8, 3), np.uint8)
GREY = np.repeat(PICTURE[..., :1], 3, axis=2)
RGBA = np.dstack([PICTURE, PICTURE[..., 0]])
CHW = np.ascontiguousarray(PICTURE.transpose(2, 0, 1))
UNIT = (PICTURE / 255).astype(np.float32)


def advice(image: object) -> str:
    with pytest.raises(ImageError, match=r"expected an \(H, W, 3\) uint8 RGB array; got ") as caught:
        check_image(image)  # type: ignore[arg-type]
    return "".join(str(caught.value).split("; ")[2:])


@pytest.mark.parametrize(
    ("image", "kinds", "expected"),
    [
        (PICTURE[..., 0], "grey", GREY),
        (PICTURE[..., :1], "grey", GREY),
        (RGBA, "RGBA", PICTURE),
        (CHW, "channels first", PICTURE),
        (CHW[:1], "channels first, grey", GREY),
        (PICTURE[None], "a batch of one", PICTURE),
        (UNIT, "floats from 0 to 1", PICTURE),
        (UNIT.astype(np.float64), "floats from 0 to 1", PICTURE),
        (UNIT.transpose(2, 0, 1)[None], "a batch of one, channels first, floats from 0 to 1", PICTURE),
        (PICTURE.astype(np.int64), "integers from 0 to 255", PICTURE),
        (PICTURE.astype(np.uint16) * 257, "16-bit values", PICTURE),
        (RGBA.astype(np.uint16)[..., 0] * 257, "grey, 16-bit values", GREY),
        (PIL.Image.fromarray(PICTURE), "it", PICTURE),
        (PIL.Image.fromarray(PICTURE[..., 0]), "it", GREY),
        (PIL.Image.fromarray(RGBA), "it", PICTURE),
        (torch.from_numpy(PICTURE), "it", PICTURE),
        (torch.from_numpy(UNIT).permute(2, 0, 1).requires_grad_(), "channels first, floats from 0 to 1", PICTURE),
        (PICTURE.tolist(), "integers from 0 to 255", PICTURE),
        ((255 * UNIT).round().clip(0, 255).astype(np.uint8).tolist(), "integers from 0 to 255", PICTURE),
    ],
)
def test_the_error_says_how_to_convert(image: Any, kinds: str, expected: np.ndarray) -> None:
    prefix, code = advice(image).split(" with ")
    assert prefix == f"convert {kinds}"
    converted = eval(code, {"image": image, "numpy": np})
    check_image(converted)
    assert np.array_equal(converted, expected)


@pytest.mark.parametrize("path", ["portrait.jpg", Path("portrait.jpg")])
def test_paths_are_read_first(path: object) -> None:
    assert advice(path) == "read the file with fomm_rt.read_picture(path)"


@pytest.mark.parametrize(
    "image",
    [
        None,
        3,
        np.zeros((2, 6, 8, 3), np.uint8),
        np.zeros((6, 8, 5), np.uint8),
        np.zeros((0, 8, 3), np.uint8),
        np.zeros((6, 8, 3), bool),
        np.zeros((6, 8, 3), complex),
        [[1, 2], [3]],
    ],
)
def test_no_advice_where_the_meaning_is_unknown(image: object) -> None:
    assert advice(image) == ""
