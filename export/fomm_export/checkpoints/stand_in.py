"""Stand-in weights: deterministic numbers in place of a trained checkpoint.

They exercise every operation of the networks with well-conditioned values: spread-out keypoints, jacobians unlike the
identity, varying masks and occlusion. Exports, goldens and timings then need no published weights. The predictions are
abstract patterns.

The numbers must never change: the authors' code computed the goldens in tests/golden from them.
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

CONVOLUTION_GAINS = {
    "kp": 2.0,
    "jacobian": 0.3,
    "mask": 2.0,
    "occlusion": 2.0,
    "final": 4.0,
    "blend_mask": 4.0,
    "conv2": 0.5,
}
"""Standard deviation times √fan-in of convolutions without a ReLU after them; 1.4142135 for all others."""


def stand_in_weights(configuration: Configuration, seed: int = 7) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Draws every tensor from its name and the seed.

    Returns:
        Published names -> tensors, of the keypoint detector and of the generator.
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
