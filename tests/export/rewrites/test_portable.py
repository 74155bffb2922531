"""The portable rewrites compute the same numbers."""

import pytest
import torch
from torch import nn

from fomm_export.networks.layers import UpBlock
from fomm_export.rewrites.portable import TransposedUpBlock, rewrite_for_inference
from golden_files import Golden, as_tensor


@pytest.mark.parametrize(("height", "width"), [(4, 4), (1, 1), (5, 3), (2, 7)])
def test_up_block_as_transposed_convolution(height: int, width: int) -> None:
    torch.manual_seed(0)
    block = UpBlock(6, 5).double().eval()
    block.norm = nn.Identity()
    x = torch.randn(2, 6, height, width, dtype=torch.float64)
    rewritten = TransposedUpBlock(block.conv).double()
    torch.testing.assert_close(rewritten(x), block(x), atol=1e-12, rtol=0)


@pytest.mark.parametrize("name", ["small_aligned", "small_single_jacobian", "small_no_jacobian", "small_no_occlusion"])
def test_rewritten_networks_compute_the_same(name: str) -> None:
    golden = Golden(name)
    networks, rewritten = golden.networks, rewrite_for_inference(golden.networks)
    source, frame = as_tensor(golden.source), as_tensor(golden.driving[2])
    with torch.inference_mode():
        kp_source, kp_driving = networks.kp_detector(source), networks.kp_detector(frame)
        torch.testing.assert_close(rewritten.kp_detector(frame).value, kp_driving.value, atol=1e-5, rtol=0)
        torch.testing.assert_close(
            rewritten.generator(source, kp_source, kp_driving),
            networks.generator(source, kp_source, kp_driving),
            atol=2e-5,
            rtol=0,
        )


def test_rewriting_leaves_the_originals_unchanged() -> None:
    networks = Golden("small").networks
    before = {name: tensor.clone() for name, tensor in networks.generator.state_dict().items()}
    rewritten = rewrite_for_inference(networks)
    after = networks.generator.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    kinds = [type(module) for module in rewritten.generator.modules()]
    assert UpBlock not in kinds
    # norm1 of the residual blocks cannot fold.
    assert kinds.count(nn.BatchNorm2d) == networks.configuration.num_bottleneck_blocks
