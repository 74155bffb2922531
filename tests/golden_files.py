"""The goldens: published numbers, and the networks and model folders that must reproduce them.

Importing this module imports no torch.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fomm_rt.motion import keypoints as runtime

if TYPE_CHECKING:
    import torch

    from fomm_export.checkpoints.configuration import Configuration
    from fomm_export.networks.keypoint_detector import Keypoints
    from fomm_export.networks.model import Networks

FOLDER = Path(__file__).parent / "golden"
SMALL = ("small", "small_aligned", "small_single_jacobian", "small_no_jacobian", "small_no_occlusion")
VOX = ("vox256", "vox256_aligned")
MODES = ("absolute", "relative", "relative_scaled")


@dataclass(frozen=True)
class Golden:
    """One golden file."""

    name: str

    @cached_property
    def arrays(self) -> dict[str, NDArray[Any]]:
        with np.load(FOLDER / f"{self.name}.npz", allow_pickle=False) as file:
            return {name: file[name] for name in file.files}

    @cached_property
    def meta(self) -> dict[str, Any]:
        meta: dict[str, Any] = json.loads(str(self.arrays["meta"]))
        return meta

    @cached_property
    def configuration(self) -> Configuration:
        from fomm_export.checkpoints.configuration import Configuration

        return Configuration.from_model_params(self.meta["model_params"], self.meta["size"])

    @cached_property
    def networks(self) -> Networks:
        return self.networks_of(self.configuration)

    def networks_of(self, configuration: Configuration) -> Networks:
        """Returns networks of another configuration, with weights of the golden's seed."""
        from fomm_export.checkpoints.stand_in import stand_in_weights
        from fomm_export.networks.model import build_networks

        weights = stand_in_weights(configuration, self.meta["seed"])
        return build_networks(configuration, *weights, align_corners=self.meta["align_corners"])

    @property
    def source(self) -> NDArray[np.uint8]:
        return self.arrays["source"]

    @property
    def driving(self) -> NDArray[np.uint8]:
        return self.arrays["driving"]

    def keypoints(self, prefix: str) -> runtime.Keypoints:
        """Returns the keypoints of a prefix such as "kp_source" or "kp_norm.relative.2"."""
        return runtime.Keypoints(self.arrays[f"{prefix}.value"], self.arrays.get(f"{prefix}.jacobian"))

    def torch_keypoints(self, prefix: str) -> Keypoints:
        import torch

        from fomm_export.networks.keypoint_detector import Keypoints

        keypoints = self.keypoints(prefix)
        jacobian = None if keypoints.jacobian is None else torch.from_numpy(keypoints.jacobian)[None]
        return Keypoints(torch.from_numpy(keypoints.value)[None], jacobian)

    def predictions(self) -> list[tuple[str, int, NDArray[np.float32]]]:
        """Returns (mode, frame number, prediction) of every prediction in the file."""
        found = []
        for name, array in self.arrays.items():
            if name.startswith("prediction."):
                _, mode, index = name.split(".")
                found.append((mode, int(index), array))
        return found


def blending_networks(name: str = "small_aligned") -> Networks:
    """The networks of a golden with a blend mask; all other weights are the golden's."""
    golden = Golden(name)
    return golden.networks_of(replace(golden.configuration, estimate_blend_mask=True))


def as_tensor(picture: NDArray[np.uint8]) -> torch.Tensor:
    """(H, W, 3) uint8 -> (1, 3, H, W) float32 in [0, 1]."""
    import torch

    return torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255


def max_abs(a: NDArray[Any], b: NDArray[Any]) -> float:
    """Largest absolute difference; shapes must agree."""
    assert a.shape == b.shape
    return float(np.abs(a.astype(np.float64) - b.astype(np.float64)).max())
