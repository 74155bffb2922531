"""Does jobs one after the other, in whatever process: keeps the model and the driver of the last job."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from msgspec import Struct

from fomm_rt.animator import Animator
from fomm_rt.batch.identity import version_of
from fomm_rt.batch.job import Animated, Job
from fomm_rt.batch.recordings import Recorded, record_once
from fomm_rt.clip.animate_file import animate_file
from fomm_rt.clip.recorded_driver import DriverRequest, RecordedDriver
from fomm_rt.clip.rendering import Progress
from fomm_rt.clip.report import AnimationReport
from fomm_rt.errors import FommError
from fomm_rt.warnings_of_work import collected_warnings
from fomm_rt.workers.loading import KeptAnimator
from fomm_rt.workers.messages import LoadOptions


class Order(Struct, kw_only=True):
    """A job for a worker.

    Attributes:
        load: The model.
        job: The job, with absolute paths.
        recordings: The folder in which the workers of the run share recorded drivers, if other jobs have the same
            driver; else None.
    """

    load: LoadOptions
    job: Job
    recordings: str | None


@dataclass(frozen=True)
class _KeptDriver:
    """A driver that was recorded, or why it cannot be; `version` is that of its file before."""

    animator: Animator
    request: DriverRequest
    version: tuple[int, int] | None
    recorded: Recorded


class JobAnimator:
    """Does jobs."""

    def __init__(self) -> None:
        self._animator = KeptAnimator()
        self._driver: _KeptDriver | None = None

    def load(self, load: LoadOptions) -> None:
        """Opens a model, for the jobs that come. Raises FommError as `Animator.load` does."""
        self._animator(load)

    def __call__(self, order: Order, progress: Progress) -> Animated:
        """Does a job. The result is the same, bit by bit, as that of `animate_file`.

        Raises:
            FommError: See `animate_file`.
        """
        job = order.job
        with collected_warnings() as of_model:
            animator = self._animator(order.load)
        animator.relative, animator.adapt_scale = job.relative, job.adapt_scale
        animator.source_framing = job.source_framing()
        animator.driving_framing = job.driving_framing()
        recorded = self._recorded(animator, order, progress)
        with collected_warnings() as warnings:  # those of the recording are among them
            report = animate_file(
                job.source,
                recorded or job.driving,
                job.output,
                animator=animator,
                paste_back=job.paste_back,
                all_faces=job.face == "all",
                further_driving=job.further_driving,
                smooth=job.smooth,
                best_frame=job.best_frame,
                view=job.view,
                audio=job.audio,
                motion_output=job.motion_output,
                start_s=job.start_s,
                duration_s=job.duration_s,
                output_size=job.output_size,
                quality=job.quality,
                max_pixels=job.max_pixels,
                progress=progress,
            )
        return _animated(report, [*of_model, *warnings])

    def _recorded(self, animator: Animator, order: Order, progress: Progress) -> RecordedDriver | None:
        """The keypoints of a job's driver; None where they would not save time or cannot be kept."""
        job = order.job
        if order.recordings is None:
            return None
        # Backends that take batches find the keypoints of a whole batch faster than a keypoint comes back to the host.
        if job.view != "result" or animator.batch > 1 or Path(job.driving).suffix.lower() == ".npz":
            return None
        request = DriverRequest(
            Path(job.driving),
            animator.driving_framing,
            job.start_s,
            job.duration_s,
            job.max_pixels,
            job.best_frame == "auto",
        )
        kept, version = self._driver, version_of(job.driving)
        if kept is None or kept.animator is not animator or (kept.request, kept.version) != (request, version):
            kept = self._driver = None  # two long drivers would be in memory
            recorded = record_once(Path(order.recordings), order.load, animator, request, version, progress)
            kept = self._driver = _KeptDriver(animator, request, version, recorded)
        if isinstance(kept.recorded, FommError):
            raise kept.recorded
        return kept.recorded


def _animated(report: AnimationReport, warnings: list[str]) -> Animated:
    return Animated(
        frames=report.frames,
        seconds=report.seconds,
        width=report.width,
        height=report.height,
        duration_s=report.duration_s,
        reference_frame=report.reference_frame,
        source_squares=report.source_squares,
        driving_square=report.driving_square,
        skipped_packets=report.skipped_packets,
        missing_frames=report.missing_frames,
        model=report.model,
        backend=report.backend.name,
        device=report.backend.device,
        warnings=warnings,
    )
