"""Stand-in weights: deterministic numbers in place of a trained checkpoint.

They exercise every operation of the networks with well-conditioned values (keypoints spread out, jacobians
unlike the identity, masks and occlusion that vary), so that exports, goldens and timings can be made without
published weights. What they draw is an abstract pattern, not an animated picture.

The recipe is fixed: the goldens under tests/golden were computed by the authors' code from these very numbers.
"""

from __future__ import annotations

import zlib

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fomm_export.checkpoints.configuration import Configuration
from fomm_export.networks.generator import Generator
from fomm_export.networks.keypoint_detector import KeypointDetector
from fomm_export.networks.model import tensor_shapes

CONVOLUTION_GAINS = {"kp": 2.0, "jacobian": 0.3, "mask": 2.0, "occlusion": 2.0, "final": 4.0, "conv2": 0.5}
"""Standard deviation times √fan-in of the convolutions that are not followed by a ReLU; 1.4142135 for the rest."""


def stand_in_weights(configuration: Configuration, seed: int = 7) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Draws every tensor from its name and the seed alone.

    Returns:
        The tensors of the keypoint detector and of the generator, by published name.
    """
    downsample = configuration.frame_size // configuration.motion_size
    with torch.device("meta"):
        detector = KeypointDetector(configuration, downsample)
        generator = Generator(configuration, downsample, align_corners=True)
    return tuple(  # type: ignore[return-value]
        {name: torch.from_numpy(_draw(name, shape, seed)) for name, shape in tensor_shapes(module).items()}
        for module in (detector, generator)
    )


def _draw(name: str, shape: tuple[int, ...], seed: int) -> NDArray[np.generic]:
    rng = np.random.default_rng(zlib.crc32(f"{seed}:{name}".encode()))
    *_, layer, kind = name.split(".")
    if kind == "num_batches_tracked":
        return np.array(1, np.int64)
    if kind == "running_mean":
        values = 0.1 * rng.standard_normal(shape)
    elif kind == "running_var" or (kind == "weight" and "norm" in layer):
        values = rng.uniform(0.6, 1.4, shape)
    elif len(shape) == 4:
        fan_in = shape[1] * shape[2] * shape[3]
        values = CONVOLUTION_GAINS.get(layer, 1.4142135) / np.sqrt(fan_in) * rng.standard_normal(shape)
    elif layer == "jacobian":
        identity = np.tile(np.array([1, 0, 0, 1], np.float32), shape[0] // 4)
        values = identity + 0.1 * rng.standard_normal(shape)
    else:
        values = 0.05 * rng.standard_normal(shape)
    return values.astype(np.float32)
