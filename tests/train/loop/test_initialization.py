"""The generator begins as a blurred copy of its input, with measured and then fixed statistics."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fomm_export.checkpoints.configuration_file import load_configuration
from fomm_export.networks.generator import Generator
from fomm_export.networks.keypoint_detector import KeypointDetector
from fomm_train.loop.initialization import (
    image_modules,
    measure_statistics,
    pass_colours,
    start_at_identity,
)

CONFIGURATION = load_configuration("drawn-faces-256")


def _pictures(seed: int) -> torch.Tensor:
    """Smooth coloured pictures that differ as much as photographs do."""
    coarse = torch.rand(4, 3, 4, 4, generator=torch.Generator().manual_seed(seed))
    return F.interpolate(coarse, (64, 64), mode="bicubic", align_corners=False).clamp(0, 1)


def test_the_generator_begins_as_a_copy() -> None:
    torch.manual_seed(1)
    generator = Generator(CONFIGURATION, 1, align_corners=True)
    pass_colours(generator)
    measure_statistics(generator, [_pictures(seed) for seed in range(6)])
    with torch.no_grad():
        copied = generator.decode(generator.encode(_pictures(99)))
    truth = _pictures(99)
    correlation = torch.corrcoef(torch.stack([copied[:, 0].flatten(), truth[:, 0].flatten()]))[0, 1]
    assert correlation > 0.7
    others = torch.corrcoef(torch.stack([copied[:, 0].flatten(), truth[:, 2].flatten()]))[0, 1]
    assert others < correlation - 0.3


def _first_norm(generator: Generator) -> nn.BatchNorm2d:
    norm = generator.first.norm
    assert isinstance(norm, nn.BatchNorm2d)
    return norm


def _running_mean(generator: Generator) -> Tensor:
    mean = _first_norm(generator).running_mean
    assert mean is not None
    return mean.clone()


def test_statistics_are_measured_and_then_fixed() -> None:
    generator = Generator(CONFIGURATION, 1, align_corners=True)
    before = _running_mean(generator)
    measure_statistics(generator, [_pictures(1)])
    norms = [m for m in image_modules(generator) if isinstance(m, nn.BatchNorm2d)]
    assert len(norms) == 1 + 2 * CONFIGURATION.num_down_blocks + 2 * CONFIGURATION.num_bottleneck_blocks
    assert not any(norm.training for norm in norms)
    assert not torch.equal(_running_mean(generator), before)
    convolved = generator.first.conv(_pictures(1))
    torch.testing.assert_close(_running_mean(generator), convolved.mean((0, 2, 3)), atol=1e-4, rtol=1e-3)
    measured = _running_mean(generator)
    generator.encode(_pictures(2))
    assert torch.equal(_running_mean(generator), measured)


def test_jacobians_begin_as_the_identity() -> None:
    detector = KeypointDetector(CONFIGURATION, 4)
    start_at_identity(detector)
    with torch.no_grad():
        keypoints = detector.eval()(torch.rand(1, 3, 256, 256))
    assert keypoints.jacobian is not None
    torch.testing.assert_close(
        keypoints.jacobian, torch.eye(2).expand(1, CONFIGURATION.num_kp, 2, 2), atol=1e-5, rtol=0
    )
