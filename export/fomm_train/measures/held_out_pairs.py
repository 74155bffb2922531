"""What a model is worth on faces and poses it never saw, against the rendered truth.

Predictions come from the runtime: a model folder, uint8 pictures, ONNX Runtime on the CPU.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from fomm_rt.animator import Animator
from fomm_rt.motion.keypoints import Keypoints
from fomm_train.data.held_out import held_out_pair
from fomm_train.faces import render_picture
from fomm_train.measures.openness import find_openness, openness_of

Picture = npt.NDArray[np.uint8]

PAIRS = 200
STILL_FRAMES = 10
STILL_FACES = 20
SENSOR_NOISE = 4.0
"""Standard deviation in levels of 255; a webcam indoors."""

TARGETS: dict[str, tuple[str, float | None]] = {
    "same_identity": ("≤", 0.35),
    "other_identity": ("≤", 0.50),
    "other_identity_own_pose": ("", None),
    "mouth_correlation": ("≥", 0.80),
    "eye_correlation": ("≥", 0.80),
    "jitter_pixels": ("≤", 0.50),
}
"""What is asked of the project's own checkpoint; a figure without a bound is only reported."""


@dataclass(frozen=True)
class Measures:
    """Figures over a number of held-out pairs.

    Attributes:
        pairs: How many.
        same_identity: Mean absolute error of the prediction over that of showing the source; source and driver are
            one identity, absolute motion.
        other_identity: The same with a driver of another identity and relative motion from a reference in the
            source's pose.
        other_identity_own_pose: The same with a source in another pose than the reference, scale adapted; the truth
            is the source's pose displaced by the driver's change.
        mouth_correlation, eye_correlation: Between the driver's openness and that of the prediction of
            `other_identity`, each eye for itself.
        jitter_pixels: Mean movement of a keypoint from frame to frame of still faces under sensor noise.
    """

    pairs: int
    same_identity: float
    other_identity: float
    other_identity_own_pose: float
    mouth_correlation: float
    eye_correlation: float
    jitter_pixels: float

    def rows(self) -> list[tuple[str, float, str, bool]]:
        """(name, value, target, whether it is met) of every figure."""
        rows = []
        for name, (sign, bound) in TARGETS.items():
            value = float(getattr(self, name))
            met = bound is None or (value <= bound if sign == "≤" else value >= bound)
            rows.append((name, value, "" if bound is None else f"{sign} {bound:.2f}", met))
        return rows

    def table(self) -> str:
        """The rows for a terminal."""
        lines = [f"{'':24}{'value':>8}  target"]
        for name, value, target, met in self.rows():
            lines.append(f"{name.replace('_', ' '):24}{value:8.3f}  {target}{'' if met else '  not met'}")
        return "\n".join(lines)


class Engine(Protocol):
    """The part of `Animator` that is measured."""

    relative: bool
    adapt_scale: bool

    @property
    def size(self) -> int:
        """Side of the frames in pixels."""

    def set_source(self, source: Picture) -> None:
        """Sets the picture to animate."""

    def set_reference(self, frame: Picture) -> None:
        """Sets what relative motion counts from."""

    def animate(self, frame: Picture) -> Picture:
        """Predicts."""

    def keypoints(self, frame: Picture) -> Keypoints:
        """Detects."""


def measure(model: Path | None, pairs: int = PAIRS, progress: Callable[[int, int], None] = lambda *_: None) -> Measures:
    """Measures a model folder, or the bundled one, on `pairs` held-out pairs.

    Raises:
        ModelError, BackendError: The model cannot be used.
    """
    with Animator.load(model, "onnxruntime-cpu") as animator:
        return measure_engine(animator, pairs, progress)


def measure_engine(engine: Engine, pairs: int, progress: Callable[[int, int], None] = lambda *_: None) -> Measures:
    """Measures whatever animates."""
    size = engine.size
    errors = {"source": 0.0, "same": 0.0, "other": 0.0, "own source": 0.0, "own": 0.0}
    driven: dict[str, list[float]] = {"mouth": [], "eyes": []}
    found: dict[str, list[float]] = {"mouth": [], "eyes": []}
    for number in range(pairs):
        pair = held_out_pair(number)
        source = render_picture(pair.identity, pair.reference, size)
        truth = render_picture(pair.identity, pair.driving, size)
        reference = render_picture(pair.driver, pair.reference, size)
        driving = render_picture(pair.driver, pair.driving, size)
        errors["source"] += difference(source, truth)
        errors["same"] += difference(_animate(engine, source, None, truth), truth)
        prediction = _animate(engine, source, reference, driving)
        errors["other"] += difference(prediction, truth)
        for given, openness in (
            (driven, openness_of(pair.driving)),
            (found, find_openness(prediction, pair.identity, pair.driving)),
        ):
            given["mouth"].append(openness.mouth)
            given["eyes"] += openness.eyes

        source = render_picture(pair.identity, pair.own, size)
        truth = render_picture(pair.identity, pair.own.moved(pair.reference, pair.driving), size)
        errors["own source"] += difference(source, truth)
        errors["own"] += difference(_animate(engine, source, reference, driving, adapt_scale=True), truth)
        progress(number + 1, pairs)
    return Measures(
        pairs=pairs,
        same_identity=errors["same"] / errors["source"],
        other_identity=errors["other"] / errors["source"],
        other_identity_own_pose=errors["own"] / errors["own source"],
        mouth_correlation=correlation(driven["mouth"], found["mouth"]),
        eye_correlation=correlation(driven["eyes"], found["eyes"]),
        jitter_pixels=float(np.mean([jitter(engine, n) for n in range(min(STILL_FACES, pairs))])),
    )


def difference(a: Picture, b: Picture) -> float:
    """Mean absolute difference in levels."""
    return float(np.abs(a.astype(np.int16) - b).mean())


def correlation(a: list[float], b: list[float]) -> float:
    """Pearson's; 0 where either side never changes."""
    if np.std(a) == 0 or np.std(b) == 0:
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])


def jitter(engine: Engine, number: int) -> float:
    """Mean movement in pixels of a keypoint between frames of a still face that differ by sensor noise only."""
    pair = held_out_pair(number)
    size = engine.size
    still = render_picture(pair.identity, pair.reference, size).astype(np.float32)
    rng = np.random.default_rng(number)
    found = []
    for _ in range(STILL_FRAMES):
        noisy = still + rng.normal(0, SENSOR_NOISE, still.shape)
        found.append(engine.keypoints(noisy.round().clip(0, 255).astype(np.uint8)).value)
    step = np.diff(np.stack(found), axis=0) * (size - 1) / 2  # (frames − 1, K, 2) in pixels
    return float(np.linalg.norm(step, axis=-1).mean())


def _animate(
    engine: Engine, source: Picture, reference: Picture | None, driving: Picture, adapt_scale: bool = False
) -> Picture:
    """One prediction; absolute motion without a reference."""
    engine.relative = reference is not None
    engine.adapt_scale = adapt_scale
    engine.set_source(source)
    if reference is not None:
        engine.set_reference(reference)
    return engine.animate(driving)
