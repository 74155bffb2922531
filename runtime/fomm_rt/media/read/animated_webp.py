"""Decodes animated WebP, which FFmpeg does not, frame by frame in constant memory."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np
from numpy.typing import NDArray

from fomm_rt.errors import MediaError
from fomm_rt.media.read.browser_delays import shown_s
from fomm_rt.media.read.formats import webp
from fomm_rt.media.read.limits import Limits
from fomm_rt.media.read.picture_format import PictureKind, find_storage
from fomm_rt.media.read.pixels import lay_over_white, row_bands, turned
from fomm_rt.media.timing import Timing

_TICK = Fraction(1, 1000)


class AnimatedWebp:
    """The frames of an animated WebP, laid over white and turned upright.

    Attributes:
        timing: When they are shown, as browsers do.
        width, height: Size in pixels after turning.
        is_cut_short: True if the file ends within a frame.

    Raises:
        MediaError: The file is damaged before the end of its first frame, or exceeds the limits.
    """

    def __init__(self, path: Path, file: BinaryIO, limits: Limits) -> None:
        animation = webp.read_animation(file)
        if animation is None:
            raise MediaError(f"{path} is an animated WebP without a complete frame; copy or export it again.")
        limits.check_frame(path, animation.width, animation.height)
        self._path = path
        self._animation = animation
        self._turn = find_storage(file, PictureKind.WEBP).turn
        self.is_cut_short = animation.is_cut_short
        self.timing = _timing_of([shown_s(frame.duration) for frame in animation.frames])
        swaps = self._turn.transpose
        self.width, self.height = (animation.height, animation.width) if swaps else (animation.width, animation.height)
        if _decode(file, animation.frames[0]) is None:
            raise MediaError(f"{path} is an animated WebP whose first frame is damaged; copy or export it again.")

    def times(self) -> Iterator[Fraction]:
        """Yields the time in seconds of every frame."""
        time = Fraction(0)
        for frame in self._animation.frames:
            yield time
            time += shown_s(frame.duration)

    def frames(self, file: BinaryIO) -> Iterator[tuple[Fraction, NDArray[np.uint8] | None]]:
        """Yields the time in seconds and the picture of every frame, None for one that is damaged.

        A picture is (H, W, 3) uint8 RGB and belongs to the caller. `file` is the open file.
        """
        canvas = np.zeros((self._animation.height, self._animation.width, 4), np.uint8)
        time = Fraction(0)
        for frame in self._animation.frames:
            part = canvas[frame.y : frame.y + frame.height, frame.x : frame.x + frame.width]
            pixels = _decode(file, frame)
            if pixels is None:
                yield time, None
            else:
                if frame.blends:
                    _blend(pixels, part)
                else:
                    part[...] = pixels
                del pixels
                opaque = lay_over_white(canvas[..., :3], canvas[..., 3])
                yield time, np.ascontiguousarray(turned(opaque, self._turn))
                del opaque
            if frame.clears:
                part[...] = 0
            time += shown_s(frame.duration)


def _timing_of(durations: list[Fraction]) -> Timing:
    if len(set(durations)) == 1:
        return Timing.constant(1 / durations[0], len(durations), time_base=_TICK)
    return Timing(None, _TICK, len(durations), sum(durations, Fraction(0)), durations[-1])


def _decode(file: BinaryIO, frame: webp.Frame) -> NDArray[np.uint8] | None:
    """Decodes a frame to (height, width, 4) RGBA; None if it is damaged."""
    content = webp.still_of(file, frame)
    try:
        decoded = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        return None
    if decoded is None or decoded.shape[:2] != (frame.height, frame.width):
        return None
    code = cv2.COLOR_BGRA2RGBA if decoded.shape[2] == 4 else cv2.COLOR_BGR2RGBA
    return np.asarray(cv2.cvtColor(decoded, code), np.uint8)


def _blend(above: NDArray[np.uint8], below: NDArray[np.uint8]) -> None:
    """Lays RGBA over RGBA in place; neither is premultiplied."""
    for rows in row_bands(*above.shape[:2]):
        below[rows] = _over(above[rows], below[rows])


def _over(above: NDArray[np.uint8], below: NDArray[np.uint8]) -> NDArray[np.uint8]:
    if int(above[..., 3].min()) == 255:
        return above
    opacity, under = above[..., 3:].astype(np.uint32), below[..., 3:].astype(np.uint32)
    # 255 times the opacity of both, and of each one's share in it.
    whole = 255 * opacity + under * (255 - opacity)
    shares = 255 * opacity * above[..., :3] + under * (255 - opacity) * below[..., :3]
    divisor = np.maximum(whole, 1)
    colour = (shares + divisor // 2) // divisor
    return np.concatenate([colour, (whole + 127) // 255], axis=2).astype(np.uint8)
