"""Engine parity: each engine alone, then whole frames, against ONNX Runtime in float32 on a photo.

Engines that fail are deleted. The error names the worst engine and the layer in it that loses most.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import onnx
from numpy.typing import NDArray

from fomm_build.half_graph import ROUNDING, float_types
from fomm_build.parity.reference import reference_frames, with_outputs
from fomm_build.precision import FP16, FP32
from fomm_rt.backends.onnxruntime.sessions import run_session
from fomm_rt.backends.protocol import Backend
from fomm_rt.errors import EngineError
from fomm_rt.framing import Region
from fomm_rt.image import Image, psnr_db
from fomm_rt.model.folder import ModelFolder
from fomm_rt.model.frame_shape import FrameShape
from fomm_rt.model.graph_chain import GraphChain, HostTensors, frame_tensor
from fomm_rt.model.parity_picture import PICTURE, parity_frames
from fomm_rt.motion.transfer import ABSOLUTE


class Candidate(Protocol):
    """The engines to check, by name."""

    def run(self, engine: str, inputs: HostTensors) -> dict[str, NDArray[Any]]:
        """Runs an engine on float32 inputs of a batch of 1; returns all its outputs."""

    def inner(self, engine: str, names: Sequence[str], inputs: HostTensors) -> dict[str, NDArray[Any]]:
        """Runs an engine's graph with some inner tensors as additional outputs; returns all of them."""


Animated = list[tuple[NDArray[np.float32], NDArray[Any]]]
"""Keypoints (K, 2) and prediction (size, size, 3), uint8 or float in [0, 255], of each frame."""

Animate = Callable[[Image, Sequence[Image]], Animated]
"""Animates a source by driving frames, (size, size, 3) uint8, in absolute motion."""


@dataclass(frozen=True)
class Bounds:
    """The errors that engines may have.

    Attributes:
        keypoints_pixels: Largest distance of a keypoint, in pixels of the frame.
        prediction_psnr_db: Least PSNR of the prediction.
        relative: Largest RMS error of any other tensor, relative to the tensor's RMS.
    """

    keypoints_pixels: float
    prediction_psnr_db: float
    relative: float


BOUNDS: dict[str, Bounds] = {FP16: Bounds(0.05, 40.0, 2e-2), FP32: Bounds(0.013, 60.0, 1e-3)}
"""Bounds by precision. At fp32, keypoints have the tolerance of exports (1e-4 in grid units); predictions are uint8 and
may round either way."""


PICTURES = {
    "prediction": "the prediction",
    "decoded": "the decoded picture with its blend mask",
    "blend_mask": "the blend mask",
}
"""Tensors in [0, 1] at full size, and their names in messages; all have the bound of the prediction."""


@dataclass(frozen=True)
class Loss:
    """The error of one tensor and its bound, in the same unit and in words."""

    amount: float
    allowed: float
    text: str

    @property
    def excess(self) -> float:
        """The error as a share of its bound; above 1 the check fails."""
        return self.amount / self.allowed if np.isfinite(self.amount) else np.inf


def check_engines(
    model: ModelFolder, graphs: Mapping[str, onnx.ModelProto], candidate: Candidate, animate: Animate, precision: str
) -> dict[str, Any]:
    """Compares engines with the model that they were built from.

    Args:
        model, precision: Of the engines.
        graphs: The graph of each engine by name, in float32.
        candidate, animate: Run the engines, alone and for whole frames.

    Returns:
        The measurements as plain JSON values: "picture", "frames", "keypoints_pixels" and "prediction_psnr_db" of
        whole frames; "engines": name -> tensor -> share of its bound.

    Raises:
        EngineError: An error exceeds its bound.
    """
    shape, bounds = FrameShape.of(model.manifest), BOUNDS[precision]
    driving = parity_frames(shape.size)
    expected = reference_frames(model, driving[0], driving)
    losses: dict[str, dict[str, Loss]] = {name: {} for name in graphs}
    for name, graph in graphs.items():
        for values in expected:
            for tensor, found in candidate.run(name, _inputs(graph, values)).items():
                loss = _loss(tensor, found, values[tensor], shape, bounds)
                losses[name][tensor] = max(losses[name].get(tensor, loss), loss, key=lambda loss: loss.excess)
    pixels, psnr = _compare_frames(animate(driving[0], driving), expected, shape)
    engine, worst = max(
        ((name, loss) for name in losses for loss in losses[name].values()), key=lambda pair: pair[1].excess
    )
    within = pixels <= bounds.keypoints_pixels and psnr >= bounds.prediction_psnr_db  # false for NaN
    if worst.excess > 1 or not within:
        raise EngineError(
            f"the engines do not reproduce {model.manifest.name}, so they were not kept: a frame's keypoints are "
            f"{pixels:.3f} pixel from the model's (allowed {bounds.keypoints_pixels}), its prediction {psnr:.1f} dB "
            f"(at least {bounds.prediction_psnr_db:.0f}). "
            + _blame(engine, worst, graphs[engine], candidate, expected[0])
            + (". Build them with --precision fp32, and report this" if precision == FP16 else ". Report this")
        )
    return {
        "picture": PICTURE,
        "frames": len(driving),
        "keypoints_pixels": pixels,
        "prediction_psnr_db": psnr,
        "engines": {name: {tensor: loss.excess for tensor, loss in losses[name].items()} for name in losses},
    }


def _worst_layer(graph: onnx.ModelProto, engine: str, candidate: Candidate, inputs: HostTensors) -> str:
    """Describes the layer of an engine that increases the error most; `graph` is the engine's in float32."""
    floats = float_types(graph)
    known = {value.name for value in (*graph.graph.value_info, *graph.graph.output)}
    names = [name for node in graph.graph.node for name in node.output if name in floats and name in known]
    expected = run_session(with_outputs(graph, names), inputs)
    found = candidate.inner(engine, names, inputs)
    lost: dict[str, float] = {}
    worst, where = -1.0, "no layer stands out"
    for node in graph.graph.node:
        before = max((lost.get(name, 0.0) for name in node.input), default=0.0)
        for name in node.output:
            lost[name] = _relative(found[name], expected[name]) if name in found else before
            if not np.isfinite(lost[name]):
                lost[name] = np.inf
            growth = 0.0 if np.isinf(before) else lost[name] / max(before, ROUNDING)
            if growth > worst:
                worst = growth
                where = (
                    f"the layer {node.name or node.op_type} ({node.op_type}, output {name}) loses most: "
                    f"{lost[name]:.1e} of its output, {before:.1e} of its inputs"
                )
    return where


def animate_by_backend(backend: Backend, size: int) -> Animate:
    """Animates whole frames with a backend."""

    def animate(source: Image, driving: Sequence[Image]) -> Animated:
        square = Region.square(size)
        reference = backend.prepare_reference(backend.prepare_source(source, square), ABSOLUTE)
        frames = []
        for frame in driving:
            picture = np.empty((size, size, 3), np.uint8)
            backend.animate(reference, frame, square, picture)
            frames.append((backend.detect(frame, square).value, picture))
        return frames

    return animate


def animate_by_graphs(candidate: Candidate, graphs: Mapping[str, onnx.ModelProto]) -> Animate:
    """Animates whole frames with engines of whole graphs."""

    def run(engine: str, values: HostTensors) -> HostTensors:
        outputs = candidate.run(engine, _inputs(graphs[engine], values))
        return {name: np.asarray(array, np.float32) for name, array in outputs.items()}

    chain = GraphChain(run)

    def animate(source: Image, driving: Sequence[Image]) -> Animated:
        prepared = chain.prepare(frame_tensor(source))
        frames = (chain.animate(prepared, frame_tensor(frame)) for frame in driving)
        return [(values["keypoints"][0], 255 * values["prediction"][0].transpose(1, 2, 0)) for values in frames]

    return animate


def _inputs(graph: onnx.ModelProto, values: HostTensors) -> HostTensors:
    return {tensor.name: values[tensor.name] for tensor in graph.graph.input}


def _blame(engine: str, worst: Loss, graph: onnx.ModelProto, candidate: Candidate, values: HostTensors) -> str:
    which = "The worst engine is"
    if worst.excess <= 1:
        which = "Each engine alone is within its bounds; the nearest to them is"
    layer = _worst_layer(graph, engine, candidate, _inputs(graph, values))
    return f"{which} {engine}: {worst.text}; in it, {layer}"


def _compare_frames(found: Animated, expected: Sequence[HostTensors], shape: FrameShape) -> tuple[float, float]:
    """Returns the largest distance of a keypoint in pixels and the least PSNR of a prediction in decibels."""
    pixels, errors = [], []
    for (keypoints, picture), values in zip(found, expected, strict=True):
        pixels.append(_pixels(keypoints, values["keypoints"][0], shape))
        exact = 255 * values["prediction"][0].transpose(1, 2, 0).astype(np.float64)
        errors.append(_rms(picture - (np.rint(exact) if picture.dtype == np.uint8 else exact)) / 255)
    return float(np.max(pixels)), psnr_db(float(np.max(errors)) ** 2, peak=1)


def _loss(name: str, found: NDArray[Any], expected: NDArray[Any], shape: FrameShape, bounds: Bounds) -> Loss:
    if name == "kp_logits":
        found, expected = (_expectation(logits, shape.temperature) for logits in (found, expected))
    if name in ("kp_logits", "keypoints"):
        pixels = _pixels(found, expected, shape)
        text = f"keypoints are {pixels:.3f} pixel off (allowed {bounds.keypoints_pixels})"
        return Loss(pixels, bounds.keypoints_pixels, text)
    if name in PICTURES:
        error = _rms(found.astype(np.float64) - expected)
        text = f"{PICTURES[name]} has {psnr_db(error**2, peak=1):.1f} dB (at least {bounds.prediction_psnr_db:.0f})"
        return Loss(error, 10 ** (-bounds.prediction_psnr_db / 20), text)
    share = _relative(found, expected)
    return Loss(share, bounds.relative, f"{name} is {share:.1e} of its size off (allowed {bounds.relative:.0e})")


def _expectation(logits: NDArray[Any], temperature: float) -> NDArray[np.float64]:
    """(N, K, H, W) logits -> (N, K, 2) keypoints, computed as in the detector."""
    n, k, height, width = logits.shape
    scaled = logits.astype(np.float64).reshape(n, k, -1) / temperature
    weights = np.exp(scaled - scaled.max(axis=2, keepdims=True))
    weights /= weights.sum(axis=2, keepdims=True)
    weights = weights.reshape(n, k, height, width)
    x = (weights.sum(axis=2) * np.linspace(-1, 1, width)).sum(axis=2)
    y = (weights.sum(axis=3) * np.linspace(-1, 1, height)).sum(axis=2)
    return np.stack([x, y], axis=2)


def _pixels(found: NDArray[Any], expected: NDArray[Any], shape: FrameShape) -> float:
    distances = np.linalg.norm(found.astype(np.float64) - expected, axis=-1)
    return float(np.max(distances)) * (shape.size - 1) / 2


def _relative(found: NDArray[Any], expected: NDArray[np.float32]) -> float:
    size = _rms(expected.astype(np.float64))
    error = _rms(found.astype(np.float64) - expected)
    return error / size if size else error


def _rms(values: NDArray[np.float64]) -> float:
    return float(np.sqrt(np.square(values).mean()))
