"""Strands of hair, and functions that all kinds of hair use."""

from typing import NamedTuple

import numpy as np

from fomm_train.people.assets import Floats
from fomm_train.people.surface import Roots

DOWN = np.array([0, -1, 0], np.float32)


class Strands(NamedTuple):
    """S strands of K points in base-mesh coordinates, dm.

    Attributes:
        roots: Roots of the S strands.
        points: (S, K, 3), the first at the root.
        width: (S,), dm at the root; strands taper.
        shade: (S,), brightness about 1.
        depth: (S,), 0 the innermost layer, 1 the outermost.
    """

    roots: Roots
    points: Floats
    width: Floats
    shade: Floats
    depth: Floats


def patchy(rng: np.random.Generator, points: Floats) -> Floats:
    """A smooth random function of place, about -1 to 1."""
    waves = rng.normal(size=(5, 3)) * 5
    values: Floats = np.sin(points @ waves.T + rng.uniform(0, 6, 5)).sum(axis=1) / 2.5
    return values


def unit(vectors: Floats) -> Floats:
    """(..., 3) vectors at length 1."""
    scaled: Floats = vectors / (np.linalg.norm(vectors, axis=-1, keepdims=True) + 1e-9)
    return scaled
