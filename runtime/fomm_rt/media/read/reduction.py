"""Decides how far a large JPEG is reduced while it is decoded, to save memory and time.

The detector finds faces from 5 % of the longer side. Of 8192 pixels these are 410, and the square around such a face
has more pixels than any model sees. A picture that is too large to decode is reduced further, but its longer side keeps
at least 4096 pixels.
"""

from __future__ import annotations

from typing import BinaryIO

from fomm_rt.media.read.formats import jpeg
from fomm_rt.media.read.limits import Limits

LONGER_SIDE = 8192
LEAST_LONGER_SIDE = 4096

_REDUCTIONS = (1, 2, 4, 8)
_HEADER_BYTES = 1 << 24
"""A JPEG has its size within these bytes, after a colour profile, a preview and the like."""


def choose_reduction(file: BinaryIO, limits: Limits) -> int:
    """Returns the divisor of the sides of an open JPEG: 1, 2, 4 or 8."""
    file.seek(0)
    content = file.read(_HEADER_BYTES)
    size = jpeg.find_size(content)
    if size is None:
        return 1
    longer = max(size.width, size.height)
    enough = max(each for each in _REDUCTIONS if each == 1 or longer // each >= LONGER_SIDE)
    for reduction in _REDUCTIONS[_REDUCTIONS.index(enough) :]:
        reduced = jpeg.find_size(content, reduction)
        fits = reduced is not None and reduced.decoding_bytes <= limits.picture_bytes
        if fits and longer // reduction >= LEAST_LONGER_SIDE:
            return reduction
    return enough
