"""Motion as affine maps equals `DenseMotionNetwork`."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor

from fomm_export.networks.dense_motion import DenseMotionNetwork
from fomm_export.networks.geometry import coordinate_grid
from fomm_export.networks.keypoint_detector import Keypoints
from fomm_export.rewrites import affine_motion
from golden_files import Golden, as_tensor

HEIGHT, WIDTH, K = 6, 9, 5


@pytest.fixture(params=[True, False], ids=["aligned", "not_aligned"])
def network(request: pytest.FixtureRequest) -> DenseMotionNetwork:
    """In float64, with a grid that is not square."""
    golden = Golden("small_aligned" if request.param else "small")
    network = copy.deepcopy(golden.networks.generator.dense_motion_network).double()
    network.grid = coordinate_grid(HEIGHT, WIDTH).double()
    assert network.align_corners == request.param
    return network


def draw(batch: int, jacobians: bool, seed: int) -> Keypoints:
    generator = torch.Generator().manual_seed(seed)
    value = torch.rand(batch, K, 2, generator=generator, dtype=torch.float64) * 2.4 - 1.2
    jacobian = torch.randn(batch, K, 2, 2, generator=generator, dtype=torch.float64)
    return Keypoints(value, jacobian if jacobians else None)


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("jacobians", [True, False])
def test_computes_the_published_dense_motion(network: DenseMotionNetwork, batch: int, jacobians: bool) -> None:
    source, driving = draw(batch, jacobians, 1), draw(batch, jacobians, 2)
    expected = network.sparse_motion(source, driving)  # (N, K+1, h, w, 2)
    maps = affine_motion.affine_maps(source, driving)
    assert maps.shape == (batch, K + 1, 2, 3)
    assert torch.equal(maps[:, 0], torch.eye(2, 3, dtype=torch.float64).expand(batch, 2, 3))
    found = affine_motion.sparse_motion(maps, network.grid)
    assert found.shape == (batch, (K + 1) * HEIGHT, WIDTH, 2)
    torch.testing.assert_close(found, expected.flatten(1, 2), atol=1e-11, rtol=1e-11)

    logits = 3 * torch.randn(batch, K + 1, HEIGHT, WIDTH, dtype=torch.float64)
    blended = network.blend(expected, logits, None)
    found = affine_motion.blend(maps, blended.mask, network.grid)
    torch.testing.assert_close(found, blended.deformation, atol=1e-11, rtol=1e-11)

    quarter = torch.rand(batch, 3, HEIGHT, WIDTH, dtype=torch.float64)
    torch.testing.assert_close(
        affine_motion.hourglass_input(network, quarter, source, driving, maps),
        network.hourglass_input(quarter, source, driving, expected),
        atol=1e-10,
        rtol=0,
    )


def test_ignores_jacobians_of_only_one_side(network: DenseMotionNetwork) -> None:
    for source, driving in ((draw(1, True, 1), draw(1, False, 2)), (draw(1, False, 1), draw(1, True, 2))):
        found = affine_motion.sparse_motion(affine_motion.affine_maps(source, driving), network.grid)
        torch.testing.assert_close(found, network.sparse_motion(source, driving).flatten(1, 2))


def test_singular_jacobians_give_finite_motion(network: DenseMotionNetwork) -> None:
    source, driving = draw(1, True, 1), Keypoints(draw(1, True, 2).value, torch.zeros(1, K, 2, 2).double())
    maps = affine_motion.affine_maps(source, driving)
    assert affine_motion.sparse_motion(maps, network.grid).isfinite().all()


@pytest.mark.parametrize("batch", [1, 3])
def test_heatmaps_equal_the_published_gaussians(network: DenseMotionNetwork, batch: int) -> None:
    keypoints = draw(batch, False, 1).value
    keypoints[0, 0], keypoints[-1, 1] = torch.tensor([-1.0, 1.0]), network.grid[2, 7]
    expected = network.gaussian(keypoints)
    found = affine_motion.heatmaps(keypoints, network.grid, network.kp_variance)
    seen = expected > 1e-12
    assert seen.sum() > batch * K
    torch.testing.assert_close(found[seen], expected[seen], rtol=1e-6, atol=0)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


EXTREME = [
    [[0.0, 0.0], [-1.0, 1.0], [1.0, 1.0], [-1.0, -1.0], [1.0, -1.0]],
    [[3.0, 0.0], [0.0, -3.0], [-1e3, 1e3], [1e18, -1e18], [-1e30, 0.1]],
    [[0.53, -0.97], [1e-20, -1e-30], [0.2, 1.7], [-1.31, -1.32], [1.9, 0.0]],
    [[float("inf"), 0.0], [0.0, float("-inf")], [1.0, float("inf")], [2.0, 2.0], [-1.4, 1.5]],
]


@pytest.mark.parametrize("driving", EXTREME)
@pytest.mark.parametrize("source", EXTREME)
def test_hourglass_input_has_no_denormal_numbers(source: list[list[float]], driving: list[list[float]]) -> None:
    """Convolutions over denormal numbers are five times slower on a CPU."""
    golden = Golden("small_aligned")
    network = copy.deepcopy(golden.networks.generator.dense_motion_network)
    network.grid = coordinate_grid(64, 64)
    kp_source, kp_driving = Keypoints(torch.tensor([source]), None), Keypoints(torch.tensor([driving]), None)
    quarter = network.down(as_tensor(golden.source))
    maps = affine_motion.affine_maps(kp_source, kp_driving)
    found = affine_motion.hourglass_input(network, quarter, kp_source, kp_driving, maps)
    assert denormals(found[:, ::4]) == 0
    if torch.tensor(source).isfinite().all() and torch.tensor(driving).isfinite().all():
        assert found.isfinite().all()
        assert denormals(found) == 0


def test_published_gaussians_have_denormal_numbers() -> None:
    """Otherwise the test above would prove nothing."""
    network = copy.deepcopy(Golden("small_aligned").networks.generator.dense_motion_network)
    network.grid = coordinate_grid(64, 64)
    assert denormals(network.gaussian(torch.tensor([[[0.0, 0.0], [-1.0, 1.0]]]))) > 0


def denormals(tensor: Tensor) -> int:
    size = tensor.abs()
    return int(((size > 0) & (size < 1e-37)).sum())
