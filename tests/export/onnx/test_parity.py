"""Parity of exported files with the PyTorch networks."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch

from fomm_export.onnx.parity import TOLERANCES, allowed, check_parity
from fomm_rt.errors import ParityError
from fomm_rt.model.folder import ModelFolder, open_model_folder
from fomm_rt.model.manifest import CPU, NETWORKS
from golden_files import Golden, blending_networks

GOLDEN = Golden("small_aligned")


def test_allows_more_difference_in_predictions_of_larger_frames() -> None:
    assert [allowed("prediction", size) for size in (64, 256, 512)] == pytest.approx([1e-4, 1e-4, 2e-4])
    assert allowed("keypoints", 512) == TOLERANCES["keypoints"]
    assert allowed("prediction", 256, blends=True) == pytest.approx(1e-3)


def test_compares_the_blend_mask(blending_model: ModelFolder) -> None:
    measured = blending_model.manifest.parity
    assert 0 < measured["max_abs"]["blend_mask"] <= 1e-5
    assert 0 < measured["max_abs"]["prediction"] <= 1e-4
    assert measured["prediction_levels"] <= 1
    networks = blending_networks()
    assert networks.generator.blend_mask is not None
    assert networks.generator.blend_mask.bias is not None
    with torch.no_grad():
        networks.generator.blend_mask.bias += 0.02
    arrangement = {name: blending_model.network_path(name) for name in NETWORKS}
    with pytest.raises(ParityError, match=r"blend_mask differs by 0\.00\d* \(allowed 0\.001\)"):
        check_parity(networks, [arrangement])


@pytest.mark.parametrize("variants", [(), (CPU,)])
def test_rejects_predictions_that_differ_by_more_than_1e_4(small_model: Path, variants: tuple[str, ...]) -> None:
    folder = open_model_folder(small_model)
    networks = copy.deepcopy(GOLDEN.networks)
    arrangement = {name: folder.network_path(name, variants) for name in NETWORKS}
    assert check_parity(networks, [arrangement]).max_abs["prediction"] <= 1e-4
    assert networks.generator.final.bias is not None
    with torch.no_grad():
        networks.generator.final.bias[0] += 1e-3  # the sigmoid after it passes on a quarter at most
    with pytest.raises(ParityError, match=r"prediction differs by 0\.0002\d* \(allowed 0\.0001\)"):
        check_parity(networks, [arrangement])
