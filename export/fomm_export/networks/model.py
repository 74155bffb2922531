"""Builds the detector and the generator of a model for a frame size and loads their weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from fomm_export.checkpoints.configuration import Configuration
from fomm_export.networks.anti_alias import AntiAliasDownsample
from fomm_export.networks.generator import Generator
from fomm_export.networks.keypoint_detector import KeypointDetector
from fomm_rt.errors import CheckpointError
from fomm_rt.model.blur import Blur
from fomm_rt.printable import on_one_line

NAMED_DIFFERENCES = 5
"""Number of differing tensors that an error names."""
LONGEST_NAME = 100
"""Characters of a tensor's name that an error shows."""


@dataclass(frozen=True)
class Networks:
    """Detector and generator in evaluation mode, float32, on the CPU.

    At a frame size other than the training size the anti-alias downsampling absorbs the difference: keypoints and
    dense motion keep their training resolution, and the deformation is resized to the features.
    """

    configuration: Configuration
    size: int
    align_corners: bool
    kp_detector: KeypointDetector
    generator: Generator

    @property
    def blurs(self) -> tuple[Blur | None, Blur | None]:
        """Blurs of the detector's frame and of dense motion's source; None for one that is not a Gaussian."""
        return self.kp_detector.down.blur, self.generator.dense_motion_network.down.blur


def build_networks(
    configuration: Configuration,
    kp_detector: Mapping[str, Tensor],
    generator: Mapping[str, Tensor],
    *,
    size: int | None = None,
    align_corners: bool = True,
    origin: str = "checkpoint",
) -> Networks:
    """Builds the networks and loads all weights.

    Args:
        configuration: Architecture.
        kp_detector, generator: Published tensor names to tensors.
        size: Side of the frames in pixels; the training size by default.
        align_corners: Convention of the warps; True is how the published weights were trained.
        origin: Name of the weights in errors.

    Raises:
        CheckpointError: Tensors are missing, unknown, not finite or of another shape.
        ValueError: The size does not fit the architecture.
    """
    size = configuration.frame_size if size is None else size
    configuration.check_size(size)
    downsample = size // configuration.motion_size
    networks = Networks(
        configuration,
        size,
        align_corners,
        KeypointDetector(configuration, downsample),
        Generator(configuration, downsample, align_corners),
    )
    for part, module, tensors in (
        ("kp_detector", networks.kp_detector, kp_detector),
        ("generator", networks.generator, generator),
    ):
        _load(module, tensors, part, configuration, origin)
        module.eval().requires_grad_(False)
    return networks


def tensor_shapes(module: nn.Module) -> dict[str, tuple[int, ...]]:
    """Name -> shape of every tensor that a checkpoint of this network holds, except the anti-alias kernel."""
    return {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}


def _load(
    module: nn.Module, tensors: Mapping[str, Tensor], part: str, configuration: Configuration, origin: str
) -> None:
    expected = tensor_shapes(module)
    given = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    downsamplings = _downsamplings(module)
    for name in downsamplings:
        given.pop(name, None)
    # Checkpoints older than torch 0.4.1 lack it, and inference does not use it.
    expected_required = {n for n in expected if not n.endswith("num_batches_tracked")}
    differences = [
        f"{part}.{on_one_line(name)[:LONGEST_NAME]} {_say(given.get(name))} instead of {_say(expected.get(name))}"
        for name in sorted(expected_required | set(given))
        if given.get(name) != expected.get(name)
    ]
    if differences:
        more = len(differences) - NAMED_DIFFERENCES
        raise CheckpointError(
            f"{origin}: the weights have another architecture than the configuration; "
            + "; ".join(differences[:NAMED_DIFFERENCES])
            + (f"; and {more} more" if more > 0 else "")
            + ". Choose the configuration this file was trained with (--config)"
        )
    for name in given:
        tensor = tensors[name]
        if not bool(torch.isfinite(tensor.float()).all()):
            raise CheckpointError(f"{origin}: {part}.{name} holds values that are not finite; the file is damaged")
    if not any(bool(tensors[name].any()) for name in given):
        raise CheckpointError(f"{origin}: every tensor of {part} is zero; the file is damaged, or was never trained")
    module.load_state_dict(
        {
            name: tensor.float() if tensor.is_floating_point() else tensor
            for name, tensor in tensors.items()
            if name in expected
        },
        strict=False,
    )
    for name, down in downsamplings.items():
        if name in tensors:
            _use_stored_blur(down, tensors[name], configuration, f"{origin}: {part}.{name}")


def _downsamplings(module: nn.Module) -> dict[str, AntiAliasDownsample]:
    """Published name of the stored kernel -> module."""
    found = module.named_modules()
    return {f"{name}.weight": down for name, down in found if isinstance(down, AntiAliasDownsample)}


def _use_stored_blur(down: AntiAliasDownsample, kernel: Tensor, configuration: Configuration, name: str) -> None:
    try:
        down.use_stored(kernel, round(1 / configuration.scale_factor))
    except ValueError as error:
        raise CheckpointError(
            f"{name}: this anti-alias kernel cannot be used: {error}. Choose the configuration this file was trained "
            "with (--config) and leave out --size"
        ) from error


def _say(shape: tuple[int, ...] | None) -> str:
    return "missing" if shape is None else "×".join(map(str, shape)) or "scalar"
