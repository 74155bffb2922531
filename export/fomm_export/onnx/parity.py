"""Parity: compares the exported files on ONNX Runtime with the PyTorch networks in float64, on a real picture.

Every frame passes the whole chain on both sides, each side with its own keypoints and deformation. The reference is in
float64: float32 PyTorch can be farther from it than the files are, by 2e-4 in a prediction where a softmax is sharp or
features are fine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fomm_export.networks.model import Networks
from fomm_export.onnx.torch_chain import torch_chain
from fomm_rt.backends.onnxruntime.sessions import run_session
from fomm_rt.errors import ParityError
from fomm_rt.image import Image
from fomm_rt.machine.onnx_runtime import onnxruntime
from fomm_rt.model.graph_chain import GraphChain, frame_tensor
from fomm_rt.model.parity_picture import parity_frames

TOLERANCES = {
    "mask": 1e-3,
    "keypoints": 1e-4,
    "jacobians": 1e-3,
    "deformation": 1e-3,
    "occlusion_map": 1e-3,
    "blend_mask": 1e-3,
    "prediction": 1e-4,
}
"""Largest absolute difference of each tensor, for portable and CPU graphs. Keypoints are in grid units: 1e-4 is 0.013
pixel at 256×256. The prediction is in units of full scale: 1e-4 is a fortieth of a uint8 step, and stand-in weights of
published configurations stay within 4e-5. For other frames than those of 256×256, and for models with blend mask, see
`allowed`."""

BLENDED_PREDICTION = 1e-3
"""In place of TOLERANCES["prediction"], in a model with blend mask. It shows the source at full size, and an error of
8e-6 in the deformation, as the bundled model has, is 1e-3 of the way to the next pixel, whatever that holds."""

LEVELS_TOLERANCE = 1
"""Largest difference of uint8 predictions; equal numbers can still round differently."""


@dataclass(frozen=True)
class Parity:
    """Result of a comparison.

    Attributes:
        picture: Origin of the frames.
        frames: Number of driving frames.
        max_abs: Tensor name -> largest absolute difference, in the units of TOLERANCES.
        prediction_levels: Largest difference of the uint8 predictions.
    """

    picture: str
    frames: int
    max_abs: dict[str, float]
    prediction_levels: int


def allowed(name: str, size: int, blends: bool = False) -> float:
    """Largest absolute difference allowed for a tensor at a frame size; `blends` is true with a blend mask.

    Errors of the deformation are relative to the frame, so in larger frames they span more pixels and change the
    prediction more.
    """
    if name != "prediction":
        return TOLERANCES[name]
    return (BLENDED_PREDICTION if blends else TOLERANCES[name]) * max(1.0, size / 256)


def check_parity(networks: Networks, arrangements: Sequence[Mapping[str, Path]]) -> Parity:
    """Compares exported files with the networks they were made from.

    Args:
        networks: As built from the checkpoint, not rewritten.
        arrangements: Network name -> ONNX file, each a whole model; the result is the worst of them.

    Raises:
        ParityError: A difference exceeds its tolerance or a value is not finite.
    """
    chains = [_chain(files) for files in arrangements]
    frames = parity_frames(networks.size)
    worst: dict[str, float] = {}
    levels = 0
    exact = torch_chain(_in_float64(networks))
    with torch.inference_mode():
        source = exact.prepare(torch_frame(frames[0]).double())
        sources = [chain.prepare(frame_tensor(frames[0])) for chain in chains]
        for frame in frames:
            animated = exact.animate(source, torch_frame(frame).double())
            expected = {name: tensor for name, tensor in animated.items() if name in TOLERANCES}
            for chain, own_source in zip(chains, sources, strict=True):
                given = chain.animate(own_source, frame_tensor(frame))
                for name, tensor in expected.items():
                    difference = float(np.abs(given[name] - tensor.numpy()).max())
                    worst[name] = max(worst.get(name, 0.0), difference if np.isfinite(difference) else np.inf)
                pair = (given["prediction"], expected["prediction"].numpy())
                pictures = [np.rint(255 * np.nan_to_num(prediction)) for prediction in pair]
                levels = max(levels, int(np.abs(pictures[0] - pictures[1]).max()))
    parity = Parity("Chelsea the cat, moved", len(frames), worst, levels)
    bounds = {name: allowed(name, networks.size, networks.configuration.estimate_blend_mask) for name in worst}
    exceeded = [
        f"{name} differs by {difference:.3g} (allowed {bounds[name]:.3g})"
        for name, difference in worst.items()
        if not difference <= bounds[name]
    ]
    if levels > LEVELS_TOLERANCE:
        exceeded.append(f"uint8 prediction differs by {levels} levels (allowed {LEVELS_TOLERANCE})")
    if exceeded:
        raise ParityError(
            "the exported model does not reproduce the PyTorch networks, so nothing was kept: "
            + "; ".join(exceeded)
            + f". Versions: torch {torch.__version__}, onnxruntime {onnxruntime.__version__}; "
            "try the versions of the project's constraints file"
        )
    return parity


def _in_float64(networks: Networks) -> Networks:
    exact = deepcopy(networks)
    for network in (exact.kp_detector, exact.generator):
        network.double()
    return exact


def _chain(files: Mapping[str, Path]) -> GraphChain[NDArray[np.float32]]:
    providers = ["CPUExecutionProvider"]
    sessions = {name: onnxruntime.InferenceSession(str(path), providers=providers) for name, path in files.items()}
    return GraphChain(lambda name, values: run_session(sessions[name], values))


def torch_frame(frame: Image) -> Tensor:
    """(S, S, 3) uint8 -> (1, 3, S, S) float32 in [0, 1]."""
    return torch.from_numpy(frame_tensor(frame))
