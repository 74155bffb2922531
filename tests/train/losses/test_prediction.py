"""Picture losses are zero for equal pictures and weighted inside regions."""

from __future__ import annotations

import pytest
import torch

from fomm_train.losses.discriminator import (
    MultiScaleDiscriminator,
    adversarial_loss,
    discriminator_loss,
    feature_matching_loss,
)
from fomm_train.losses.prediction import reconstruction_loss, region_weight, ssim, texture_loss

BOXES = torch.tensor([[[0.25, 0.25, 0.5, 0.5]]])


def _picture(seed: int) -> torch.Tensor:
    return torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(seed))


def test_equal_pictures_have_no_loss() -> None:
    value, gradient = reconstruction_loss(_picture(1), _picture(1), torch.ones(1, 1, 64, 64), scales=3)
    assert value.item() == gradient.item() == 0
    assert ssim(_picture(1), _picture(1)).item() == pytest.approx(1)


def test_a_constant_difference_counts_as_itself_and_has_no_gradient() -> None:
    value, gradient = reconstruction_loss(_picture(1), _picture(1) + 0.1, torch.ones(1, 1, 64, 64), scales=3)
    assert value.item() == pytest.approx(0.1, abs=1e-5)
    assert gradient.item() == pytest.approx(0, abs=1e-5)


def test_ssim_falls_with_noise() -> None:
    assert ssim(_picture(1), _picture(1) * 0.8 + _picture(2) * 0.2).item() < 0.99
    assert ssim(_picture(1), _picture(2)).item() < 0.2


def test_texture_counts_detail_wherever_it_lies_in_a_window() -> None:
    """A displaced picture loses less than a blurred one, unlike by differences of values."""
    sharp = _picture(1)
    blurred, moved = torch.nn.functional.avg_pool2d(sharp, 3, 1, 1), sharp.roll(2, dims=3)
    ones = torch.ones(1, 1, 64, 64)
    assert texture_loss(sharp, sharp).item() == 0
    assert texture_loss(moved, sharp) < 0.3 * texture_loss(blurred, sharp)
    assert reconstruction_loss(moved, sharp, ones, 1)[0] > reconstruction_loss(blurred, sharp, ones, 1)[0]


def test_region_weights_have_mean_one() -> None:
    weight = region_weight(BOXES, 64, factor=3)
    assert weight.mean().item() == pytest.approx(1)
    assert (weight[0, 0, 20, 20] / weight[0, 0, 40, 40]).item() == pytest.approx(3)
    assert torch.equal(region_weight(BOXES, 64, factor=1), torch.ones(1, 1, 64, 64))


def test_differences_inside_a_region_cost_more() -> None:
    weight = region_weight(BOXES, 64, factor=3)
    inside, outside = _picture(1), _picture(1)
    inside[:, :, 20:28, 20:28] += 0.5
    outside[:, :, 44:52, 44:52] += 0.5
    costs = [reconstruction_loss(p, _picture(1), weight, scales=1)[0].item() for p in (inside, outside)]
    assert costs[0] == pytest.approx(3 * costs[1], rel=1e-4)


def test_the_mouth_counts_more_than_the_eyes() -> None:
    boxes = torch.tensor([[[0, 0, 0.25, 0.25], [0.5, 0.5, 0.75, 0.75]]])
    weight = region_weight(boxes, 16, 4.0, 2.0)[0, 0]
    assert weight.mean().item() == pytest.approx(1, abs=1e-6)
    assert (weight[2, 2] / weight[2, 14]).item() == pytest.approx(4)
    assert (weight[10, 10] / weight[2, 14]).item() == pytest.approx(8)


def test_the_discriminator_learns_to_distinguish_two_pictures() -> None:
    torch.manual_seed(0)
    discriminator = MultiScaleDiscriminator(scales=2, block_expansion=4, max_features=8, num_blocks=3)
    optimizer = torch.optim.Adam(discriminator.parameters(), 1e-2)
    real, predicted = _picture(1), torch.full((1, 3, 64, 64), 0.5)
    first = discriminator_loss(discriminator(real), discriminator(predicted)).item()
    for _ in range(30):
        loss = discriminator_loss(discriminator(real), discriminator(predicted))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    assert loss.item() < 0.2 * first
    assert adversarial_loss(discriminator(real)).item() < adversarial_loss(discriminator(predicted)).item()
    assert feature_matching_loss(discriminator(real), discriminator(real)).item() == 0
    assert feature_matching_loss(discriminator(real), discriminator(predicted)).item() > 0
