"""A contestant that runs the four exported graphs one after another, for libraries that run ONNX files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from fomm_bench.contestants.protocol import Contestant
from fomm_bench.contestants.stage_clock import StageClock
from fomm_rt.image import Image

Tensors = dict[str, NDArray[Any]]
RunGraph = Callable[[str, Mapping[str, NDArray[Any]]], Tensors]
"""Runs one of `fomm_rt.model.manifest.NETWORKS`: inputs by name -> outputs by name."""

FOR_GENERATOR = ("source_features", "source_pixels")
"""Outputs of the encoder that the generator takes; source_pixels only in models with blend mask."""

JACOBIANS = {"keypoints": "jacobians", "kp_source": "kp_source_jacobian", "kp_driving": "kp_driving_jacobian"}


class GraphContestant(Contestant):
    """Chains the graphs of one model folder; everything between them is plain NumPy."""

    takes_batches = True

    def __init__(self, run_graph: RunGraph, device: str, relative: bool, build_s: float | None = None) -> None:
        self.device = device
        self.build_s = build_s
        self._run_graph = run_graph
        self._relative = relative
        self._clock = StageClock()
        self._source: Tensors = {}
        self._initial: Tensors | None = None

    @property
    @override
    def stage_ms(self) -> dict[str, float]:
        return self._clock.read()

    @override
    def set_source(self, image: Image) -> None:
        picture = to_network(image[None])
        self._source = {
            **self._run_graph("source_encoder", {"source_image": picture}),
            **renamed(self._run_graph("keypoint_detector", {"frame": picture}), "kp_source"),
        }
        self._initial = None

    @override
    def animate(self, frame: Image) -> Image:
        prediction: Image = self.animate_batch(frame[None])[0]
        return prediction

    @override
    def animate_batch(self, frames: Image) -> Image:
        self._clock.start()
        pictures = to_network(frames)
        self._clock.mark("upload")
        driving = self._run_graph("keypoint_detector", {"frame": pictures})
        self._clock.mark("detector")
        n = len(frames)
        source = {name: np.repeat(tensor, n, axis=0) if n > 1 else tensor for name, tensor in self._source.items()}
        of_generator = {name: source.pop(name) for name in FOR_GENERATOR if name in source}
        animated = renamed(self._transfer(driving), "kp_driving")
        self._clock.mark("geometry")
        motion = self._run_graph("dense_motion", {**source, **animated})
        self._clock.mark("dense_motion")
        motion.pop("mask", None)
        prediction = self._run_graph("generator", {**of_generator, **motion})["prediction"]
        self._clock.mark("generator")
        result = to_image(prediction)
        self._clock.mark("download")
        return result

    def _transfer(self, driving: Tensors) -> Tensors:
        """Relative motion as published: value d − d0 + s, jacobian J_d · J_d0⁻¹ · J_s."""
        if not self._relative:
            return driving
        self._initial = initial = self._initial or {name: tensor[:1].copy() for name, tensor in driving.items()}
        moved = {"keypoints": driving["keypoints"] - initial["keypoints"] + self._source["kp_source"]}
        if "jacobians" in driving:
            since = np.linalg.inv(initial["jacobians"]) @ self._source["kp_source_jacobian"]
            moved["jacobians"] = driving["jacobians"] @ since
        return moved


def renamed(keypoints: Tensors, prefix: str) -> Tensors:
    """The detector's outputs as inputs of dense_motion, such as kp_driving and kp_driving_jacobian."""
    names = {"keypoints": prefix, "jacobians": JACOBIANS[prefix]}
    return {names[name]: tensor for name, tensor in keypoints.items()}


def to_network(images: Image) -> NDArray[np.float32]:
    """(N, S, S, 3) uint8 -> (N, 3, S, S) float32 in [0, 1]."""
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2), np.float32) / np.float32(255)


def to_image(prediction: NDArray[np.float32]) -> Image:
    """(N, 3, S, S) float32 in [0, 1] -> (N, S, S, 3) uint8, rounded."""
    return np.ascontiguousarray(np.rint(prediction * np.float32(255)).astype(np.uint8).transpose(0, 2, 3, 1))
