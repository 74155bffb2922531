"""What runs on a machine of the cluster: does jobs one after the other, as a worker process does."""

from __future__ import annotations

import platform
from pathlib import Path
from tempfile import gettempdir

import msgspec
from filelock import FileLock
from msgspec import Struct
from platformdirs import user_cache_path

from fomm_rt.batch.animation import JobAnimator, Order
from fomm_rt.batch.identity import version_of
from fomm_rt.batch.job import Animated, Job
from fomm_rt.batch.ray_cluster.shipping import (
    ModelReference,
    Signature,
    keep_model,
    pack_results,
    seen_model,
)
from fomm_rt.files.hidden_folder import HiddenFolder
from fomm_rt.files.leftovers import remove_leftovers
from fomm_rt.version import __version__
from fomm_rt.workers.messages import LoadOptions
from fomm_rt.workers.worker_process import CancelledTask, failure_of

CONTROL = "control"
"""The concurrency group of what a worker does beside a job."""


class Described(Struct):
    """A machine of the cluster.

    Attributes:
        name: Its host name.
        version: Of this package there.
        sees_outputs: True if it sees the folder of results.
    """

    name: str
    version: str
    sees_outputs: bool


class Lacking(Struct):
    """What a machine needs for a job and does not see: inputs, and the model if `model` is true."""

    inputs: list[str]
    model: bool


class Made(Struct):
    """A job was done; `files` are its results if they are to be sent: names and contents for each output."""

    animated: Animated
    files: list[list[tuple[str, bytes]]] | None


class Failed(Struct):
    """A job failed."""

    error: str


class RayWorker:
    """Does jobs.

    Args:
        shared: A folder in the folder of results that exists as long as the run lasts.
    """

    def __init__(self, shared: str) -> None:
        self._sees_outputs = Path(shared).is_dir()
        self._animate = JobAnimator()
        self._is_cancelled = False
        remove_leftovers(Path(gettempdir()))  # what was sent to workers that were killed

    def describe(self) -> Described:
        """Answers as soon as the machine is ready."""
        return Described(platform.node(), __version__, self._sees_outputs)

    def cancel(self) -> None:
        """Ends the job under way at its next frame, and all later ones."""
        self._is_cancelled = True

    def animate(
        self,
        order: Order,
        model: ModelReference,
        signatures: dict[str, Signature | None],
        received: list[str],
        model_files: dict[str, bytes] | None,
        *contents: bytes,
    ) -> Made | Failed | Lacking:
        """Does a job.

        Args:
            order: The job.
            model: Its model.
            signatures: Input -> its signature on the machine that starts the jobs; None if it is not there.
            received: The inputs that were sent.
            model_files: The files of the model, if they were sent.
            contents: Of the inputs that were sent.
        """
        try:
            if model_files is not None:
                keep_model(model, model_files)
            has_model, path = seen_model(model)
            missing = [name for name, known in signatures.items() if name not in received and version_of(name) != known]
            if missing or not has_model:
                return Lacking(missing, not has_model)
            load = msgspec.structs.replace(order.load, model=path)
            if load.auto_build:
                self._load_once_a_machine(load)
            return self._do(msgspec.structs.replace(order, load=load), dict(zip(received, contents, strict=True)))
        except CancelledTask:
            return Failed("cancelled")
        except Exception as error:
            return Failed(failure_of(error).sentence)

    def _progress(self, _stage: str, _done: int, _total: int | None) -> None:
        if self._is_cancelled:
            raise CancelledTask

    def _do(self, order: Order, received: dict[str, bytes]) -> Made | Failed:
        with HiddenFolder(Path(gettempdir())) as hidden:
            here = _Here(hidden.new, order.job, self._sees_outputs)
            job = here.job(received)
            # What was sent is there for this job alone.
            recordings = None if order.job.driving in received else order.recordings
            order = msgspec.structs.replace(order, job=job, recordings=recordings)
            try:
                animated = self._animate(order, self._progress)
                animated.warnings = [here.in_names(warning) for warning in animated.warnings]
                if self._sees_outputs:
                    return Made(animated, None)
                packed = pack_results(job)
                return Made(animated, [packed[output] for output in job.outputs])
            except Exception as error:
                return Failed(here.in_names(failure_of(error).sentence))

    def _load_once_a_machine(self, load: LoadOptions) -> None:
        """Loads the model; of several workers that may have to build engines, one does, and the others find them."""
        cache = user_cache_path("fomm-rt", appauthor=False)
        cache.mkdir(parents=True, exist_ok=True)
        with FileLock(cache / "batch-engines.lock"):
            self._animate.load(load)


class _Here:
    """A job on this machine: what was sent lies in a temporary folder, and so do results that are sent back."""

    def __init__(self, folder: Path, job: Job, sees_outputs: bool) -> None:
        self._folder = folder
        self._job = job
        self._sees_outputs = sees_outputs
        self._names: dict[str, str] = {}

    def job(self, received: dict[str, bytes]) -> Job:
        """The job with the paths of this machine."""
        for number, (name, content) in enumerate(received.items()):
            path = self._folder / str(number) / Path(name).name
            path.parent.mkdir()
            path.write_bytes(content)
            self._names[str(path)] = name
        here = {original: path for path, original in self._names.items()}
        job = msgspec.structs.replace(
            self._job,
            source=here.get(self._job.source, self._job.source),
            driving=here.get(self._job.driving, self._job.driving),
            further_driving=tuple(here.get(each, each) for each in self._job.further_driving),
        )
        return job if self._sees_outputs else msgspec.structs.replace(job, **self._outputs())

    def in_names(self, text: str) -> str:
        """A sentence in which files have the names of the machine that starts the jobs."""
        for path, name in self._names.items():
            text = text.replace(path, name)
        return text

    def _outputs(self) -> dict[str, str]:
        moved = {}
        for field in ("output", "motion_output"):
            name = getattr(self._job, field)
            if name is not None:
                moved[field] = str(self._folder / field / Path(name).name)
                self._names[moved[field]] = name
        return moved
