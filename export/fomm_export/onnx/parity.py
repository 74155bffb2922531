"""Parity: the exported files on ONNX Runtime against the PyTorch networks in float64, on a real picture.

Every frame goes through the whole chain on both sides, each side with its own keypoints and deformation. In float32
PyTorch itself may be further from its networks than the files are: where a softmax is sharp or features are fine, by
2e-4 in a prediction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray
from torch import Tensor

from fomm_export.networks.model import Networks
from fomm_export.onnx.torch_chain import torch_chain
from fomm_rt.backends.onnxruntime.sessions import run_session
from fomm_rt.errors import ParityError
from fomm_rt.image import Image
from fomm_rt.model.graph_chain import GraphChain, frame_tensor
from fomm_rt.model.parity_picture import parity_frames

TOLERANCES = {
    "mask": 1e-3,
    "keypoints": 1e-4,
    "jacobians": 1e-3,
    "deformation": 1e-3,
    "occlusion_map": 1e-3,
    "prediction": 1e-4,
}
"""Largest absolute differences allowed, of portable and CPU graphs alike. Keypoints in grid units (1e-4 is 0.013 pixel
at 256×256), the prediction in units of full scale (1e-4 is a fortieth of one uint8 step; stand-in weights of published
configurations stay within 4e-5) in frames of up to 256×256; see `allowed`."""

LEVELS_TOLERANCE = 1
"""Largest difference of the uint8 pictures: the same number may round either way."""


@dataclass(frozen=True)
class Parity:
    """What was compared and the largest absolute difference of every tensor (see TOLERANCES for units).

    Attributes:
        picture: What the frames were made of.
        frames: How many driving frames.
        max_abs: Tensor name to difference.
        prediction_levels: Of the uint8 predictions, in levels.
    """

    picture: str
    frames: int
    max_abs: dict[str, float]
    prediction_levels: int

    def as_json(self) -> dict[str, Any]:
        """The fields as plain JSON values."""
        return asdict(self)


def allowed(name: str, size: int) -> float:
    """Largest absolute difference of a tensor in frames of that side.

    A deformation is as exact in units of the frame whatever its size: in larger ones it is off by more pixels, and the
    prediction with it.
    """
    return TOLERANCES[name] * (max(1.0, size / 256) if name == "prediction" else 1.0)


def check_parity(networks: Networks, arrangements: Sequence[Mapping[str, Path]]) -> Parity:
    """Compares exported files with the networks they were made from.

    Args:
        networks: As built from the checkpoint, not rewritten; copied, so that they stay in float32.
        arrangements: Network name to ONNX file, each a whole model; what is reported is the worst of them.

    Raises:
        ParityError: A difference exceeds its tolerance or a value is not finite.
    """
    chains = [_chain(files_) for files_ in arrangements]
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
    exceeded = [
        f"{name} differs by {difference:.3g} (allowed {allowed(name, networks.size):.3g})"
        for name, difference in worst.items()
        if not difference <= allowed(name, networks.size)
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


def _chain(files_: Mapping[str, Path]) -> GraphChain[NDArray[np.float32]]:
    sessions = {
        name: onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        for name, path in files_.items()
    }
    return GraphChain(lambda name, values: run_session(sessions[name], values))


def torch_frame(frame: Image) -> Tensor:
    """(S, S, 3) uint8 -> (1, 3, S, S) float32 in [0, 1]."""
    return torch.from_numpy(frame_tensor(frame))
