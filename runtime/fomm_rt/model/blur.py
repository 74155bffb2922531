"""The blur in front of the motion networks, which see a frame at a fraction of its size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta


@dataclass(frozen=True)
class Blur:
    """A Gaussian, cut off at a square and divided by its sum; then every n-th pixel of the frame is kept.

    Attributes:
        sigma: Standard deviation in pixels of the frame; 0 only with radius 0.
        radius: Pixels from the centre of the kernel to its edge; 0 for no blur.
    """

    sigma: Annotated[float, Meta(ge=0)]
    radius: Annotated[int, Meta(ge=0)]

    def scaled(self, ratio: float) -> Blur:
        """The same blur of frames `ratio` times as large: 2 * sigma + 1 grows with them, as in `published_blur`."""
        if ratio == 1:
            return self
        sigma = max(0.0, ((2 * self.sigma + 1) * ratio - 1) / 2)
        return Blur(sigma, round(4 * sigma))


def published_blur(factor: int) -> Blur:
    """The blur that the authors' code chooses before it keeps every `factor`-th pixel; none for 1."""
    sigma = (factor - 1) / 2
    return Blur(sigma, round(4 * sigma))
