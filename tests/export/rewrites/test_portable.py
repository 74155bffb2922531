"""The rewrites are exact: the same numbers with less work."""

import pytest
import torch
from torch import nn

from fomm_export.networks.geometry import inverse_2x2
from fomm_export.networks.layers import AntiAliasDownsample, UpBlock, gaussian_kernel
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
def test_whole_model(name: str) -> None:
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


def test_originals_stay() -> None:
    networks = Golden("small").networks
    before = {name: tensor.clone() for name, tensor in networks.generator.state_dict().items()}
    rewritten = rewrite_for_inference(networks)
    after = networks.generator.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    kinds = [type(module) for module in rewritten.generator.modules()]
    assert UpBlock not in kinds
    # Only norm1 of the residual blocks cannot fold.
    assert kinds.count(nn.BatchNorm2d) == networks.configuration.num_bottleneck_blocks


@pytest.mark.parametrize("factor", [1, 2, 4, 8])
def test_anti_alias_is_blur_then_every_nth_pixel(factor: int) -> None:
    picture = torch.rand(1, 3, 64, 64)
    kernel = gaussian_kernel(factor)
    radius = kernel.shape[0] // 2
    blurred = nn.functional.conv2d(picture, kernel.expand(3, 1, -1, -1), padding=radius, groups=3)
    torch.testing.assert_close(AntiAliasDownsample(3, factor)(picture), blurred[:, :, ::factor, ::factor])


def test_published_kernel_side() -> None:
    assert gaussian_kernel(4).shape == (13, 13)
    assert gaussian_kernel(4).sum().item() == pytest.approx(1, abs=1e-6)


def test_inverse() -> None:
    matrices = torch.randn(50, 2, 2, dtype=torch.float64)
    torch.testing.assert_close(inverse_2x2(matrices), torch.inverse(matrices), rtol=1e-9, atol=1e-9)


def test_inverse_of_singular_matrices_is_finite() -> None:
    matrices = torch.tensor([[[0.0, 0.0], [0.0, 0.0]], [[1.0, 2.0], [2.0, 4.0]], [[1e-5, 0.0], [0.0, -1e-5]]])
    assert torch.isfinite(inverse_2x2(matrices)).all()
