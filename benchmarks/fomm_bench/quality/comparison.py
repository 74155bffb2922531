"""Reconstruction of a clip from its first frame, by every backend and precision.

Frame 0 is the source, every frame drives, and motion is absolute, as in the paper. The paper's average keypoint
distance uses detectors of faces and bodies. Here the model's own detector finds the keypoints, in float32, and an
independent one finds landmarks of faces.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, fields
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from fomm_bench.contestants.protocol import Entry
from fomm_bench.model.bench_media import squares
from fomm_bench.model.model_spec import ModelSpec
from fomm_bench.quality.landmarks import TrueFace, TrueFaces
from fomm_bench.quality.measures import FrameQuality, frame_quality, mean_squared_error
from fomm_bench.results.agreement import psnr
from fomm_bench.results.table import NONE, aligned
from fomm_bench.run.comparison import OpenSession, state_of
from fomm_bench.run.plan import Progress
from fomm_bench.run.session import Session
from fomm_rt.animator import Animator
from fomm_rt.errors import BenchmarkError
from fomm_rt.image import Image

CHUNK = 8
"""Frames sent to a contestant at once."""

HEADINGS = [
    "",
    "precision",
    "L1",
    "PSNR dB",
    "SSIM",
    "keypoints px",
    "landmarks px",
    "eye distances",
    "faces",
    "dB to exact",
]


@dataclass
class ContestantQuality:
    """The reconstruction by one contestant.

    Attributes:
        name, precision: Those of its entry.
        problem: Why there are no figures.
        frames: Measures of each frame.
        exact_mse: Mean squared error of each prediction against the exact contestant's, in uint8 values.
    """

    name: str
    precision: str
    problem: str | None = None
    frames: list[FrameQuality] = field(default_factory=list)
    exact_mse: list[float] = field(default_factory=list)

    @property
    def exact_psnr_db(self) -> float | None:
        """PSNR of all predictions against the exact contestant's; None if they are identical."""
        return psnr(float(np.mean(self.exact_mse)))

    def means(self) -> dict[str, float | None]:
        """Measure -> mean over the frames that have it; None if none has.

        Frames identical to the truth have no PSNR; pairs without two faces have no landmark distance. The mean of
        `face_missing` is the share of true faces that were not found in the predictions.
        """
        if not self.frames:
            return {}
        means: dict[str, float | None] = {}
        for measure in fields(FrameQuality):
            found = [value for frame in self.frames if (value := getattr(frame, measure.name)) is not None]
            means[measure.name] = float(np.mean(found)) if found else None
        return means

    def faces(self) -> tuple[int, int]:
        """Number of frames with a true face, and of those whose prediction shows it too."""
        missing = [frame.face_missing for frame in self.frames if frame.face_missing is not None]
        return len(missing), missing.count(False)

    def as_json(self) -> dict[str, Any]:
        """Fields and derived figures, as JSON values."""
        true, found = self.faces()
        return {
            **asdict(self),
            "means": self.means(),
            "faces": {"true": true, "found": found},
            "exact_psnr_db": self.exact_psnr_db if self.frames else None,
        }


def reconstruct(
    entries: Sequence[Entry],
    model: ModelSpec,
    clip: Path,
    most_frames: int,
    *,
    open_session: OpenSession,
    progress: Progress,
) -> list[ContestantQuality]:
    """Reconstructs the first frames of a clip with several contestants, the exact one first, in absolute motion.

    Raises:
        BenchmarkError: The exact contestant fails, or scikit-image is not installed.
        MediaError: The clip cannot be read.
    """
    with ExitStack() as stack:
        animator = stack.enter_context(Animator.load(model.folder, "onnxruntime-cpu"))
        source = next(squares(clip, animator.size))
        participants: list[tuple[ContestantQuality, Session]] = []
        found = []
        for entry in entries:
            progress(f"opening {entry.name}", 0, None)
            quality = ContestantQuality(entry.name, entry.precision)
            found.append(quality)
            try:
                session = open_session(entry)
                stack.callback(session.close)
                session.open(model, source)
            except BenchmarkError as error:
                quality.problem = f"{state_of(error)}: {error}"
                if entry is entries[0]:
                    raise BenchmarkError(f"there are no exact pictures to compare with: {quality.problem}") from error
                continue
            participants.append((quality, session))
        true_faces = TrueFaces()
        done = 0
        for truth in _chunks(squares(clip, animator.size), most_frames):
            _reconstruct_chunk(truth, [true_faces(frame) for frame in truth], participants, animator)
            done += len(truth)
            progress("reconstructing", done, None)
    return found


def _reconstruct_chunk(
    truth: Image,
    true_faces: list[TrueFace | None],
    participants: list[tuple[ContestantQuality, Session]],
    animator: Animator,
) -> None:
    """Measures all participants on (N, S, S, 3) uint8 frames; removes those that fail."""
    true_keypoints = [animator.keypoints(frame) for frame in truth]
    exact: Image | None = None
    for quality, session in list(participants):
        try:
            predictions = session.animate(truth, pictures=True).pictures
        except BenchmarkError as error:
            if exact is None:
                raise
            quality.problem, quality.frames, quality.exact_mse = f"failed: {error}", [], []
            participants.remove((quality, session))
            continue
        assert predictions is not None
        exact = predictions if exact is None else exact
        frames = zip(predictions, truth, true_keypoints, true_faces, exact, strict=True)
        for prediction, frame, true, face, expected in frames:
            quality.frames.append(frame_quality(prediction, frame, animator.keypoints(prediction), true, face))
            quality.exact_mse.append(mean_squared_error(prediction, expected))


def render_quality(found: Sequence[ContestantQuality]) -> list[str]:
    """A table, as lines."""
    rows = [HEADINGS]
    notes = []
    for quality in found:
        means = quality.means()
        if not means:
            notes.append(f"{quality.name} {quality.problem}")
            continue
        exact = quality.exact_psnr_db
        true, with_face = quality.faces()
        rows.append(
            [
                quality.name,
                quality.precision,
                f"{means['l1']:.4f}",
                _number(means["psnr_db"], 2),
                f"{means['ssim']:.4f}",
                f"{means['keypoint_px']:.3f}",
                _number(means["landmark_px"], 3),
                _number(means["landmark_eye_distances"], 4),
                f"{with_face}/{true}" if true else NONE,
                "identical" if exact is None else f"{exact:.1f}",
            ]
        )
    return [*aligned(rows), *notes]


def _number(value: float | None, digits: int) -> str:
    return NONE if value is None else f"{value:.{digits}f}"


def _chunks(frames: Iterator[Image], most: int) -> Iterator[Image]:
    frames = islice(frames, most)
    while chunk := list(islice(frames, CHUNK)):
        yield np.stack(chunk)
