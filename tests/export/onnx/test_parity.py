"""Parity of exported files with the PyTorch networks."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch

from fomm_export.onnx.parity import TOLERANCES, allowed, check_parity
from fomm_rt.errors import ParityError
from fomm_rt.model.folder import open_model_folder
from fomm_rt.model.manifest import CPU, NETWORKS
from golden_files import Golden

GOLDEN = Golden("small_aligned")


def test_allows_more_difference_in_predictions_of_larger_frames() -> None:
    assert [allowed("prediction", size) for size in (64, 256, 512)] == pytest.approx([1e-4, 1e-4, 2e-4])
    assert allowed("keypoints", 512) == TOLERANCES["keypoints"]


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
