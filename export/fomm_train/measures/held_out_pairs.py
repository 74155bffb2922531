"""Measures of a model on held-out drawn faces and poses, against the rendered truth.

Predictions come from the runtime: a model folder, uint8 frames, ONNX Runtime on the CPU.
"""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from fomm_rt.animator import Animator
from fomm_rt.image import Image
from fomm_train.data.held_out import held_out_pair
from fomm_train.faces import render_picture
from fomm_train.measures.openness import find_openness, openness_of

PAIRS = 200
STILL_FRAMES = 10
STILL_FACES = 20
SENSOR_NOISE = 4.0
"""Standard deviation in levels of 255; typical of a webcam indoors."""

TARGETS: dict[str, tuple[str, float | None]] = {
    "same_identity": ("≤", 0.35),
    "other_identity": ("≤", 0.50),
    "other_identity_own_pose": ("", None),
    "mouth_correlation": ("≥", 0.80),
    "eye_correlation": ("≥", 0.80),
    "jitter_pixels": ("≤", 0.50),
}
"""Targets of the project's own checkpoint; a figure without a bound is only reported."""


class Row(NamedTuple):
    """One figure: `target` is its bound as text, or empty; `met` is True without a bound."""

    name: str
    value: float
    target: str
    met: bool


@dataclass(frozen=True)
class Measures:
    """Figures over held-out pairs; errors are divided by the error of showing the source."""

    pairs: int
    # Mean absolute error of the prediction. Source and driver are one identity; the motion is absolute.
    same_identity: float
    # The same with a driver of another identity, whose reference frame has the source's pose; the motion is relative.
    other_identity: float
    # The same with a source in another pose than the reference, and scale adapted. The truth is the source's pose
    # displaced by the driver's change.
    other_identity_own_pose: float
    # Of the driver's openness with that of the prediction of `other_identity`; each eye counts by itself.
    mouth_correlation: float
    eye_correlation: float
    jitter_pixels: float  # mean movement of a keypoint between frames of still faces with sensor noise

    def rows(self) -> list[Row]:
        """All figures with their targets."""
        rows = []
        for name, (sign, bound) in TARGETS.items():
            value = float(getattr(self, name))
            if bound is None:
                rows.append(Row(name, value, "", True))
            else:
                rows.append(Row(name, value, f"{sign} {bound:.2f}", value <= bound if sign == "≤" else value >= bound))
        return rows

    def table(self) -> str:
        """The rows as a table for a terminal."""
        lines = [f"{'':24}{'value':>8}  target"]
        for name, value, target, met in self.rows():
            lines.append(f"{name.replace('_', ' '):24}{value:8.3f}  {target}{'' if met else '  not met'}")
        return "\n".join(lines)


def measure(
    model: str | Path | None, pairs: int = PAIRS, progress: Callable[[int, int], None] = lambda *_: None
) -> Measures:
    """Measures a model folder, or the bundled one, on held-out pairs."""
    with Animator.load(model, "onnxruntime-cpu") as animator:
        return measure_animator(animator, pairs, progress)


def measure_animator(
    animator: Animator, pairs: int, progress: Callable[[int, int], None] = lambda *_: None
) -> Measures:
    """Measures an animator on held-out pairs; calls `progress` with the pairs done and their total."""
    size = animator.size
    errors: dict[str, float] = defaultdict(float)
    driven, found = [], []
    for number in range(pairs):
        pair = held_out_pair(number)
        reference = render_picture(pair.driver, pair.reference, size)
        driving = render_picture(pair.driver, pair.driving, size)
        source = render_picture(pair.identity, pair.reference, size)
        truth = render_picture(pair.identity, pair.driving, size)
        errors["source"] += difference(source, truth)
        errors["same"] += difference(_animate(animator, source, None, truth), truth)
        prediction = _animate(animator, source, reference, driving)
        errors["other"] += difference(prediction, truth)
        driven.append(openness_of(pair.driving))
        found.append(find_openness(prediction, pair.identity, pair.driving))

        source = render_picture(pair.identity, pair.own, size)
        truth = render_picture(pair.identity, pair.own.moved(pair.reference, pair.driving), size)
        errors["own source"] += difference(source, truth)
        errors["own"] += difference(_animate(animator, source, reference, driving, adapt_scale=True), truth)
        progress(number + 1, pairs)
    return Measures(
        pairs=pairs,
        same_identity=errors["same"] / errors["source"],
        other_identity=errors["other"] / errors["source"],
        other_identity_own_pose=errors["own"] / errors["own source"],
        mouth_correlation=correlation([o.mouth for o in driven], [o.mouth for o in found]),
        eye_correlation=correlation([eye for o in driven for eye in o.eyes], [eye for o in found for eye in o.eyes]),
        jitter_pixels=float(np.mean([jitter(animator, n) for n in range(min(STILL_FACES, pairs))])),
    )


def difference(a: Image, b: Image) -> float:
    """Mean absolute difference in levels."""
    return float(np.abs(a.astype(np.int16) - b).mean())


def correlation(a: list[float], b: list[float]) -> float:
    """Pearson's correlation; 0 if one side is constant."""
    if np.std(a) == 0 or np.std(b) == 0:
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])


def jitter(animator: Animator, number: int) -> float:
    """Mean movement of a keypoint in pixels between frames of a still face that differ only by sensor noise."""
    pair = held_out_pair(number)
    still = render_picture(pair.identity, pair.reference, animator.size).astype(np.float32)
    rng = np.random.default_rng(number)
    found = []
    for _ in range(STILL_FRAMES):
        noisy = still + rng.normal(0, SENSOR_NOISE, still.shape)
        found.append(animator.keypoints(noisy.round().clip(0, 255).astype(np.uint8)).value)
    step = np.diff(np.stack(found), axis=0) * (animator.size - 1) / 2  # (frames − 1, K, 2) in pixels
    return float(np.linalg.norm(step, axis=-1).mean())


def _animate(
    animator: Animator, source: Image, reference: Image | None, driving: Image, adapt_scale: bool = False
) -> Image:
    """One prediction; without a reference the motion is absolute."""
    animator.relative = reference is not None
    animator.adapt_scale = adapt_scale
    animator.set_source(source)
    if reference is not None:
        animator.set_reference(reference)
    return animator.animate(driving)
