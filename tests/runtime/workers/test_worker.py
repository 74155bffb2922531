"""Worker processes: answers, crashes, cancellation, replacement."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from fomm_rt.studio.messages import Convert
from fomm_rt.workers import worker as worker_module
from fomm_rt.workers.messages import Progress, Report
from fomm_rt.workers.worker import TaskError, Worker

TESTS = Path(__file__).parents[2]
Use = Callable[[Worker], Coroutine[Any, Any, None]]


@pytest.fixture
def with_worker(monkeypatch: pytest.MonkeyPatch) -> Callable[[Use], None]:
    """Runs a coroutine with a fake worker."""
    code = f"import sys; sys.path.insert(0, {str(TESTS)!r}); from fakes.studio_worker import main; main()"
    monkeypatch.setattr(worker_module, "module_command", lambda _module: [sys.executable, "-c", code])

    def run(use: Use) -> None:
        async def whole() -> None:
            worker = Worker("fakes.studio_worker", "fakes")
            try:
                await asyncio.wait_for(use(worker), 120)
            finally:
                worker.stop()

        asyncio.run(whole())

    return run


def task(target: str, source: str = "") -> Convert:
    return Convert(source=source, target=target, names={"/secret/file": "my file"})


def test_tasks_are_answered_and_reported(with_worker: Callable[[Use], None]) -> None:
    async def use(worker: Worker) -> None:
        reports: list[Report] = []
        answers = await asyncio.gather(*(worker.run(task("echo", str(i)), reports.append) for i in range(5)))
        assert answers == list("01234")
        assert sorted(report.number for report in reports) == [1, 2, 3, 4, 5]
        assert all(isinstance(report, Progress) and report.stage == "echoing" for report in reports)
        assert await worker.run(task("print")) == "printed"

    with_worker(use)


def test_failures_name_files_as_the_user_does(with_worker: Callable[[Use], None]) -> None:
    async def use(worker: Worker) -> None:
        with pytest.raises(TaskError, match=r"^my file: cannot be read$") as failed:
            await worker.run(task("fail", "/secret/file"))
        assert not failed.value.is_defect
        with pytest.raises(TaskError, match="ZeroDivisionError: by 0") as failed:
            await worker.run(task("defect"))
        assert failed.value.is_defect

    with_worker(use)


@pytest.mark.parametrize(
    ("target", "told"),
    [
        ("exit", "SystemExit: 3"),
        ("surrogate", r"^/films/\\udcff.mp4: cannot be read$"),
        ("no JSON", "UnicodeEncodeError"),
    ],
)
def test_every_task_is_answered(target: str, told: str, with_worker: Callable[[Use], None]) -> None:
    async def use(worker: Worker) -> None:
        process = await worker.run(task("pid"))
        with pytest.raises(TaskError, match=told):
            await worker.run(task(target))
        assert await worker.run(task("pid")) == process

    with_worker(use)


def test_a_task_that_cannot_be_sent_fails_and_no_other(with_worker: Callable[[Use], None]) -> None:
    async def use(worker: Worker) -> None:
        with pytest.raises(TaskError, match=r"udcff.*UTF-8"):
            await worker.run(task("echo", "/films/\udcff.mp4"))
        assert await worker.run(task("echo", "again")) == "again"

    with_worker(use)


def test_a_crash_fails_what_runs_and_the_next_task_gets_a_new_process(with_worker: Callable[[Use], None]) -> None:
    async def use(worker: Worker) -> None:
        first = await worker.run(task("pid"))
        assert first == worker.process_id
        hanging = asyncio.create_task(worker.run(task("hang")))
        with pytest.raises(TaskError, match="ended unexpectedly with exit code 7") as failed:
            await worker.run(task("crash"))
        assert failed.value.is_defect
        with pytest.raises(TaskError, match="ended unexpectedly"):
            await hanging
        assert await worker.run(task("pid")) != first

    with_worker(use)


@pytest.mark.parametrize("target", ["obey", "hang"])
def test_a_cancelled_task_ends_even_if_it_does_not_obey(
    target: str, with_worker: Callable[[Use], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_module, "CANCEL_S", 1.0 if target == "hang" else 120)

    async def use(worker: Worker) -> None:
        process = await worker.run(task("pid"))
        started = asyncio.Event()
        running = asyncio.create_task(worker.run(task(target), lambda _report: started.set()))
        await started.wait()
        worker.cancel(2)
        with pytest.raises(TaskError) as failed:
            await running
        assert failed.value.is_cancelled
        assert (await worker.run(task("pid")) == process) == (target == "obey")

    with_worker(use)


def test_a_caller_that_gives_up_frees_the_worker(
    with_worker: Callable[[Use], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_module, "CANCEL_S", 0.2)

    async def use(worker: Worker) -> None:
        process = await worker.run(task("pid"))
        started = asyncio.Event()
        running = asyncio.create_task(worker.run(task("hang"), lambda _report: started.set()))
        await started.wait()
        running.cancel()
        while worker.process_id == process:
            await asyncio.sleep(0.02)
        assert await worker.run(task("pid")) != process

    with_worker(use)


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_a_worker_that_has_grown_is_replaced(
    with_worker: Callable[[Use], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def use(worker: Worker) -> None:
        first = await worker.run(task("pid"))
        assert await worker.run(task("pid")) == first
        monkeypatch.setattr(worker_module, "GROWTH_BYTES", -1)
        assert await worker.run(task("pid")) == first
        assert await worker.run(task("pid")) != first

    with_worker(use)
