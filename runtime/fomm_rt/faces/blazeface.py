"""BlazeFace: two small detectors of faces, on ONNX Runtime.

Each network takes a square picture and returns, for every anchor, a score, a box and six landmarks, all relative to
the anchor. Overlapping boxes are merged into their mean, weighted by score.

Source: Bazarevsky et al. 2019; anchors and merging as in MediaPipe. `models/ORIGIN.md` says where the weights are from.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fomm_rt.errors import ModelError

if TYPE_CHECKING:
    from fomm_rt.machine.onnx_runtime import onnxruntime

FOLDER = Path(__file__).parent / "models"
MERGED_OVERLAP = 0.3
"""Intersection over union from which two boxes show the same face."""
LARGEST_LOGIT = 80.0
"""Keeps exp() of a score within the range of float32."""

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Detections:
    """N detections in pixel coordinates of the searched picture, best first."""

    scores: Floats  # (N,), 0 to 1
    centres: Floats  # (N, 2), of the boxes
    sizes: Floats  # (N, 2), width and height of the boxes
    points: Floats  # (N, 6, 2)

    def __len__(self) -> int:
        return len(self.scores)


@dataclass(frozen=True)
class BlazeFace:
    """One detector. The network is opened when it first runs, with one thread: it is too small for two.

    Attributes:
        file: Name of the network in `FOLDER`.
        side: Side of its input in pixels.
        grids: (cells along a side, anchors per cell) of its output layers.
    """

    file: str
    side: int
    grids: tuple[tuple[int, int], ...]

    def detect(self, pictures: NDArray[np.uint8], min_score: float) -> list[Detections]:
        """Finds faces in pictures of the network's size.

        Args:
            pictures: (N, side, side, 3) uint8 RGB.
            min_score: Lowest score to keep.

        Returns:
            The detections of each picture.
        """
        boxes, logits = sorted(self._session.run(None, {"image": pictures}), key=lambda output: -output.shape[-1])
        return [self._decode(*rows, min_score) for rows in zip(boxes, logits, strict=True)]

    @cached_property
    def _session(self) -> onnxruntime.InferenceSession:
        from fomm_rt.machine.onnx_runtime import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        path = FOLDER / self.file
        try:
            return onnxruntime.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime raises a dozen types without a common base
            raise ModelError(
                f"{path}: the bundled face detector is missing or altered; install fomm-rt again, "
                "or in a checkout: git restore runtime/fomm_rt/faces"
            ) from error

    @cached_property
    def _anchors(self) -> Floats:
        """(A, 2): centres of the anchors as fractions of the side; those of one cell are adjacent."""
        grids = []
        for cells, per_cell in self.grids:
            y, x = np.mgrid[:cells, :cells]
            centres = (np.stack([x, y], axis=-1).reshape(-1, 2) + 0.5) / cells
            grids.append(np.repeat(centres, per_cell, axis=0))
        return np.concatenate(grids).astype(np.float32)

    def _decode(self, rows: Floats, logits: Floats, min_score: float) -> Detections:
        """(A, 16) boxes and points and (A, 1) logits -> detections; box and points are in pixels from the anchor."""
        scores = _sigmoid(np.clip(logits[:, 0], -LARGEST_LOGIT, LARGEST_LOGIT))
        kept = np.flatnonzero(scores >= min_score)
        rows, anchors = rows[kept].reshape(-1, 8, 2), self._anchors[kept] * self.side
        return _merge(Detections(scores[kept], rows[:, 0] + anchors, rows[:, 1], rows[:, 2:] + anchors[:, None]))


FULL_RANGE = BlazeFace("full_range.onnx", 192, ((48, 1),))
"""Finds faces from 5 % of the side."""
SHORT_RANGE = BlazeFace("short_range.onnx", 128, ((16, 2), (8, 6)))
"""Finds faces from about a fifth of the side, places them exactly, and rejects other objects."""


def _merge(found: Detections) -> Detections:
    """Merges overlapping detections into their mean, weighted by score; the best score stays."""
    merged: list[tuple[Any, ...]] = []
    left = np.argsort(-found.scores, kind="stable")
    while len(left):
        same = _overlap(found, int(left[0]), left) > MERGED_OVERLAP
        same[0] = True  # a box without area overlaps nothing, not even itself
        cluster, left = left[same], left[~same]
        weights = found.scores[cluster] / found.scores[cluster].sum()
        mean = (np.tensordot(weights, array[cluster], 1) for array in (found.centres, found.sizes, found.points))
        merged.append((found.scores[cluster[0]], *mean))
    if not merged:
        return Detections(*(np.zeros((0, *shape), np.float32) for shape in ((), (2,), (2,), (6, 2))))
    return Detections(*(np.stack(column).astype(np.float32) for column in zip(*merged, strict=True)))


def _overlap(found: Detections, one: int, others: NDArray[np.intp]) -> Floats:
    """Intersection over union of one box and others."""
    low, high = found.centres - found.sizes / 2, found.centres + found.sizes / 2
    shared = (np.minimum(high[one], high[others]) - np.maximum(low[one], low[others])).clip(0).prod(axis=1)
    areas = found.sizes.clip(0).prod(axis=1)
    union: Floats = areas[one] + areas[others] - shared
    return np.asarray(shared / np.maximum(union, 1e-9), np.float32)


def _sigmoid(logits: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-logits)), np.float32)
