"""One scale of quality for all encoders: 0 is the smallest file, 100 the best picture.

    quality    H.264, crf    VP9, crf    GIF, colours of a frame
    100        9.75          14          256
    80         18            24          256    the default: hard to tell from the original
    60         26.25         33          108
    40         34.5          43          45
    20         42.75         53          19
    0          51            63          8

The rate factors are linear in the quality, between the default and the worst that each encoder has. Six steps of an
H.264 rate factor, about 15 of quality, halve or double the file.
"""

from __future__ import annotations

from fomm_rt.errors import OutputError

DEFAULT_QUALITY = 80

_H264 = (51.0, 18.0)  # at quality 0 and at the default
_VP9 = (63.0, 24.0)
_FEWEST_COLOURS, _MOST_COLOURS = 8, 256


def check_quality(quality: int) -> None:
    """Raises OutputError unless the quality is a whole number from 0 to 100."""
    if not isinstance(quality, int) or not 0 <= quality <= 100:
        raise OutputError(f"expected a quality from 0 (smallest file) to 100 (best picture); got {quality!r}")


def h264_crf(quality: int) -> str:
    """The constant rate factor of x264, which takes fractions."""
    return f"{_between(_H264, quality):g}"


def vp9_crf(quality: int) -> str:
    """The constant quality level of libvpx, a whole number."""
    return str(int(_between(_VP9, quality)))


def gif_colours(quality: int) -> int:
    """The size of a frame's palette: the format's 256 colours from the default on, fewer below."""
    colours: float = _FEWEST_COLOURS * (_MOST_COLOURS / _FEWEST_COLOURS) ** (quality / DEFAULT_QUALITY)
    return min(_MOST_COLOURS, round(colours))


def _between(ends: tuple[float, float], quality: int) -> float:
    worst, default = ends
    return worst + (default - worst) * quality / DEFAULT_QUALITY
