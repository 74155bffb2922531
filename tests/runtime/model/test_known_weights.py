"""Origins of weights: what a folder says of itself, and what its hash tells."""

from __future__ import annotations

from typing import Any

import pytest

from fomm_rt.bundled import bundled_model
from fomm_rt.model.known_weights import OWN_SHA256, PUBLISHED_SHA256
from fomm_rt.model.manifest import Weights, read_manifest

VOX = PUBLISHED_SHA256["vox-cpk.pth.tar"]
OWN = OWN_SHA256["drawn-faces-256"]


def test_the_bundled_weights_are_known() -> None:
    weights = read_manifest(bundled_model()).weights
    assert (weights.origin, weights.sha256) == ("own", OWN)


@pytest.mark.parametrize(
    ("said", "origin", "recognised_as", "words"),
    [
        (("published", "x.pth", VOX, "vox-cpk.pth.tar"), "published", "vox-cpk.pth.tar", "vox-cpk.pth.tar, recognized"),
        (("published", "x.pth", VOX, "vox-adv-cpk.pth.tar"), "published", "vox-cpk.pth.tar", "vox-cpk.pth.tar, rec"),
        (("unknown", "x.pth", VOX, None), "published", "vox-cpk.pth.tar", "vox-cpk.pth.tar, recognized"),
        (("published", "x.pth", "0" * 64, "vox-cpk.pth.tar"), "unknown", None, "x.pth, of unknown origin"),
        (("published", "x.pth", None, "vox-cpk.pth.tar"), "unknown", None, "x.pth, of unknown origin"),
        (("own", "x", "0" * 64, None), "unknown", None, "x, of unknown origin"),
        (("own", "x", OWN, None), "own", None, "fomm-rt's own checkpoint drawn-faces-256"),
        (("trusted", "x", "0" * 64, None), "unknown", None, "of unknown origin"),
        (("stand-in", "vox-256, seed 7", None, "vox-cpk.pth.tar"), "stand-in", None, "stand-in weights"),
        (("stand-in", "x", "0" * 64, None), "unknown", None, "of unknown origin"),
    ],
)
def test_only_the_hash_tells(said: tuple[Any, ...], origin: str, recognised_as: str | None, words: str) -> None:
    weights = Weights(*said).checked()
    assert (weights.origin, weights.recognised_as) == (origin, recognised_as)
    assert words in weights.describe()
