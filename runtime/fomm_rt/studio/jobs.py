"""The queue of jobs: one after the other, in a worker process. What has been made is kept while the server runs."""

from __future__ import annotations

import secrets
import shutil
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from time import monotonic
from typing import Any, Literal

import msgspec

from fomm_rt.studio.changes import Changes
from fomm_rt.studio.job_options import JobOptions
from fomm_rt.studio.library import Item, Library
from fomm_rt.studio.limits import Limits
from fomm_rt.studio.messages import OPAQUE, Animate, AnimationResult, MediaInfo
from fomm_rt.studio.refusal import Refusal
from fomm_rt.workers.messages import BackendInfo, Cause, Loaded, LoadOptions, Preview, Progress, Report
from fomm_rt.workers.worker import TaskError, Worker

State = Literal["waiting", "running", "done", "failed", "cancelled"]

RATE_WINDOW_S = 5.0


class TimeLeft:
    """Estimates the time left of a step from the frames of the last seconds."""

    def __init__(self) -> None:
        self._stage = ""
        self._seen: deque[tuple[float, int]] = deque()

    def update(self, stage: str, done: int, total: int | None, now_s: float) -> float | None:
        """Takes the frames done so far; returns seconds, None while unknown."""
        if stage != self._stage:
            self._stage = stage
            self._seen.clear()
        self._seen.append((now_s, done))
        while len(self._seen) > 2 and now_s - self._seen[0][0] > RATE_WINDOW_S:
            self._seen.popleft()
        start_s, first = self._seen[0]
        if total is None or done <= first or now_s <= start_s:
            return None
        return max(total - done, 0) * (now_s - start_s) / (done - first)


@dataclass(eq=False)
class Job:
    """A picture to animate by a driver.

    Attributes:
        id: For requests.
        source, driving: The files.
        options: As the client sent them, with the name of the model.
        load: The model.
        folder: Where its files go.
        explains: The job whose way this one shows; None for others.
        changes: Wakes those who watch it.
    """

    id: str
    source: Item
    driving: Item
    options: JobOptions
    load: LoadOptions
    folder: Path
    explains: Job | None = None
    created: str = field(default_factory=lambda: datetime.now().astimezone().isoformat(timespec="seconds"))
    state: State = "waiting"
    stage: str = "waiting"
    done: int = 0
    total: int | None = None
    left_s: float | None = None
    previews: int = 0
    error: str | None = None
    error_code: Cause | None = None
    result: AnimationResult | None = None
    changes: Changes = field(default_factory=Changes)
    is_deleted: bool = False

    @property
    def is_over(self) -> bool:
        """True if nothing changes any more."""
        return self.state in ("done", "failed", "cancelled") or self.is_deleted

    @property
    def motion_id(self) -> str:
        """The id of its motion as a driver of other jobs."""
        return f"motion:{self.id}"

    @property
    def motion_path(self) -> Path:
        """The motion file; exists if the job is done."""
        return self.folder / "motion.npz"

    @property
    def result_path(self) -> Path:
        """The result; exists if the job is done."""
        return self.folder / "result.mp4"

    def document(self) -> dict[str, Any]:
        """The job for clients."""
        url = f"/api/jobs/{self.id}"
        return {
            "id": self.id,
            "kind": "animation" if self.explains is None else "explanation",
            "state": self.state,
            "source": self.source.id,
            "source_name": self.source.name,
            "driving": self.driving.id,
            "driving_name": self.driving.name,
            "options": self.options,
            "created": self.created,
            "stage": self.stage,
            "done": self.done,
            "total": self.total,
            "left_s": self.left_s,
            "preview": f"{url}/preview?n={self.previews}" if self.previews else None,
            "error": self.error,
            "error_code": self.error_code,
            "result": self._result_document(f"{url}/result"),
            "motion_id": self.motion_id if self.result is not None and self.result.has_motion else None,
        }

    def _result_document(self, url: str) -> dict[str, Any] | None:
        if self.result is None:
            return None
        document = msgspec.structs.asdict(self.result)
        seconds = self.result.duration_s
        return {"url": url, **document, "fps": self.result.frames / seconds if seconds else None}


class Jobs:
    """Runs jobs and keeps them.

    Args:
        folder: For their files.
        library: Gets the motion of each finished job as a driver.
        worker: Animates.
        limits: Counts.

    Attributes:
        backend: What ran the last job; None before the first.
    """

    def __init__(self, folder: Path, library: Library, worker: Worker, limits: Limits) -> None:
        folder.mkdir()
        self._folder = folder
        self._library = library
        self._worker = worker
        self._limits = limits
        self._jobs: dict[str, Job] = {}
        self._waiting: deque[Job] = deque()
        self._added = Changes()
        self._running: tuple[Job, Animate] | None = None
        self.backend: BackendInfo | None = None

    @property
    def newest_first(self) -> list[Job]:
        """All animations; jobs that explain others are left out."""
        return [job for job in reversed(self._jobs.values()) if job.explains is None]

    def find(self, key: str) -> Job:
        """The job of an id. Raises Refusal if there is none."""
        job = self._jobs.get(key)
        if job is None:
            raise Refusal(404, "there is no such job, or it was deleted", "job_gone")
        return job

    def uses(self, item: Item) -> bool:
        """True if a job that is not over needs a file."""
        return any(item in (job.source, job.driving) and not job.is_over for job in self._jobs.values())

    def submit(
        self, source: Item, driving: Item, options: JobOptions, load: LoadOptions, explains: Job | None = None
    ) -> Job:
        """Adds a job. Raises Refusal if too many are waiting."""
        if sum(not job.is_over for job in self._jobs.values()) >= self._limits.jobs_waiting:
            raise Refusal(429, "too many jobs are waiting; let some finish, or cancel them", "too_many_jobs")
        key = secrets.token_hex(8)
        job = Job(key, source, driving, options, load, self._folder / key, explains)
        job.folder.mkdir()
        self._jobs[key] = job
        self._waiting.append(job)
        self._added.notify()
        self._forget_oldest()
        return job

    def explanation_of(self, job: Job) -> Job | None:
        """The job that shows how another one was made, unless it failed or was cancelled."""
        return next(
            (
                each
                for each in self._jobs.values()
                if each.explains is job and each.state not in ("failed", "cancelled")
            ),
            None,
        )

    def cancel(self, job: Job) -> None:
        """Ends a job; nothing happens if it is over."""
        if job.state == "waiting":
            self._waiting.remove(job)
            self._end(job, "cancelled")
        elif self._running is not None and self._running[0] is job:
            self._worker.cancel(self._running[1].number)

    def delete(self, job: Job) -> None:
        """Removes a job with its files; one that runs is cancelled first.

        Raises:
            Refusal: Another job that is not over is driven by its motion.
        """
        motion = next((item for item in self._library.items if item.id == job.motion_id), None)
        if motion is not None and self.uses(motion):
            sentence = "another job is driven by the motion of this one; wait until it has finished"
            raise Refusal(409, sentence, "motion_in_use")
        self.cancel(job)
        self._library.remove(job.motion_id)
        self._jobs.pop(job.id, None)
        job.is_deleted = True
        job.changes.notify()
        for other in [each for each in self._jobs.values() if each.explains is job]:
            self.delete(other)
        if self._running is None or self._running[0] is not job:
            shutil.rmtree(job.folder, ignore_errors=True)

    async def run(self) -> None:
        """Runs jobs until it is cancelled."""
        while True:
            seen = self._added.count
            while self._waiting:
                await self._run(self._waiting.popleft())
            await self._added.after(seen)

    async def _run(self, job: Job) -> None:
        job.state, job.stage = "running", "starting"
        job.changes.notify()
        task = Animate(
            names=_names_of(job),
            load=job.load,
            source=str(job.source.path),
            driving=str(job.driving.path),
            folder=str(job.folder),
            options=job.options,
        )
        self._running = job, task
        left = TimeLeft()
        try:
            result = await self._worker.run(task, lambda report: self._take(job, left, report))
            job.result = msgspec.convert(result, AnimationResult)
            self._keep_motion(job, job.result)
            self._end(job, "done")
        except TaskError as error:
            job.error, job.error_code = (None, None) if error.is_cancelled else (str(error), error.cause)
            self._end(job, "cancelled" if error.is_cancelled else "failed")
        finally:
            self._running = None
            if job.is_deleted:
                shutil.rmtree(job.folder, ignore_errors=True)

    def _take(self, job: Job, left: TimeLeft, report: Report) -> None:
        match report:
            case Progress(stage=stage, done=done, total=total):
                job.stage, job.done, job.total = stage, done, total
                job.left_s = left.update(stage, done, total, monotonic())
            case Preview():
                job.previews += 1
            case Loaded(backend=backend):
                self.backend = backend
        job.changes.notify()

    def _keep_motion(self, job: Job, result: AnimationResult) -> None:
        if job.is_deleted or not result.has_motion:
            return
        info = MediaInfo(str(job.motion_path), OPAQUE, None, None, result.duration_s, False, True, False)
        name = f"motion of {job.driving.name}" if not job.driving.id.startswith("motion:") else job.driving.name
        self._library.add(Item(job.motion_id, name, "driver", job.motion_path, job.folder / "motion.jpg", info))

    def _end(self, job: Job, state: State) -> None:
        job.state, job.left_s = state, None
        job.changes.notify()

    def _forget_oldest(self) -> None:
        over = [job for job in self._jobs.values() if job.is_over and job.explains is None]
        for job in over[: max(len(self._jobs) - self._limits.jobs, 0)]:
            with suppress(Refusal):  # its motion is in use
                self.delete(job)


def _names_of(job: Job) -> dict[str, str]:
    return {
        str(job.source.path): job.source.name,
        str(job.driving.path): job.driving.name,
        str(job.result_path): "the result",
        str(job.motion_path): "the motion file",
        str(job.folder): "the studio's folder",
    }
