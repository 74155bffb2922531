"""Workers of one machine record a driver once, whatever happens to the one that records it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from clips import ClipMaker
from fomm_rt import MediaError, animate_file
from fomm_rt.batch import recordings
from fomm_rt.batch.animation import JobAnimator, Order
from fomm_rt.batch.job import Animated, Job
from fomm_rt.batch.recordings import WAITING
from fomm_rt.clip.recorded_driver import DriverRequest, RecordedDriver, record_driver
from fomm_rt.clip.rendering import Progress
from fomm_rt.workers.messages import LoadOptions
from fomm_rt.workers.worker_process import CancelledTask

_HOLD = """
import sys
from filelock import FileLock

lock = FileLock(sys.argv[1])
lock.acquire()
print("held", flush=True)
sys.stdin.read()
"""


class Workers:
    """Workers with a folder that they share."""

    def __init__(self, folder: Path, pictures: Path, driver: Path, model: Path) -> None:
        self.shared, self.outputs = folder / "shared", folder / "out"
        self.shared.mkdir()
        self.pictures, self.driver, self.model = pictures, driver, model
        self.recorded: list[DriverRequest] = []

    def do(
        self, number: int, progress: Progress = lambda _stage, _done, _total: None, *, start_s: float = 0.0
    ) -> Animated:
        """Does a job in a worker of its own."""
        job = Job(
            source=str(self.pictures / f"{number}.png"),
            driving=str(self.driver),
            output=str(self.outputs / f"{number}.mp4"),
            start_s=start_s,
        )
        order = Order(load=LoadOptions(str(self.model), threads=1), job=job, recordings=str(self.shared))
        return JobAnimator()(order, progress)


@pytest.fixture
def workers(
    tmp_path: Path, pictures: Path, make_clip: ClipMaker, small_model: Path, monkeypatch: pytest.MonkeyPatch
) -> Workers:
    """Workers whose recordings are counted."""
    found = Workers(tmp_path, pictures, make_clip("driver.mp4", frames=8), small_model)

    def record(animator: object, request: DriverRequest, progress: Progress) -> RecordedDriver | None:
        found.recorded.append(request)
        return record_driver(animator, request, progress)  # type: ignore[arg-type]

    monkeypatch.setattr(recordings, "record_driver", record)
    return found


@pytest.fixture
def recorder(workers: Workers) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the lock of a recording, as a worker does that records."""
    workers.do(0)
    (path,) = workers.shared.glob("*.recording")
    path.unlink()
    workers.recorded.clear()
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(path.with_suffix(".lock"))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_one_worker_records_and_the_results_of_all_are_those_of_animate(workers: Workers, tmp_path: Path) -> None:
    for number in range(3):
        workers.do(number)
    assert len(workers.recorded) == 1
    for number in range(3):
        expected = tmp_path / f"expected-{number}.mp4"
        animate_file(workers.pictures / f"{number}.png", workers.driver, expected, model=workers.model, threads=1)
        assert (workers.outputs / f"{number}.mp4").read_bytes() == expected.read_bytes()


def test_another_part_and_another_file_are_recorded_by_themselves(workers: Workers, make_clip: ClipMaker) -> None:
    frames = [workers.do(0).frames, workers.do(1, start_s=0.2).frames]
    workers.driver.write_bytes(make_clip("other.mp4", frames=5).read_bytes())
    frames.append(workers.do(2).frames)
    assert frames == [8, 3, 5]
    assert len(workers.recorded) == 3


def test_a_driver_that_cannot_be_read_is_read_once(workers: Workers) -> None:
    workers.driver.write_text("no film")
    sentences = []
    for number in range(2):
        with pytest.raises(MediaError) as failure:
            workers.do(number)
        sentences.append(str(failure.value))
    assert sentences[0] == sentences[1]
    assert str(workers.driver) in sentences[0]
    assert len(workers.recorded) == 1


def test_a_worker_records_when_the_one_that_did_is_killed(workers: Workers, recorder: subprocess.Popen[str]) -> None:
    steps: list[str] = []

    def progress(stage: str, _done: int, _total: int | None) -> None:
        if stage not in steps:
            steps.append(stage)
        if stage == WAITING:
            recorder.kill()

    assert workers.do(0, progress).frames == 8
    assert steps[0] == WAITING
    assert len(workers.recorded) == 1
    assert len(list(workers.shared.glob("*.recording"))) == 1


@pytest.mark.usefixtures("recorder")
def test_a_worker_that_waits_can_be_cancelled(workers: Workers) -> None:
    def progress(stage: str, _done: int, _total: int | None) -> None:
        assert stage == WAITING
        raise CancelledTask

    with pytest.raises(CancelledTask):
        workers.do(0, progress)
    assert not workers.recorded


def test_workers_record_for_themselves_where_nothing_can_be_shared(
    workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_path: Path, _content: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", fail)
    assert [workers.do(number).frames for number in range(2)] == [8, 8]
    monkeypatch.undo()
    assert not list(workers.shared.glob("*.recording")) + list(workers.shared.glob("*.part"))

    workers.shared = workers.shared / "on another machine"
    assert workers.do(2).frames == 8
    assert not workers.shared.exists()


def test_too_many_frames_are_kept_by_no_worker(workers: Workers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fomm_rt.clip.recorded_driver.MOST_FRAMES", 6)
    assert [workers.do(number).frames for number in range(2)] == [8, 8]
    assert len(workers.recorded) == 1
