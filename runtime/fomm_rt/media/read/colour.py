"""Converts HDR and wide colours to BT.709, as a table that FFmpeg applies.

    light = EOTF(code)                  per channel, in nits; for HLG with the OOTF of a display of 1000 nits
    light *= T(m) / m, m = max(light)   tone mapping: keeps the hue
    light709 = M light / 203            primaries; 203 nits, the white of paper in HDR, is 1
    code709 = clip(light709)^(1/2.4)    BT.1886

T leaves dark and middle tones as they are and rolls highlights off from the peak of the source to 203 nits. Video in
standard range with the primaries of BT.2020 or P3 takes the same way without T.

Sources: ITU-R BT.2100 (PQ, HLG), BT.2390-11 section 5.4 (T), BT.2408 (203 nits), BT.1886, ITU-T H.273 (numbers).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
from av.filter import Graph
from av.filter.context import FilterContext
from av.sidedata.sidedata import SideData
from av.video.frame import VideoFrame as CodedFrame
from numpy.typing import NDArray

from fomm_rt.media.read.side_data import side_data_of

_PQ, _HLG = 16, 18
_BT2020_MATRIX = 9
_UNSPECIFIED_MATRICES = (2, 3)

Light = NDArray[np.float64]
"""(..., 3) linear RGB, in nits or relative to white."""

_TO_BT709 = {
    # BT.2020
    9: ((1.660491, -0.587641, -0.072850), (-0.124550, 1.132900, -0.008349), (-0.018151, -0.100579, 1.118730)),
    # P3 with the white point D65
    12: ((1.224940, -0.224940, 0.0), (-0.042057, 1.042057, 0.0), (-0.019638, -0.078636, 1.098274)),
}
"""Primaries -> matrix of linear RGB to BT.709. Those of standard definition differ too little to show."""

WHITE_NITS = 203.0
HLG_PEAK_NITS = 1000.0
ASSUMED_PEAK_NITS = 1000.0
"""Of PQ video that does not say: most of it was mastered at this."""

_SMALLEST_NITS = 1e-6
_SDR_GAMMA = 2.4
_HLG_LUMA = (0.2627, 0.6780, 0.0593)

TABLE_LEVEL = 8
"""FFmpeg's haldclut takes level² values of each channel, in a picture of level³ × level³."""


@dataclass(frozen=True)
class ColourSpace:
    """Primaries and transfer by their numbers in ITU-T H.273, and the luminance of the brightest colour of PQ."""

    primaries: int
    transfer: int
    peak_nits: float = ASSUMED_PEAK_NITS

    @property
    def is_hdr(self) -> bool:
        """True for PQ and HLG."""
        return self.transfer in (_PQ, _HLG)

    @property
    def is_foreign(self) -> bool:
        """True if colours must be converted to be shown as BT.709."""
        return self.is_hdr or self.primaries in _TO_BT709


def to_bt709(code: NDArray[np.float64], space: ColourSpace) -> NDArray[np.float64]:
    """Converts (..., 3) RGB code values from 0 to 1 to those of BT.709."""
    if space.is_hdr:
        nits = _hlg_nits(code) if space.transfer == _HLG else pq_nits(code)
        brightest = np.maximum(nits.max(axis=-1, keepdims=True), _SMALLEST_NITS)
        peak = HLG_PEAK_NITS if space.transfer == _HLG else max(space.peak_nits, WHITE_NITS)
        light = nits * (_tone_mapped(brightest, peak) / brightest) / WHITE_NITS
    else:
        light = code**_SDR_GAMMA
    matrix = _TO_BT709.get(space.primaries)
    if matrix is not None:
        light = light @ np.array(matrix).T
    return np.asarray(light.clip(0.0, 1.0) ** (1 / _SDR_GAMMA), np.float64)


_M1, _M2 = 2610 / 16384, 2523 / 4096 * 128
_C1, _C2, _C3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32


def pq_nits(code: NDArray[np.float64]) -> Light:
    """The EOTF of PQ."""
    power = code ** (1 / _M2)
    return np.asarray(10_000 * (np.maximum(power - _C1, 0) / (_C2 - _C3 * power)) ** (1 / _M1), np.float64)


def pq_code(nits: Light) -> NDArray[np.float64]:
    """The inverse EOTF of PQ."""
    power = (nits / 10_000) ** _M1
    return np.asarray(((_C1 + _C2 * power) / (1 + _C3 * power)) ** _M2, np.float64)


def _hlg_nits(code: NDArray[np.float64]) -> Light:
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scene = np.where(code <= 0.5, code**2 / 3, (np.exp((code - c) / a) + b) / 12)
    luminance = np.maximum(scene @ np.array(_HLG_LUMA), _SMALLEST_NITS)[..., None]
    return np.asarray(HLG_PEAK_NITS * luminance**0.2 * scene, np.float64)


def _tone_mapped(nits: Light, peak_nits: float) -> Light:
    """The EETF of BT.2390 for a target of WHITE_NITS and no black level, in PQ relative to the source's peak."""
    peak = pq_code(np.array(peak_nits))
    code, target = np.minimum(pq_code(nits) / peak, 1), pq_code(np.array(WHITE_NITS)) / peak
    knee = 1.5 * target - 0.5
    t = ((code - knee) / np.maximum(1 - knee, 1e-9)).clip(0, 1)
    spline = (2 * t**3 - 3 * t**2 + 1) * knee + (t**3 - 2 * t**2 + t) * (1 - knee) + (-2 * t**3 + 3 * t**2) * target
    return pq_nits(np.where(code < knee, code, spline) * peak)


def space_of(frame: CodedFrame) -> ColourSpace:
    """Returns the colours of a decoded frame as it is tagged."""
    return ColourSpace(frame.color_primaries, frame.color_trc, _peak_nits(frame) or ASSUMED_PEAK_NITS)


def _peak_nits(frame: CodedFrame) -> float | None:
    """Returns the luminance of the brightest pixel, else that of the display used for mastering; None if unknown."""
    if frame.color_trc != _PQ:
        return None
    try:
        content = side_data_of(frame).get("CONTENT_LIGHT_LEVEL")
        display = side_data_of(frame).get("MASTERING_DISPLAY_METADATA")
    except ValueError:  # PyAV knows not all of FFmpeg's side data
        return None
    if isinstance(content, SideData) and content.buffer_size >= 4:
        (brightest,) = struct.unpack_from("=I", bytes(content))
        if brightest:
            return float(brightest)
    if isinstance(display, SideData) and display.buffer_size >= 88:
        # Eight rationals of primaries and white, the least and the greatest luminance, then two flags.
        numerator, denominator, _, is_set = struct.unpack_from("=4i", bytes(display), 72)
        if is_set and denominator > 0 and numerator > 0:
            return float(numerator / denominator)
    return None


class Bt709Filter:
    """Converts frames of one size, format and colour space to BT.709 in planar RGB of floats.

    Transparency is kept. `frame` is the first of them.
    """

    def __init__(self, frame: CodedFrame, space: ColourSpace) -> None:
        form = frame.format
        has_alpha = any(component.is_alpha for component in form.components)
        # haldclut mixes up the channels of planar RGB in whole numbers, and is slow on packed RGB.
        rgb = "gbrapf32le" if has_alpha else "gbrpf32le"
        matrix = frame.colorspace
        if form.is_rgb:
            matrix = 0
        elif matrix in _UNSPECIFIED_MATRICES:
            matrix = _BT2020_MATRIX
        table = CodedFrame.from_ndarray(_table(space), format="rgb48le")
        table.pts = 0
        graph = Graph()
        source = graph.add(
            "buffer",
            f"video_size={frame.width}x{frame.height}:pix_fmt={form.name}:time_base=1/1"
            f":colorspace={matrix}:range={frame.color_range or (2 if form.is_rgb else 1)}",
        )
        # Accurate rounding and full chroma, as in `frame_pixels`; no transfer or primaries, which haldclut converts.
        scale = graph.add("scale", "flags=bilinear+accurate_rnd+full_chroma_int+full_chroma_inp")
        colours = graph.add("buffer", f"video_size={table.width}x{table.height}:pix_fmt=rgb48le:time_base=1/1")
        apply = graph.add("haldclut", "interp=tetrahedral:clut=first")
        sink = graph.add("buffersink")
        for chain in ((source, scale, graph.add("format", rgb)), (colours, graph.add("format", rgb))):
            for one, other in pairwise(chain):
                one.link_to(other)
            chain[-1].link_to(apply, 0, 0 if chain[0] is source else 1)
        apply.link_to(sink)
        graph.configure()
        colours.push(table)
        colours.push(None)
        self._graph, self._source, self._sink = graph, source, sink
        self._matrix = matrix
        self._count = 0

    def convert(self, frame: CodedFrame) -> CodedFrame:
        """Returns a converted frame, tagged as RGB."""
        frame.pts = self._count
        frame.colorspace = self._matrix
        self._count += 1
        self._source.push(frame)
        converted = _pull(self._sink)
        converted.colorspace = 0
        return converted


def picture_in_bt709(picture: NDArray[np.uint16], space: ColourSpace) -> NDArray[np.uint16]:
    """Converts a picture, (H, W, 3) uint16 RGB over its whole range."""
    frame = CodedFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb48le")
    converted = (
        Bt709Filter(frame, space).convert(frame).reformat(format="rgb48le", src_color_range=2, dst_color_range=2)
    )
    return np.asarray(converted.to_ndarray(), np.uint16)


def _pull(sink: FilterContext) -> CodedFrame:
    frame = sink.pull()
    assert isinstance(frame, CodedFrame)
    return frame


@lru_cache(maxsize=2)
def _table(space: ColourSpace) -> NDArray[np.uint16]:
    """Returns the table for haldclut, (side, side, 3) RGB: red changes fastest, blue slowest."""
    values = np.linspace(0.0, 1.0, TABLE_LEVEL**2)
    blue, green, red = np.meshgrid(values, values, values, indexing="ij")
    colours = to_bt709(np.stack([red, green, blue], axis=-1), space)
    side = TABLE_LEVEL**3
    return np.rint(colours * 65535).astype(np.uint16).reshape(side, side, 3)
