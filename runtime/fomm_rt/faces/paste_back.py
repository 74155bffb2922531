"""Puts an animated face back into the picture it was cut from.

    weight = feather · moved
    picture' = picture + weight · (prediction + colour − picture)

This applies only within a square around the face. `feather` falls to 0 towards the square's edges, except where they
are the edges of the picture. `moved` is 0 where the prediction equals that of the resting face, so parts that do not
move keep the picture's own pixels and sharpness. `colour` is the coarse difference between the picture and the
prediction of the resting face, whose colours are slightly off.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fomm_rt.errors import ImageError
from fomm_rt.framing import Region
from fomm_rt.image import Frame, Image, check_image, pixels_of

FEATHER = 0.12
"""Width of the soft edge, as a share of the side."""
COLOUR_BLUR = 24 / 256
"""Standard deviation of the blur that separates colour from detail, as a share of the side."""
MOVED_BLUR = 3 / 256
"""The same for the blur that smooths `moved`."""
STILL_LEVELS, MOVED_LEVELS = 4.0, 16.0
"""Differences from the resting face, in levels: up to the first, a pixel is still; from the second on, it has moved."""

Floats = NDArray[np.float32]


def paste_back(picture: Image | Frame, square: Region, prediction: Image) -> Image:
    """Lays a prediction over the square of the picture that it was made from, with soft edges.

    `PasteBack` also matches colours, and keeps the picture's own pixels where nothing moves.

    Args:
        picture: (H, W, 3) uint8 RGB.
        square: A square within the picture, as `face_square` gives.
        prediction: (size, size, 3) uint8 RGB of any size.

    Returns:
        (H, W, 3) uint8 RGB, a new array.

    Raises:
        ImageError: Not such arrays, or the square reaches beyond the picture.
    """
    pixels = _checked(picture, square)
    check_image(prediction)
    if prediction.shape[0] != prediction.shape[1]:
        raise ImageError(f"expected a square prediction; got {prediction.shape[1]}×{prediction.shape[0]} pixels")
    result = pixels.copy()
    _blend(result, square, _enlarged(prediction, square.side), feather(square, *pixels.shape[:2]))
    return result


class PasteBack:
    """Lays the predictions of a clip over one picture.

    Args:
        picture: (H, W, 3) uint8 RGB.
        square: The square of the picture that was animated.
        source_image: (size, size, 3) uint8: that square as the networks see it.
        rest: (size, size, 3) uint8: the source animated by the reference frame, so that nothing moves.

    Raises:
        ImageError: Not such arrays, or the square reaches beyond the picture.
    """

    def __init__(self, picture: Image | Frame, square: Region, source_image: Image, rest: Image) -> None:
        pixels = _checked(picture, square)
        for image in (source_image, rest):
            check_image(image)
        if source_image.shape != rest.shape:
            raise ImageError(f"expected source_image and rest of one size; got {source_image.shape} and {rest.shape}")
        self.square = square
        self._feather = feather(square, *pixels.shape[:2])
        self._rest = rest.copy()
        offset = source_image.astype(np.float32) - rest
        self._colour = _blurred(offset, COLOUR_BLUR).round().astype(np.int16)

    def __call__(self, canvas: Image, prediction: Image) -> None:
        """Lays a prediction over a canvas, in place.

        Args:
            canvas: (H, W, 3) uint8 RGB: a copy of the picture, perhaps with other faces pasted already.
            prediction: (size, size, 3) uint8 RGB.
        """
        import cv2

        if prediction.shape != self._rest.shape:
            raise ImageError(f"expected a prediction of shape {self._rest.shape}; got {prediction.shape}")
        side = self.square.side
        weight = cv2.resize(self._moved(prediction), (side, side), interpolation=cv2.INTER_LINEAR) * self._feather
        coloured = cv2.add(prediction, self._colour, dtype=cv2.CV_8U)
        _blend(canvas, self.square, _enlarged(np.asarray(coloured, np.uint8), side), weight)

    def _moved(self, prediction: Image) -> Floats:
        """(size, size) shares in [0, 1]: 0 where the prediction shows the face at rest, 1 where it has moved."""
        import cv2

        red, green, blue = cv2.split(cv2.absdiff(prediction, self._rest))
        largest = np.asarray(cv2.max(cv2.max(red, green), blue), np.float32)
        return ((_blurred(largest, MOVED_BLUR) - STILL_LEVELS) / (MOVED_LEVELS - STILL_LEVELS)).clip(0, 1)


def feather(square: Region, height: int, width: int) -> Floats:
    """(side, side) weights in [0, 1] that fall smoothly to the edges of a square in a picture of this size.

    They stay 1 towards edges that are also the picture's.
    """
    ramp = ((np.arange(square.side) + 0.5) / (FEATHER * square.side)).clip(0, 1)
    rise = (ramp * ramp * (3 - 2 * ramp)).astype(np.float32)

    def along(start: int, extent: int) -> Floats:
        weights = np.ones(square.side, np.float32)
        if start > 0:
            weights *= rise
        if start + square.side < extent:
            weights *= rise[::-1]
        return weights

    return np.asarray(np.outer(along(square.y, height), along(square.x, width)), np.float32)


def _checked(picture: Image | Frame, square: Region) -> Image:
    pixels: Image = pixels_of(picture)
    check_image(pixels)
    height, width = pixels.shape[:2]
    side = square.side
    fits = square.width == square.height == side and min(square.x, square.y) >= 0
    if not fits or square.x + side > width or square.y + side > height:
        place = f"{square.x},{square.y},{square.width},{square.height}"
        raise ImageError(f"expected a square within the picture of {width}×{height} pixels; got {place}")
    return pixels


def _blend(canvas: Image, square: Region, face: Image, weight: Floats) -> None:
    """Lays a face over the square of a canvas, in place, where its weight is not 0."""
    import cv2

    rows, columns = (np.flatnonzero(weight.max(axis=axis)) for axis in (1, 0))
    if len(rows) == 0:
        return
    within = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    part = canvas[square.y : square.y + square.side, square.x : square.x + square.side][within]
    part[:] = cv2.blendLinear(face[within], np.ascontiguousarray(part), weight[within], 1 - weight[within])


def _enlarged(image: Image, side: int) -> Image:
    import cv2

    size = image.shape[0]
    interpolation = cv2.INTER_CUBIC if side > size else cv2.INTER_AREA
    return np.asarray(cv2.resize(image, (side, side), interpolation=interpolation), np.uint8)


def _blurred(values: Floats, share: float) -> Floats:
    import cv2

    return np.asarray(cv2.GaussianBlur(values, (0, 0), share * values.shape[0]), np.float32)
