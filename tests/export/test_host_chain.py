"""The frame's split path, trunks on ONNX Runtime and kernels on the host, against the authors' code."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from fomm_export.host_chain import host_chain
from fomm_rt.backends.split_frame import SplitFrame, keypoints_of, transfer_rows
from fomm_rt.framing import Region
from fomm_rt.model_folder import ModelFolder
from fomm_rt.transfer import ABSOLUTE, relative_transfer
from golden_files import MODES, SMALL, VOX, Golden, max_abs

PREDICTION = 5e-4
HALF_PSNR_DB = 40
HALF_KEYPOINT_PIXELS = 0.05
ModelOf = Callable[[str], ModelFolder]


@pytest.mark.parametrize("name", [*SMALL, *VOX])
def test_float32_reproduces_the_goldens(golden_model: ModelOf, name: str) -> None:
    golden = Golden(name)
    chain = host_chain(golden_model(name))
    for mode, index, expected in golden.predictions():
        _animate(chain, golden, mode, index)
        found = keypoints_of(chain.keypoints[0], chain.shape.jacobian_maps > 0)
        keypoints = golden.keypoints(f"kp_driving.{index}")
        assert max_abs(found.value, keypoints.value) <= 1e-5
        assert (found.jacobian is None) == (keypoints.jacobian is None)
        if found.jacobian is not None and keypoints.jacobian is not None:
            assert max_abs(found.jacobian, keypoints.jacobian) <= 1e-5
        assert max_abs(chain.tensors["prediction"][0].transpose(1, 2, 0), expected) <= PREDICTION
        assert max_abs(chain.pictures[0], np.rint(255 * expected)) <= 1


@pytest.mark.parametrize("name", [*SMALL, *VOX])
def test_half_between_stages_is_enough(golden_model: ModelOf, name: str) -> None:
    golden = Golden(name)
    chain = host_chain(golden_model(name), np.float16)
    for mode, index, expected in golden.predictions():
        _animate(chain, golden, mode, index)
        value = golden.keypoints(f"kp_driving.{index}").value
        pixels = np.abs(chain.keypoints[0, :, :2] - value).max() * (golden.meta["size"] - 1) / 2
        assert pixels <= HALF_KEYPOINT_PIXELS
        error = chain.tensors["prediction"][0].transpose(1, 2, 0).astype(np.float64) - expected
        assert 10 * np.log10(1 / np.square(error).mean()) >= HALF_PSNR_DB


def _animate(chain: SplitFrame, golden: Golden, mode: str, index: int) -> None:
    assert mode in MODES
    square = Region.square(golden.meta["size"])
    source = chain.prepare_source(golden.source[None], square)
    transfer = ABSOLUTE
    if mode != "absolute":
        has_jacobians = chain.shape.jacobian_maps > 0
        chain.detect(golden.driving[:1], square)
        initial = keypoints_of(chain.keypoints[0], has_jacobians)
        transfer = relative_transfer(
            keypoints_of(source.keypoints[0], has_jacobians), initial, adapt_scale=mode == "relative_scaled"
        )
    chain.detect(golden.driving[index : index + 1], square)
    chain.animate(source, transfer_rows(transfer, chain.shape.num_kp))
