"""The four exported networks, one after another, in absolute motion; whatever runs them.

Contestants of the benchmark chain them by themselves: in relative motion, in batches, with a clock.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from fomm_rt.image import Image

Tensors = Mapping[str, NDArray[np.float32]]
"""Name to array, of a batch of 1."""
Run = Callable[[str, Tensors], Tensors]
"""A network's name and at least its inputs -> its outputs, all float32."""
Values = dict[str, NDArray[np.float32]]
"""The same, to be added to."""


class GraphChain:
    """A source, then frames, by the names that the networks give their inputs and outputs.

    Args:
        run: Runs a network of `fomm_rt.model.manifest.NETWORKS`.
    """

    def __init__(self, run: Run) -> None:
        self._run = run

    def encode(self, source: Image) -> Values:
        """A source, (S, S, 3) uint8, to everything that the networks take of it."""
        picture = frame_tensor(source)
        encoded = self._run("source_encoder", {"source_image": picture})
        detected = self._run("keypoint_detector", {"frame": picture})
        return {"source_image": picture, **encoded, **_of_side("kp_source", detected)}

    def move(self, source: Tensors, driving: Image) -> Values:
        """A source, as encoded, and a driving frame, (S, S, 3) uint8, to all that the generator takes, and more.

        `frame`, and all that the detector gives, are the driving frame's.
        """
        frame = frame_tensor(driving)
        detected = self._run("keypoint_detector", {"frame": frame})
        values = {**source, "frame": frame, **detected, **_of_side("kp_driving", detected)}
        return {**values, **self._run("dense_motion", values)}

    def animate(self, source: Tensors, driving: Image) -> Values:
        """As `move`, and the generator's outputs."""
        values = self.move(source, driving)
        return {**values, **self._run("generator", values)}


def frame_tensor(frame: Image) -> NDArray[np.float32]:
    """(S, S, 3) uint8 -> (1, 3, S, S) float32 in [0, 1]."""
    return np.ascontiguousarray(frame.transpose(2, 0, 1)[None], np.float32) / np.float32(255)


def run_session(session: onnxruntime.InferenceSession, values: Tensors) -> Values:
    """All outputs of a session, by name, of those values that it takes."""
    names = [output.name for output in session.get_outputs()]
    given = session.run(names, {spec.name: values[spec.name] for spec in session.get_inputs()})
    return dict(zip(names, given, strict=True))


def _of_side(side: str, detected: Tensors) -> Values:
    names = {"keypoints": side, "jacobians": f"{side}_jacobian"}
    return {names[name]: tensor for name, tensor in detected.items() if name in names}
