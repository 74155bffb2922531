"""Errors by region: regions share out the picture, and a perfect copy errs little where the source shows something."""

from __future__ import annotations

import pytest
import torch
from error_regions import measure_regions

from fomm_export.networks.generator import Generator
from fomm_export.networks.keypoint_detector import KeypointDetector
from fomm_export.networks.model import Networks
from tiny_training import CONFIGURATION, FRAME_SIZE


def _untrained() -> Networks:
    torch.manual_seed(0)
    downsample = FRAME_SIZE // CONFIGURATION.motion_size
    detector = KeypointDetector(CONFIGURATION, downsample).eval()
    generator = Generator(CONFIGURATION, downsample, align_corners=True).eval()
    return Networks(CONFIGURATION, FRAME_SIZE, True, detector, generator)


@pytest.fixture(scope="module")
def regions() -> dict[str, dict[str, float]]:
    """Of two pairs, by networks that have learned nothing."""
    return measure_regions(_untrained(), 2)


def test_regions_share_out_the_picture(regions: dict[str, dict[str, float]]) -> None:
    assert {"eyes", "mouth", "head, shown", "background, hidden"} < regions.keys()
    assert all(figures["copied"] > 0 for figures in regions.values())
    for name in ("pixels", "source"):
        assert sum(figures[name] for figures in regions.values()) == pytest.approx(1)


def test_the_true_motion_copies_what_the_source_shows(regions: dict[str, dict[str, float]]) -> None:
    head = regions["head, shown"]
    assert 0 < head["truly moved"] < 0.7 * head["source"]
    still = regions["background, shown"]
    assert still["truly moved"] == pytest.approx(still["source"], rel=1e-3)
    assert head["prediction"] > head["truly moved"]
    assert head["flow"] > 0


def test_a_perfect_autoencoder_copies_without_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Generator, "predict", lambda self, source, motion: source)  # noqa: ARG005
    regions = measure_regions(_untrained(), 1)
    assert all(figures["copied"] == 0 for figures in regions.values())
    assert all(figures["prediction"] == pytest.approx(figures["source"]) for figures in regions.values())
