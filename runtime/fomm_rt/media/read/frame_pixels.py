"""Converts a decoded video frame to the RGB pixels that a player would show."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from av.sidedata.sidedata import SideData
from av.video.frame import VideoFrame as CodedFrame
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter
from numpy.typing import NDArray

from fomm_rt.media.read.colour import Bt709Filter, ColourSpace, space_of
from fomm_rt.media.read.frame_bands import FrameBand, split
from fomm_rt.media.read.limits import FRAME_PIXELS
from fomm_rt.media.read.pixels import UPRIGHT, Turn, lay_over_white, turn_of_degrees, turn_of_matrix, turned
from fomm_rt.media.read.side_data import side_data_of

# swscale's flags by value, because PyAV 17 names the algorithms only. Without accurate rounding and full chroma
# interpolation swscale takes short cuts that darken every picture by one or two of 255 levels.
_BILINEAR = 0x0002
_BICUBIC = 0x0004
EXACT = 0x2000 | 0x4000 | 0x40000

# If a file does not say, standard definition is BT.601 and high definition BT.709.
LARGEST_SD_HEIGHT = 576

_UNSPECIFIED_MATRICES = (2, 3)
_LARGEST_PIXEL_ASPECT = 8

LARGEST_IN_ONE = 4096 * 2304


def guess_colorspace(height: int) -> Colorspace:
    """Returns the colour matrix that players assume for untagged video of a height in pixels."""
    return Colorspace.ITU601 if height <= LARGEST_SD_HEIGHT else Colorspace.ITU709


class FramePixels:
    """Converts the frames of one stream; keeps the scaler between frames.

    `pixel_aspect` is the width of a pixel divided by its height; None or an implausible value counts as square. `turn`
    turns frames upright, by default as their display matrices say. `max_pixels` are those of the largest frame. With
    `is_exact` False, conversion takes short cuts: pictures are a level or two darker, in a fraction of the time, which
    suits live frames.
    """

    def __init__(
        self,
        pixel_aspect: Fraction | None,
        turn: Turn | None = None,
        *,
        is_exact: bool = True,
        max_pixels: int = FRAME_PIXELS,
    ) -> None:
        self._max_pixels = max_pixels
        self._turn = turn
        self._flags = EXACT if is_exact else 0
        aspect = pixel_aspect or Fraction(1)
        self._pixel_aspect = aspect if 1 <= max(aspect, 1 / aspect) <= _LARGEST_PIXEL_ASPECT else Fraction(1)
        self._reformatter = VideoReformatter()
        self._filter: Bt709Filter | None = None
        self._bands: list[FrameBand] = []
        self._kind: tuple[int | str, ...] = ()

    def convert(self, frame: CodedFrame) -> NDArray[np.uint8]:
        """Converts a frame of any format and size to (H, W, 3) uint8 RGB, contiguous, not shared with the frame.

        It uses the frame's own colour matrix and range, maps HDR and wide colours to BT.709, composites transparency
        over white, resamples pixels that are not square along the width (along the height if the frame would exceed
        the limit), and applies the display matrix.
        """
        space = space_of(frame)
        turn = self._turn or _turn_of(frame)
        return np.require(turned(self._stored(frame, space), turn), requirements=["C", "W"])

    def _stored(self, frame: CodedFrame, space: ColourSpace) -> NDArray[np.uint8]:
        """Converts a frame as it is stored, not turned; a large one band by band, which takes little memory."""
        # The peak may change within a video; the first one holds, so that its brightness does not flicker.
        kind = (
            space.primaries,
            space.transfer,
            frame.width,
            frame.height,
            frame.format.name,
            frame.colorspace,
            frame.color_range,
        )
        if self._kind != kind:
            self._kind, self._filter, self._bands = kind, None, self._bands_of(frame)
        if not self._bands:
            return self._to_rgb(self._in_standard_colours(frame, space), frame.height)
        width, height = self._shown_size(frame.width, frame.height)
        pixels = np.empty((height, width, 3), np.uint8)
        for band in self._bands:
            part = self._in_standard_colours(band.cut(frame), space)
            pixels[band.rows] = self._to_rgb(part, frame.height)[band.kept]
        return pixels

    def _in_standard_colours(self, frame: CodedFrame, space: ColourSpace) -> CodedFrame:
        if not space.is_foreign:
            return frame
        self._filter = self._filter or Bt709Filter(frame, space)
        return self._filter.convert(frame)

    def _bands_of(self, frame: CodedFrame) -> list[FrameBand]:
        """Bands to convert frames like this one in; none if it is converted as a whole."""
        keeps_rows = self._shown_size(frame.width, frame.height)[1] == frame.height
        return split(frame) if keeps_rows and frame.width * frame.height > LARGEST_IN_ONE else []

    def _to_rgb(self, frame: CodedFrame, whole_height: int) -> NDArray[np.uint8]:
        """Converts a frame of standard colours, or a band of one of some height, to (H, W, 3) uint8 RGB, not turned."""
        has_alpha = any(component.is_alpha for component in frame.format.components) or frame.format.has_palette
        is_rgb = frame.format.is_rgb or frame.format.has_palette
        full_range = is_rgb or frame.format.name.startswith(("yuvj", "gray"))
        source_range = frame.color_range or (ColorRange.JPEG if full_range else ColorRange.MPEG)
        untagged = frame.colorspace in _UNSPECIFIED_MATRICES and not is_rgb
        width, height = self._shown_size(frame.width, frame.height)
        converted = self._reformatter.reformat(
            frame,
            width=width,
            height=height,
            format="rgba" if has_alpha else "rgb24",
            src_colorspace=guess_colorspace(whole_height) if untagged else None,
            interpolation=self._flags | (_BILINEAR if (width, height) == (frame.width, frame.height) else _BICUBIC),
            src_color_range=source_range,
            dst_color_range=ColorRange.JPEG,
            # Threads inside the scaler cost more than they save at these sizes.
            threads=1,
        )
        pixels: NDArray[np.uint8] = converted.to_ndarray().astype(np.uint8, copy=False)
        if has_alpha:
            pixels = lay_over_white(pixels[..., :3], pixels[..., 3])
        return pixels

    def _shown_size(self, width: int, height: int) -> tuple[int, int]:
        wider = max(1, round(width * self._pixel_aspect))
        if wider <= width or wider * height <= self._max_pixels:
            return wider, height
        return width, max(1, round(height / self._pixel_aspect))


def _turn_of(frame: CodedFrame) -> Turn:
    try:
        matrix = side_data_of(frame).get("DISPLAYMATRIX")
    except ValueError:
        # PyAV knows not all of FFmpeg's side data, EXIF among them. This loses mirroring only.
        return turn_of_degrees(frame.rotation)
    return turn_of_matrix(bytes(matrix)) if isinstance(matrix, SideData) else UPRIGHT
