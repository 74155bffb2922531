"""Fast layers give the results, gradients and statistics of the published layers."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from fomm_export.checkpoints.configuration import Configuration
from fomm_export.networks.generator import Generator
from fomm_export.networks.keypoint_detector import KeypointDetector, Keypoints
from fomm_train.loop.fast_layers import compute_fast
from tiny_training import CONFIGURATION, FRAME_SIZE

CONFIGURATIONS = {
    "all heads": CONFIGURATION,
    "one jacobian map": replace(CONFIGURATION, single_jacobian_map=True),
    "no jacobians, no occlusion": replace(CONFIGURATION, estimate_jacobian=False, estimate_occlusion_map=False),
}


def _networks(configuration: Configuration, training: bool) -> tuple[KeypointDetector, Generator]:
    torch.manual_seed(3)
    downsample = FRAME_SIZE // configuration.motion_size
    detector = KeypointDetector(configuration, downsample)
    generator = Generator(configuration, downsample, align_corners=True)
    for module in (*detector.modules(), *generator.modules()):
        if isinstance(module, nn.BatchNorm2d):  # the defaults would hide a norm that is left out
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
    """A prediction and the gradients of its loss."""
    frames = torch.rand(4, 3, FRAME_SIZE, FRAME_SIZE, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    value, jacobian = detector(frames)
    source, driving = (
        Keypoints(value[part], None if jacobian is None else jacobian[part]) for part in (slice(2), slice(2, 4))
    )
    prediction = generator(frames[:2], source, driving)
    (prediction - frames[2:]).square().sum().backward()
    parameters = [*detector.named_parameters(prefix="d"), *generator.named_parameters(prefix="g")]
    return prediction.detach(), {name: p.grad for name, p in parameters if p.grad is not None}


@pytest.mark.parametrize("training", [True, False], ids=["batch statistics", "fixed statistics"])
@pytest.mark.parametrize("configuration", CONFIGURATIONS.values(), ids=CONFIGURATIONS)
def test_fast_layers_equal_the_published_ones(configuration: Configuration, training: bool) -> None:
    plain, fast = _networks(configuration, training), _networks(configuration, training)
    compute_fast(*fast)
    expected, expected_gradients = _run(*plain)
    found, gradients = _run(*fast)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)
    assert gradients.keys() == expected_gradients.keys()
    for name, gradient in gradients.items():
        largest = expected_gradients[name].abs().max().item()
        torch.testing.assert_close(gradient, expected_gradients[name], rtol=1e-6, atol=1e-9 + 1e-7 * largest, msg=name)
    for published, own in zip(plain, fast, strict=True):  # names and statistics
        torch.testing.assert_close(own.state_dict(), published.state_dict(), rtol=1e-9, atol=1e-9)


def test_the_warp_keeps_channels_last() -> None:
    detector, generator = _networks(CONFIGURATION, False)
    for network in (detector, generator):
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    compute_fast(detector, generator)
    last: dict[str, bool] = {}

    def look(name: str, tensor: Tensor) -> None:
        last[name] = tensor.is_contiguous(memory_format=torch.channels_last) and not tensor.is_contiguous()

    generator.bottleneck.register_forward_pre_hook(lambda _, inputs: look("warped features", inputs[0]))

    def watch(_encoder: nn.Module, _inputs: object, encoded: Tensor) -> None:
        encoded.register_hook(lambda gradient: look("their gradient", gradient))  # type: ignore[no-untyped-call]

    generator.down_blocks[-1].register_forward_hook(watch)
    _run(detector, generator)
    assert last == {"warped features": True, "their gradient": True}
