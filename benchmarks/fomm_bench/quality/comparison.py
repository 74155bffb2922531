"""Reconstruction of a clip from its first frame by every backend and precision: speed is not to be bought blindly.

The source is frame 0, every frame drives, in absolute motion, as the paper measures. The paper finds the keypoints of
its average keypoint distance with detectors of faces and bodies; here it is the model's own detector, in float32.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from fomm_bench.contestants.protocol import Entry, UnavailableError
from fomm_bench.model.bench_media import squares
from fomm_bench.model.model_spec import ModelSpec
from fomm_bench.quality.measures import FrameQuality, frame_quality, mean_squared_error
from fomm_bench.results.agreement import psnr
from fomm_bench.results.table import NONE, aligned
from fomm_bench.run.comparison import OpenSession, Progress
from fomm_bench.run.session import Session
from fomm_rt.animator import Animator
from fomm_rt.errors import BenchmarkError
from fomm_rt.image import Image

CHUNK = 8
"""Frames sent to a contestant at once."""


@dataclass
class ContestantQuality:
    """One contestant's reconstruction.

    Attributes:
        name: Of the registry.
        precision: "fp32", "fp16" or "int8".
        problem: Why there are no figures.
        frames: Of each frame.
        exact_mse: Mean squared error of each picture against the exact one's, in squared levels.
    """

    name: str
    precision: str
    problem: str | None = None
    frames: list[FrameQuality] = field(default_factory=list)
    exact_mse: list[float] = field(default_factory=list)

    @property
    def exact_psnr_db(self) -> float | None:
        """Of all pictures against the exact ones; None where they are identical."""
        return psnr(float(np.mean(self.exact_mse)))

    def means(self) -> dict[str, float | None]:
        """Each measure's mean over the frames; that of PSNR over those which are not identical to the truth."""
        if not self.frames:
            return {}
        finite = [frame.psnr_db for frame in self.frames if frame.psnr_db is not None]
        return {
            "l1": float(np.mean([frame.l1 for frame in self.frames])),
            "psnr_db": float(np.mean(finite)) if finite else None,
            "ssim": float(np.mean([frame.ssim for frame in self.frames])),
            "keypoint_px": float(np.mean([frame.keypoint_px for frame in self.frames])),
        }

    def as_json(self) -> dict[str, Any]:
        """The fields, and what is made of them, as plain JSON values."""
        return {**asdict(self), "means": self.means(), "exact_psnr_db": self.exact_psnr_db if self.frames else None}


def reconstruct(
    entries: Sequence[Entry],
    model: ModelSpec,
    clip: Path,
    most_frames: int,
    *,
    open_session: OpenSession,
    progress: Progress,
) -> list[ContestantQuality]:
    """Reconstructs a clip with contestants, the first of which is the exact one.

    Args:
        entries: Who takes part; pictures are compared with those of the first.
        model: In absolute motion.
        clip: A video.
        most_frames: How many of its frames, from the first.
        open_session: Starts a contestant.
        progress: Told of every frame.

    Raises:
        BenchmarkError: The exact one cannot run, or scikit-image is not installed.
        MediaError: The clip cannot be read.
    """
    with ExitStack() as stack:
        animator = stack.enter_context(Animator.load(model.folder, "onnxruntime-cpu"))
        size = animator.size
        source = next(squares(clip, size))
        taking: list[tuple[ContestantQuality, Session]] = []
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
                quality.problem = f"{'skipped' if isinstance(error, UnavailableError) else 'failed'}: {error}"
                if entry is entries[0]:
                    raise BenchmarkError(f"there are no exact pictures to compare with: {quality.problem}") from error
                continue
            taking.append((quality, session))
        done = 0
        for truth in _chunks(squares(clip, size), most_frames):
            true_keypoints = [animator.keypoints(frame) for frame in truth]
            exact: Image | None = None
            for quality, session in list(taking):
                try:
                    pictures = session.animate(truth, pictures=True).pictures
                except BenchmarkError as error:
                    if exact is None:
                        raise
                    quality.problem, quality.frames, quality.exact_mse = f"failed: {error}", [], []
                    taking.remove((quality, session))
                    continue
                assert pictures is not None
                exact = pictures if exact is None else exact
                for picture, frame, true, expected in zip(pictures, truth, true_keypoints, exact, strict=True):
                    quality.frames.append(frame_quality(picture, frame, animator.keypoints(picture), true))
                    quality.exact_mse.append(mean_squared_error(picture, expected))
            done += len(truth)
            progress("reconstructing", done, None)
    return found


def render_quality(found: Sequence[ContestantQuality]) -> list[str]:
    """A table for people."""
    rows = [["", "precision", "L1", "PSNR dB", "SSIM", "keypoints px", "dB to exact"]]
    notes = []
    for quality in found:
        means = quality.means()
        if not means:
            notes.append(f"{quality.name} {quality.problem}")
            continue
        exact = quality.exact_psnr_db
        rows.append(
            [
                quality.name,
                quality.precision,
                f"{means['l1']:.4f}",
                NONE if means["psnr_db"] is None else f"{means['psnr_db']:.2f}",
                f"{means['ssim']:.4f}",
                f"{means['keypoint_px']:.3f}",
                "identical" if exact is None else f"{exact:.1f}",
            ]
        )
    return [*aligned(rows), *notes]


def _chunks(frames: Iterator[Image], most: int) -> Iterator[Image]:
    frames = islice(frames, most)
    while chunk := list(islice(frames, CHUNK)):
        yield np.stack(chunk)
