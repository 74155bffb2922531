"""How a run goes on when workers of a cluster are lost; with a fake of Ray and its own errors."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

if find_spec("ray") is None:
    if os.environ.get("FOMM_REQUIRE_RAY") == "1":
        pytest.fail("FOMM_REQUIRE_RAY=1 promises Ray, which is not installed", pytrace=False)
    pytest.skip("Ray is not installed", allow_module_level=True)

from ray import exceptions as ray_exceptions

from fakes.ray_cluster import Answer, FakeRay
from fomm_rt import BatchError
from fomm_rt.batch.animation import Order
from fomm_rt.batch.job import Animated, Job
from fomm_rt.batch.pool import Outcome, Work
from fomm_rt.batch.ray_cluster import object_store, pool
from fomm_rt.batch.ray_cluster.actor import Described, Failed, Lacking, Made
from fomm_rt.batch.schedule import DriverKey, Schedule, Taken
from fomm_rt.version import __version__
from fomm_rt.workers.messages import LoadOptions

exceptions: Any = ray_exceptions  # some have no types

LOST: list[Exception] = [
    exceptions.ActorDiedError(),
    exceptions.OutOfMemoryError("the node ran out of memory"),
    exceptions.ObjectLostError("ab" * 28, None, ""),
    exceptions.OwnerDiedError("ab" * 28, None, ""),
    exceptions.NodeDiedError("the node has died"),
    exceptions.LocalRayletDiedError(),
    exceptions.RayTaskError("animate", "Traceback", ValueError("cannot be unpickled")),
]


class FakeWork(Work):
    """A fake of the jobs of a run: one for each letter, which names its driver."""

    def __init__(self, folder: Path, drivers: str) -> None:
        self.jobs = [
            Job(source=str(folder / f"{n}.png"), driving=str(folder / driver), output=str(folder / "out" / f"{n}.mp4"))
            for n, driver in enumerate(drivers)
        ]
        for path in {path for job in self.jobs for path in job.inputs}:
            Path(path).write_text("content")
        self.shared = folder
        self._schedule = Schedule(self.jobs, range(len(self.jobs)), lambda _index: None)
        self.ended: dict[int, Outcome] = {}
        self.told: list[str] = []

    def take(self, last: DriverKey | None) -> tuple[Taken, Order] | None:
        taken = self._schedule.take(last)
        if taken is None:
            return None
        return taken, Order(load=LoadOptions(None), job=self.jobs[taken.index], recordings=None)

    def put_back(self, taken: Taken) -> None:
        self._schedule.put_back(taken)

    def end(self, outcome: Outcome) -> None:
        assert outcome.taken.index not in self.ended
        self.ended[outcome.taken.index] = outcome

    def tell(self, taken: Taken, stage: str, done: int, total: int | None) -> None: ...

    def say(self, sentence: str) -> None:
        self.told.append(sentence)


Run = Callable[..., FakeRay]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Does jobs with a fake of Ray; returns the fake."""
    (tmp_path / "out").mkdir()

    def do(work: FakeWork, answer: Answer, count: int = 2, put: Any = None, describe: Any = None) -> FakeRay:
        fake = FakeRay(answer, describe)
        fake.put = put or fake.put
        monkeypatch.setattr(pool, "ray", fake)
        monkeypatch.setattr(object_store, "ray", fake)
        closed = []
        try:
            pool.RayPool(count, 1.0, 0.0, lambda: closed.append(True)).run(work)
        finally:
            assert closed
        return fake

    return do


def made() -> Made:
    """An answer."""
    return Made(
        Animated(
            frames=1,
            seconds=1.0,
            width=64,
            height=64,
            duration_s=None,
            reference_frame=None,
            source_squares=(),
            driving_square=None,
            skipped_packets=0,
            missing_frames=0,
            model="fake",
            backend="fake",
            device="fake",
            warnings=[],
        ),
        None,
    )


@pytest.mark.parametrize("error", LOST, ids=lambda error: type(error).__name__)
def test_a_job_whose_worker_is_lost_thrice_fails_and_the_others_go_on(
    tmp_path: Path, run: Run, error: Exception
) -> None:
    work = FakeWork(tmp_path, "abcd")
    tries = []

    def answer(name: str, order: Order, _received: Sequence[str], _files: Any) -> Made:
        if order.job.source.endswith("1.png"):
            tries.append(name)
            raise error
        return made()

    fake = run(work, answer)
    assert sorted(work.ended) == [0, 1, 2, 3]
    assert [index for index, outcome in work.ended.items() if outcome.animated is None] == [1]
    told = work.ended[1].error
    assert told is not None
    assert told.startswith("its worker ended 3 times, at last on w")
    assert work.ended[1].taken.attempts == len(tries) == len(set(tries)) == pool.ATTEMPTS == 3
    assert sum("it runs again" in sentence for sentence in work.told) == 2
    assert set(tries) <= set(fake.killed), "a worker may live whose answer is lost"


def test_a_job_whose_worker_is_lost_once_is_made(tmp_path: Path, run: Run) -> None:
    work = FakeWork(tmp_path, "aab")
    errors = [exceptions.OutOfMemoryError("the node ran out of memory")]

    def answer(_name: str, _order: Order, _received: Sequence[str], _files: Any) -> Made:
        if errors:
            raise errors.pop()
        return made()

    run(work, answer)
    assert sorted(outcome.taken.attempts for outcome in work.ended.values()) == [1, 1, 2]
    assert all(outcome.animated for outcome in work.ended.values())


def test_workers_of_a_lost_node_that_had_not_started_do_not_end_the_run(tmp_path: Path, run: Run) -> None:
    work = FakeWork(tmp_path, "abcdef")
    lost = {"w0", "w1", "w2", "w3"}

    def describe(name: str) -> Described:
        if name in lost:
            raise exceptions.ActorDiedError
        return Described(name, __version__, True)

    run(work, lambda *_arguments: made(), count=5, describe=describe)
    assert all(outcome.animated for outcome in work.ended.values())
    assert len(work.ended) == 6


def test_workers_that_never_start_are_given_up(tmp_path: Path, run: Run) -> None:
    starts = []

    def describe(name: str) -> Described:
        starts.append(name)
        raise exceptions.ActorDiedError

    with pytest.raises(BatchError, match="workers cannot be started on the cluster: The actor died"):
        run(FakeWork(tmp_path, "ab"), lambda *_arguments: made(), describe=describe)
    assert len(starts) == 2 * pool.STARTS

    work = FakeWork(tmp_path, "abc")
    starts.clear()

    def describe_one(name: str) -> Described:
        return describe(name) if name != "w1" else Described(name, __version__, True)

    run(work, lambda *_arguments: made(), describe=describe_one)
    assert all(outcome.animated for outcome in work.ended.values())
    assert len(starts) <= pool.STARTS


@pytest.mark.parametrize("is_model", [True, False])
def test_what_a_machine_lacks_again_fails_the_job(tmp_path: Path, run: Run, is_model: bool) -> None:
    work = FakeWork(tmp_path, "ab")
    sent = []

    def answer(_name: str, order: Order, received: Sequence[str], files: Any) -> Made | Lacking:
        if order.job is not work.jobs[0]:
            return made()
        sent.append((list(received), files is not None))
        assert len(sent) < 9, "it is sent without end"
        return Lacking([] if is_model else [order.job.source], is_model)

    run(work, answer)
    assert sent == [([], False), ([], True) if is_model else ([work.jobs[0].source], False)]
    told = work.ended[0].error
    assert told is not None
    assert f"{'the model' if is_model else work.jobs[0].source} was sent to w0, which cannot find it" in told
    assert work.ended[1].animated


def test_what_was_sent_once_is_sent_again_with_what_is_lacking_later(tmp_path: Path, run: Run) -> None:
    work = FakeWork(tmp_path, "a")
    job = work.jobs[0]

    def answer(_name: str, _order: Order, received: Sequence[str], _files: Any) -> Made | Lacking:
        needed = [path for path in job.inputs if path not in received]
        return Lacking(needed[:1], False) if needed else made()

    run(work, answer)
    assert work.ended[0].animated


@pytest.mark.parametrize("error", [exceptions.ObjectStoreFullError("full"), exceptions.OutOfDiskError("full")])
def test_a_full_object_store_fails_the_job_that_needs_it(tmp_path: Path, run: Run, error: Exception) -> None:
    work = FakeWork(tmp_path, "ab")

    def answer(_name: str, order: Order, _received: Sequence[str], _files: Any) -> Made | Lacking:
        return Lacking([order.job.source], False) if order.job is work.jobs[0] else made()

    def put(_value: object) -> None:
        raise error

    run(work, answer, put=put)
    told = work.ended[0].error
    assert told is not None
    assert "the object store of the cluster is full (full)" in told
    assert work.ended[1].animated


def test_an_input_that_is_gone_fails_its_job_by_its_name(tmp_path: Path, run: Run) -> None:
    work = FakeWork(tmp_path, "ab")
    Path(work.jobs[0].source).unlink()

    def answer(_name: str, order: Order, _received: Sequence[str], _files: Any) -> Made | Lacking:
        return Lacking([order.job.source], False) if order.job is work.jobs[0] else made()

    run(work, answer)
    assert work.ended[0].error == f"{work.jobs[0].source} does not exist; check the name and the folder."
    assert work.ended[1].animated


def test_a_result_that_cannot_be_placed_fails_its_job(tmp_path: Path, run: Run) -> None:
    work = FakeWork(tmp_path, "ab")
    Path(work.jobs[0].output).mkdir()

    def answer(_name: str, _order: Order, _received: Sequence[str], _files: Any) -> Made | Failed:
        return Made(made().animated, [[("r.mp4", b"result")]])

    run(work, answer)
    told = work.ended[0].error
    assert told is not None
    assert "is a folder" in told
    assert Path(work.jobs[1].output).read_bytes() == b"result"
