"""The faster layers give the results and the gradients of the published ones."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from fomm_export.configuration import Configuration, load_configuration
from fomm_export.generator import Generator
from fomm_export.keypoint_detector import KeypointDetector, Keypoints
from fomm_export.training.fast_layers import compute_fast

SIDE = 128


@pytest.fixture(scope="module")
def configuration() -> Configuration:
    return load_configuration("drawn-faces-256")


def _networks(configuration: Configuration, training: bool) -> tuple[KeypointDetector, Generator]:
    torch.manual_seed(3)
    downsample = SIDE // configuration.motion_size
    detector = KeypointDetector(configuration, downsample)
    generator = Generator(configuration, downsample, align_corners=True)
    for module in (*detector.modules(), *generator.modules()):
        if isinstance(module, nn.BatchNorm2d):  # fresh norms would hide a forgotten one
            for tensor in (module.weight, module.running_var):
                assert tensor is not None
                nn.init.uniform_(tensor, 0.5, 1.5)
            for tensor in (module.bias, module.running_mean):
                assert tensor is not None
                nn.init.uniform_(tensor, -0.5, 0.5)
    for network in (detector, generator):
        network.double().train(training)
    return detector, generator


def _run(detector: KeypointDetector, generator: Generator) -> tuple[Tensor, dict[str, Tensor]]:
    frames = torch.rand(4, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    keypoints = detector(frames)
    half = (
        Keypoints(keypoints.value[:2], keypoints.jacobian[:2]),
        Keypoints(keypoints.value[2:], keypoints.jacobian[2:]),
    )
    prediction = generator(frames[:2], *half)
    (prediction - frames[2:]).square().sum().backward()
    parameters = [*detector.named_parameters(prefix="d"), *generator.named_parameters(prefix="g")]
    return prediction.detach(), {name: p.grad for name, p in parameters if p.grad is not None}


@pytest.mark.parametrize("training", [True, False], ids=["batch statistics", "fixed statistics"])
def test_results_and_gradients_are_those_of_the_published_layers(configuration: Configuration, training: bool) -> None:
    plain, fast = _networks(configuration, training), _networks(configuration, training)
    compute_fast(*fast)
    expected, expected_gradients = _run(*plain)
    found, gradients = _run(*fast)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)
    assert gradients.keys() == expected_gradients.keys()
    for name, gradient in gradients.items():
        largest = expected_gradients[name].abs().max().item()
        torch.testing.assert_close(gradient, expected_gradients[name], rtol=1e-6, atol=1e-9 + 1e-7 * largest, msg=name)


def test_names_of_the_weights_stay(configuration: Configuration) -> None:
    plain, fast = _networks(configuration, False), _networks(configuration, False)
    compute_fast(*fast)
    for before, after in zip(plain, fast, strict=True):
        assert before.state_dict().keys() == after.state_dict().keys()
