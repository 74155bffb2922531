"""The process that animates. It keeps the model of its last job, so that the next job does not load it again."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import monotonic

from fomm_rt.clip.animate_file import animate_file
from fomm_rt.clip.report import AnimationReport
from fomm_rt.faces.framing import AnyFraming, FaceFraming
from fomm_rt.framing import Framing
from fomm_rt.image import Image
from fomm_rt.media.read.input_container import find_audio, open_input
from fomm_rt.studio.job_options import Square
from fomm_rt.studio.jpeg import write_jpeg
from fomm_rt.studio.messages import Animate, AnimationResult, Order
from fomm_rt.warnings_of_work import collected_warnings
from fomm_rt.workers.loading import KeptAnimator
from fomm_rt.workers.messages import BackendInfo, Loaded, Preview, Progress, Task
from fomm_rt.workers.reporting import ReportedProgress
from fomm_rt.workers.worker_process import Reporter, serve

PREVIEW_S = 0.35
PREVIEW_SIDE = 384


class JobWorker:
    """Does jobs one after the other."""

    def __init__(self) -> None:
        self._animator = KeptAnimator()

    def __call__(self, task: Task, report: Reporter) -> AnimationResult:
        """Animates.

        Raises:
            FommError: See `animate_file`.
        """
        if not isinstance(task, Animate):
            raise TypeError(f"expected a task of the job worker; got {type(task).__name__}")
        folder, options = Path(task.folder), task.options
        with collected_warnings() as notes:
            report(Progress(task.number, "loading the model", 0, None))
            animator = self._animator(task.load)
            backend = BackendInfo(animator.backend.name, animator.backend.device, animator.backend.reason)
            report(Loaded(task.number, backend))
            animator.relative, animator.adapt_scale = options.relative, options.adapt_scale
            animator.source_framing = _framing(options.source_square, options.face)
            animator.driving_framing = _framing(options.driving_square, 1)
            done = animate_file(
                task.source,
                task.driving,
                folder / "result.mp4",
                animator=animator,
                paste_back=options.paste_back,
                smooth=options.smooth,
                best_frame=options.best_frame,
                view=options.view,
                audio=options.audio,
                motion_output=folder / "motion.npz",
                start_s=options.start_s,
                duration_s=options.duration_s,
                output_size=options.output_size,
                quality=options.quality,
                progress=ReportedProgress(task.number, report),
                preview=ReportedPreview(task.number, folder / "preview.jpg", report),
                say=notes.append,
            )
        return _result(done, backend, [report.in_names(note) for note in notes])


class ReportedPreview:
    """Writes the newest frame of the result as a small picture, a few times a second."""

    def __init__(self, number: int, path: Path, report: Reporter) -> None:
        self._number = number
        self._path = path
        self._report = report
        self._next_s = 0.0

    def __call__(self, picture: Image) -> None:
        """Takes a frame, (H, W, 3) uint8 RGB."""
        now = monotonic()
        if now < self._next_s:
            return
        self._next_s = now + PREVIEW_S
        write_jpeg(self._path, picture, PREVIEW_SIDE)
        self._report(Preview(self._number))


def _framing(square: Square | None, face: int) -> AnyFraming:
    if square is None:
        return FaceFraming(face=face)
    x, y, side = square
    return Framing(rectangle=(x, y, side, side))


def _result(done: AnimationReport, backend: BackendInfo, notes: list[str]) -> AnimationResult:
    with open_input(done.output) as container:
        has_audio = find_audio(container) is not None
    return AnimationResult(
        frames=done.frames,
        width=done.width,
        height=done.height,
        duration_s=done.duration_s,
        took_s=done.seconds,
        backend=backend,
        has_audio=has_audio,
        has_motion=done.output.with_name("motion.npz").exists(),
        notes=notes,
    )


def main() -> None:
    """Runs the process."""
    serve(JobWorker(), ThreadPoolExecutor(1), Order)


if __name__ == "__main__":
    main()
