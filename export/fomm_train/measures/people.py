"""Measures of a model on people: photographs, films, and people rendered from seeds that no training draws.

Each function defines its measure. Lengths are pixels of a 256-pixel picture, errors levels of 255.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fomm_rt.animator import Animator
from fomm_rt.image import Image
from fomm_rt.motion.keypoints import Keypoints
from fomm_train.measures import subjects
from fomm_train.measures.held_out_pairs import correlation
from fomm_train.measures.picture_warps import (
    HEAD_SHIFTS,
    WARPS,
    HeadEllipse,
    moved_points,
    shift_head,
    to_pixels,
    warp,
)
from fomm_train.measures.subjects import Subject

Floats = npt.NDArray[np.float64]

FACE_POINTS = 8
"""Keypoints that lie on the face."""
NOISE = 0.02 * 255
NOISY = 8
"""Noisy copies of a picture for the measure of jitter."""
MOUTH_PAIRS = 60
TARGETS: dict[str, tuple[str, float]] = {
    "landmark": ("≤", 0.10),
    "equivariance_pixels": ("≤", 2.5),
    "head_moves": ("≤", 0.45),
    "still_levels": ("≤", 0.6),
    "clip_head": ("≤", 0.85),
    "jitter_pixels": ("≤", 0.20),
    "mouth_of_drawn": ("≥", 0.75),
    "mouth_of_rendered": ("≥", 0.80),
    "eyes_of_drawn": ("", 0.0),
    "eyes_of_rendered": ("", 0.0),
}
DRAWN = "drawn"
DRAWN_TARGETS: dict[str, tuple[str, float]] = {"equivariance_pixels": ("≤", 1.0)}
"""Training on people must not cost the model its precision on drawn faces."""


@dataclass
class PeopleMeasures:
    """Means over the subjects of a kind; NaN where a measure does not apply.

    Attributes:
        kind: rendered, astronaut, drawn or the folder's name.
        subjects: How many.
        landmark: See `landmark_error`.
        equivariance_pixels: See `equivariance`.
        head_moves: See `head_motion`.
        still_levels: Mean difference of the source, animated by its own keypoints, from itself.
        clip_head: See `clip_error`.
        jitter_pixels: See `jitter`.
        mouth_of_drawn, eyes_of_drawn: Correlation of openness where rendered people drive drawn faces.
        mouth_of_rendered, eyes_of_rendered: Where they drive rendered people of other identities.
        by_subject: The figures of each subject.
    """

    kind: str
    subjects: int = 0
    landmark: float = float("nan")
    equivariance_pixels: float = float("nan")
    head_moves: float = float("nan")
    still_levels: float = float("nan")
    clip_head: float = float("nan")
    jitter_pixels: float = float("nan")
    mouth_of_drawn: float = float("nan")
    eyes_of_drawn: float = float("nan")
    mouth_of_rendered: float = float("nan")
    eyes_of_rendered: float = float("nan")
    by_subject: dict[str, dict[str, float]] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """The figures for JSON, without NaN."""
        return {
            name: value for name, value in asdict(self).items() if not (isinstance(value, float) and math.isnan(value))
        }

    def table(self) -> str:
        """The figures for a terminal, against their targets."""
        lines = [f"{self.kind + f' ({self.subjects})':24}{'value':>8}  target"]
        targets = dict.fromkeys(TARGETS, ("", 0.0)) | DRAWN_TARGETS if self.kind == DRAWN else TARGETS
        for name, (sign, bound) in targets.items():
            value = float(getattr(self, name))
            if np.isnan(value):
                continue
            missed = (sign == "≤" and value > bound) or (sign == "≥" and value < bound)
            target = f"{sign} {bound:.2f}" if sign else ""
            lines.append(f"{name.replace('_', ' '):24}{value:8.3f}  {target}{'  not met' if missed else ''}")
        return "\n".join(lines)


def measure_people(
    model: str | Path | None, folder: Path | None, progress: Callable[[int, int], None] = lambda *_: None
) -> list[PeopleMeasures]:
    """Measures a model folder, or the bundled one.

    Args:
        model: The model; None for the bundled one.
        folder: Pictures and clips to measure as well, see `fomm_train.measures.subjects.of_folder`.
        progress: Called with the subjects and pairs that are done, and their total.

    Raises:
        ModelError, BackendError: The model cannot be used.
        TrainingError, MediaError: People cannot be rendered, or the folder cannot be read.
    """
    with Animator.load(model, "onnxruntime-cpu") as animator:
        size = animator.size
        total = 2 * subjects.FEW + 2 * MOUTH_PAIRS
        results = [measure_subjects(animator, "rendered", subjects.rendered(size), lambda done: progress(done, total))]
        found = openness_correlations(animator, MOUTH_PAIRS, lambda done: progress(subjects.FEW + done, total))
        for name, value in found.items():
            setattr(results[0], name, value)
        start = total - subjects.FEW
        results.append(
            measure_subjects(animator, DRAWN, subjects.drawn(size), lambda done: progress(start + done, total))
        )
        portrait = subjects.astronaut(size)
        if portrait is not None:
            results.append(measure_subjects(animator, "astronaut", [portrait]))
        if folder is not None:
            results.append(measure_subjects(animator, folder.name or "folder", subjects.of_folder(folder, size)))
        return results


def measure_subjects(
    animator: Animator, kind: str, among: Iterable[Subject], progress: Callable[[int], None] = lambda _: None
) -> PeopleMeasures:
    """Measures subjects, one after the other."""
    measures = PeopleMeasures(kind)
    for subject in among:
        measures.by_subject[subject.name] = figures_of(animator, subject)
        measures.subjects += 1
        progress(measures.subjects)
    for name in TARGETS:
        values = [figures[name] for figures in measures.by_subject.values() if name in figures]
        if values:
            setattr(measures, name, float(np.mean(values)))
    return measures


def figures_of(animator: Animator, subject: Subject) -> dict[str, float]:
    """The figures of one subject; some need marks or a clip."""
    animator.relative = False
    animator.set_source(subject.picture)
    keypoints = animator.keypoints(subject.picture)
    size = len(subject.picture)
    to_256 = 256 / size
    marks = subject.marks
    head = HeadEllipse.of(to_pixels(keypoints.value.astype(np.float64), size) if marks is None else marks)
    figures = {
        "equivariance_pixels": equivariance(animator, subject.picture, keypoints) * to_256,
        "head_moves": head_motion(animator, subject.picture, head),
        "still_levels": _difference(animator.animate(subject.picture), subject.picture),
        "jitter_pixels": jitter(animator, subject.picture) * to_256,
    }
    if marks is not None:
        figures["landmark"] = landmark_error(keypoints, marks, size)
    if subject.clip:
        figures["clip_head"] = clip_error(animator, subject, head)
    return figures


def landmark_error(keypoints: Keypoints, marks: Floats, size: int) -> float:
    """Mean distance of the face's keypoints from their marks, over the distance of the upper lids' marks."""
    found = to_pixels(keypoints.value[:FACE_POINTS].astype(np.float64), size)
    return float(np.linalg.norm(found - marks, axis=1).mean() / np.linalg.norm(marks[1] - marks[0]))


def equivariance(animator: Animator, picture: Image, keypoints: Keypoints) -> float:
    """Mean distance in pixels of the keypoints of a moved picture from the moved keypoints of the picture.

    Over WARPS and all keypoints that stay within the picture.
    """
    size = len(picture)
    errors: list[float] = []
    for motion in WARPS:
        moved, matrix = warp(picture, motion)
        wanted = moved_points(keypoints, matrix, size)
        found = to_pixels(animator.keypoints(moved).value.astype(np.float64), size)
        inside = ((wanted > 0) & (wanted < size - 1)).all(axis=1)
        errors += list(np.linalg.norm(found - wanted, axis=1)[inside])
    return float(np.mean(errors))


def head_motion(animator: Animator, picture: Image, head: HeadEllipse) -> float:
    """Error of the prediction within the head over that of showing the source, when the head alone moves."""
    scale = len(picture) / 256
    error, lazy = 0.0, 0.0
    for dx, dy in HEAD_SHIFTS:
        truth, inside = shift_head(picture, head, (dx * scale, dy * scale))
        error += _difference(animator.animate(truth), truth, inside)
        lazy += _difference(picture, truth, inside)
    return error / lazy


def clip_error(animator: Animator, subject: Subject, head: HeadEllipse) -> float:
    """Error within the first frame's head over that of showing the first frame; absolute motion, clip after clip."""
    inside = head.inside(len(subject.picture))
    error = sum(_difference(animator.animate(frame), frame, inside) for frame in subject.clip)
    return error / sum(_difference(subject.picture, frame, inside) for frame in subject.clip)


def jitter(animator: Animator, picture: Image) -> float:
    """Mean standard deviation in pixels of the keypoints' coordinates under sensor noise of 2 %."""
    rng = np.random.default_rng(0)
    noisy = (picture + rng.normal(0, NOISE, picture.shape) for _ in range(NOISY))
    found = [animator.keypoints(np.clip(frame, 0, 255).astype(np.uint8)).value for frame in noisy]
    return float(to_pixels(np.array(found, np.float64), len(picture)).std(axis=0).mean())


def openness_correlations(
    animator: Animator, pairs: int, progress: Callable[[int], None] = lambda _: None
) -> dict[str, float]:
    """Correlations of the openness of mouths and eyes with the rendered driver's, by field of `PeopleMeasures`."""
    from fomm_train.measures.people_pairs import drawn_by_rendered, rendered_by_rendered

    results: dict[str, float] = {}
    for start, (name, cases) in enumerate((("drawn", drawn_by_rendered), ("rendered", rendered_by_rendered))):
        driven: dict[str, list[float]] = {"mouth": [], "eyes": []}
        found: dict[str, list[float]] = {"mouth": [], "eyes": []}
        for number, (truth, seen) in enumerate(cases(animator, pairs)):
            for values, openness in ((driven, truth), (found, seen)):
                values["mouth"].append(openness.mouth)
                values["eyes"] += openness.eyes
            progress(start * pairs + number + 1)
        results |= {f"{part}_of_{name}": correlation(driven[part], found[part]) for part in driven}
    return results


def _difference(a: Image, b: Image, inside: npt.NDArray[np.bool_] | None = None) -> float:
    """Mean absolute difference in levels, over some pixels or all."""
    difference = np.abs(a.astype(np.float32) - b).mean(axis=-1)
    return float(difference.mean() if inside is None else difference[inside].mean())
