"""Pictures that show how a frame was made."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from fomm_rt.backends.protocol import Explanation
from fomm_rt.clip.tiles import write_at_the_left
from fomm_rt.image import Image
from fomm_rt.motion.keypoints import Keypoints

CAPTION_HEIGHT = 24
GRID_LINES = 16
EMPTY = 32
"""Grey level where there is nothing to show, such as the driving picture of a motion file."""


def panel(source: Image, driving: Image | None, prediction: Image) -> Image:
    """Shows three (S, S, 3) uint8 pictures side by side, (S, 3·S, 3); without a driving frame its place is grey."""
    return np.hstack([source, _or_empty(driving, prediction), prediction])


def explanation_view(source: Image, driving: Image | None, explanation: Explanation, align_corners: bool) -> Image:
    """Shows captioned pictures in two rows: keypoints of both sides, prediction, deformation, masks, occlusion map.

    A model with blend mask has a fourth column: that mask, and the part of the source that it shows.

    Args:
        source: (S, S, 3) uint8.
        driving: (S, S, 3) uint8; None for a motion file.
        explanation: Of the frame.
        align_corners: Convention of the model's warps.

    Returns:
        (2·(S + 24), 3·S or 4·S, 3) uint8.
    """
    e = explanation
    above = [
        ("source, keypoints", draw_keypoints(source, e.kp_source)),
        ("driving, keypoints", draw_keypoints(_or_empty(driving, source), e.kp_driving)),
        ("result, keypoints transferred", draw_keypoints(e.prediction, e.kp_animated)),
    ]
    below = [
        ("source along the deformation", draw_deformation(source, e.deformation, align_corners)),
        ("share of each keypoint", draw_parts(e.mask, source.shape[0])),
        ("occlusion map: white is kept", draw_map(e.occlusion_map, source.shape[0])),
    ]
    if e.blend_mask is not None:
        above.append(("blend mask: white is the source", draw_map(e.blend_mask, source.shape[0])))
        below.append(("taken from the source", draw_taken(source, e.deformation, e.blend_mask)))
    return np.vstack([np.hstack([_captioned(*tile) for tile in row]) for row in (above, below)])


def draw_keypoints(image: Image, keypoints: Keypoints) -> Image:
    """Returns a copy of (S, S, 3) uint8 with a coloured dot for each keypoint and two strokes for its jacobian."""
    picture = image.copy()
    size = image.shape[0]
    radius, length = max(2, size // 64), size / 16
    for k, colour in enumerate(keypoint_colours(len(keypoints.value))):
        centre = (keypoints.value[k] + 1) / 2 * (size - 1)
        if keypoints.jacobian is not None:
            for axis in keypoints.jacobian[k].T:
                cv2.line(picture, _pixel(centre), _pixel(centre + axis * length), colour, 1, cv2.LINE_AA)
        cv2.circle(picture, _pixel(centre), radius + 1, (0, 0, 0), -1, cv2.LINE_AA)
        cv2.circle(picture, _pixel(centre), radius, colour, -1, cv2.LINE_AA)
    return picture


def draw_deformation(source: Image, deformation: NDArray[np.float32], align_corners: bool) -> Image:
    """Samples the source, with a regular grid drawn on it, along (h, w, 2) -> (S, S, 3) uint8."""
    size = source.shape[0]
    gridded = source.copy()
    for position in np.linspace(0, size - 1, GRID_LINES + 1).round().astype(int):
        gridded[position, :] = gridded[position, :] // 2 + 127
        gridded[:, position] = gridded[:, position] // 2 + 127
    field = cv2.resize(deformation, (size, size), interpolation=cv2.INTER_LINEAR)
    pixels = (field + 1) / 2 * (size - 1) if align_corners else ((field + 1) * size - 1) / 2
    return _sampled(gridded, pixels)


def draw_taken(source: Image, deformation: NDArray[np.float32], blend_mask: NDArray[np.float32]) -> Image:
    """The source's part of a prediction: warped along (h, w, 2), times the mask (S, S) -> (S, S, 3) uint8."""
    size = source.shape[0]
    centres = (np.arange(size, dtype=np.float32) * ((len(deformation) - 1) / max(size - 1, 1))).astype(np.float32)
    across, along = np.meshgrid(centres, centres)
    field = np.asarray(cv2.remap(deformation, across, along, cv2.INTER_LINEAR), np.float32)  # corner to corner
    warped = _sampled(source, (field.clip(-1, 1) + 1) / 2 * (size - 1))
    return np.asarray(np.nan_to_num(warped * blend_mask[:, :, None]).clip(0, 255).round(), np.uint8)


def draw_parts(mask: NDArray[np.float32], size: int) -> Image:
    """Colours (K+1, h, w) masks by keypoint, with a black background -> (size, size, 3) uint8."""
    colours = np.array([(0, 0, 0), *keypoint_colours(len(mask) - 1)], np.float32)
    blended = np.einsum("khw,kc->hwc", mask, colours)
    return np.asarray(cv2.resize(blended, (size, size)).clip(0, 255).round(), np.uint8)


def draw_map(values: NDArray[np.float32] | None, size: int) -> Image:
    """Draws (h, w) in [0, 1] as (size, size, 3) uint8 grey; flat grey without a map."""
    if values is None:
        return np.full((size, size, 3), EMPTY, np.uint8)
    grey = np.nan_to_num(cv2.resize(values, (size, size)) * 255).clip(0, 255).round().astype(np.uint8)
    return np.repeat(grey[:, :, None], 3, axis=2)


def keypoint_colours(count: int) -> list[tuple[int, int, int]]:
    """Returns evenly spaced hues as RGB."""
    hsv = np.array([[(int(180 * i / count), 220, 255) for i in range(count)]], np.uint8)
    return [tuple(int(c) for c in rgb) for rgb in cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)[0]]  # type: ignore[misc]


def _sampled(picture: Image, pixels: NDArray[np.float32]) -> Image:
    """Samples (S, S, 3) uint8 at (S, S, 2) of (x, y) in pixels, black outside."""
    # OpenCV clips coordinates to 16 bits and does not accept NaN.
    pixels = np.nan_to_num(pixels, nan=-1).clip(-1, len(picture)).astype(np.float32)
    sampled = cv2.remap(picture, pixels, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)  # type: ignore[call-overload]
    return np.asarray(sampled, np.uint8)


def _pixel(point: NDArray[np.float32]) -> tuple[int, int]:
    x, y = np.nan_to_num(point).clip(-10_000, 10_000).round()
    return int(x), int(y)


def _or_empty(picture: Image | None, like: Image) -> Image:
    return np.full_like(like, EMPTY) if picture is None else picture


def _captioned(text: str, picture: Image) -> Image:
    bar = np.full((CAPTION_HEIGHT, picture.shape[1], 3), EMPTY, np.uint8)
    write_at_the_left(bar, text)
    return np.vstack([bar, picture])
