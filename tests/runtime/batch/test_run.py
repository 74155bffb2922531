"""Runs over the results of earlier ones, with a fake in place of the workers that writes files and needs no model."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from typing_extensions import override

from fomm_rt import BatchError, Job, OutputError
from fomm_rt.batch.job import Animated
from fomm_rt.batch.pool import Outcome, Pool, Work
from fomm_rt.batch.run import Batch
from fomm_rt.batch.table import Placed
from fomm_rt.files.overwriting import Overwrite
from fomm_rt.workers.messages import LoadOptions

ANIMATED = Animated(
    frames=1,
    seconds=0.1,
    width=8,
    height=8,
    duration_s=0.1,
    reference_frame=None,
    source_squares=(),
    driving_square=None,
    skipped_packets=0,
    missing_frames=0,
    model="fake",
    backend="fake",
    device="fake",
    warnings=[],
)


def write(job: Job) -> None:
    """Writes the results that a job names, three pictures for a pattern; each has a content of its own."""
    for path in map(Path, job.outputs):
        path.parent.mkdir(parents=True, exist_ok=True)
        for name in (path.name % number for number in (1, 2, 3)) if "%" in path.name else (path.name,):
            (path.parent / name).write_bytes(os.urandom(20))


def fail(_job: Job) -> str:
    return "told to fail"


def write_and_fail(job: Job) -> str:
    write(job)
    return "killed between its result and its answer"


@dataclass
class FakePool(Pool):
    """Does jobs by a function, which returns why a job failed."""

    do: Callable[[Job], str | None]

    @override
    def run(self, work: Work) -> None:
        last = None
        while (given := work.take(last)) is not None:
            taken, order = given
            last = taken.key
            error = self.do(order.job)
            work.end(Outcome(taken, None if error else ANIMATED, error))

    @override
    def stop(self) -> None:
        pass


@dataclass
class Folder:
    """A folder with an input, which runs fill with results."""

    path: Path
    jobs: list[Job] = field(default_factory=lambda: [Job(source="a.png", driving="t.mp4", output="r.mp4")])

    @property
    def out(self) -> Path:
        return self.path / "out"

    def batch(
        self, do: Callable[[Job], str | None], *, retry_failed: bool = False, overwrite: Overwrite = False
    ) -> Batch:
        placed = [Placed(job, f"line {number}") for number, job in enumerate(self.jobs, start=1)]
        pool = FakePool(do)
        found = Batch(
            placed, self.path, self.out, LoadOptions(None), lambda _jobs, load: (pool, load), retry_failed, overwrite
        )
        found.check()
        return found

    def run(self, do: Callable[[Job], str | None] = write, **options: bool) -> list[str]:
        return [result.state for result in self.batch(do, **options).results()]

    def change_input(self) -> None:
        (self.path / "a.png").write_bytes(os.urandom(20))


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def test_a_failure_over_an_older_result_does_not_stop_later_runs(folder: Folder) -> None:
    assert folder.run() == ["made"]
    folder.change_input()
    assert folder.run(fail) == ["failed"]
    assert folder.run(fail, retry_failed=True) == ["failed"]
    assert folder.run() == ["failed"]
    assert folder.run(retry_failed=True) == ["made"]
    folder.change_input()
    assert folder.run(fail) == ["failed"]
    folder.change_input()
    assert folder.run() == ["made"]


def test_a_result_whose_worker_died_before_its_answer_is_replaced(folder: Folder) -> None:
    assert folder.run(write_and_fail) == ["failed"]
    assert folder.run(write_and_fail, retry_failed=True) == ["failed"]
    assert folder.run(retry_failed=True) == ["made"]


def test_a_result_that_was_changed_by_hand_is_kept(folder: Folder) -> None:
    folder.run()
    folder.change_input()
    folder.run(fail)
    (folder.out / "r.mp4").write_text("changed by me")
    with pytest.raises(OutputError, match=r"r\.mp4 exists already"):
        folder.run(retry_failed=True)
    assert (folder.out / "r.mp4").read_text() == "changed by me"
    assert folder.run(retry_failed=True, overwrite=True) == ["made"]


def test_a_failure_does_not_make_a_foreign_file_the_result_of_a_run(folder: Folder) -> None:
    folder.out.mkdir()
    (folder.out / "r.mp4").write_text("mine")
    assert folder.run(fail, overwrite=True) == ["failed"]
    with pytest.raises(OutputError, match=r"r\.mp4 exists already"):
        folder.run(retry_failed=True)


def test_motion_files_come_and_go(folder: Folder) -> None:
    def set_motion(name: str | None) -> None:
        folder.jobs = [Job(source="a.png", driving="t.mp4", output="r.mp4", motion_output=name)]

    for name in ("m.npz", None, "m.npz", "n.npz", None, "n.npz"):
        set_motion(name)
        assert folder.run() == ["made"], name
        assert folder.run() == ["present"], name
    (folder.out / "m.npz").write_text("mine")
    set_motion("m.npz")
    with pytest.raises(OutputError, match=r"m\.npz exists already"):
        folder.run()


@pytest.mark.parametrize("output", ["r.mp4", "f/%02d.png"])
def test_a_result_that_is_there_in_part_is_made_again(folder: Folder, output: str) -> None:
    folder.jobs = [Job(source="a.png", driving="t.mp4", output=output, motion_output="m.npz")]
    assert folder.run() == ["made"]
    files = [file for file in folder.out.rglob("*") if file.suffix in (".mp4", ".png", ".npz")]
    assert len(files) == (2 if output == "r.mp4" else 4)
    for file in files:
        file.unlink()
        assert folder.run() == ["made"], file
        file.write_bytes(b"")  # as after a power failure
        assert folder.run() == ["made"], file
        assert folder.run() == ["present"], file
        content = file.read_bytes()
        file.write_bytes(b"mine")
        with pytest.raises(OutputError, match="exists already"):
            folder.run()
        file.write_bytes(content)
        assert folder.run() == ["present"], file


def test_what_is_known_of_earlier_results_does_not_grow(folder: Folder) -> None:
    def size_of_last_line() -> int:
        return len((folder.out / "journal.jsonl").read_bytes().splitlines()[-1])

    folder.run(write_and_fail)
    folder.run(fail, retry_failed=True)
    before = size_of_last_line()
    for _ in range(5):
        folder.run(fail, retry_failed=True)
    assert size_of_last_line() == before


def test_results_are_on_the_disk_before_the_journal_says_so(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[tuple[str, bytes]] = []
    journal = folder.out / "journal.jsonl"

    def fsync(file: int) -> None:
        synced.append((str(Path(f"/proc/self/fd/{file}").readlink()), journal.read_bytes()))

    monkeypatch.setattr(os, "fsync", fsync)
    folder.run()
    names = [name for name, _ in synced]
    assert names == [str(journal), str(folder.out / "r.mp4"), str(folder.out), str(journal)]
    assert [b'"files"' in said for _, said in synced] == [False, False, False, True]


@pytest.mark.parametrize(
    "content",
    [
        '{"source": "a.png", "driving": "t.mp4"}\n{"source": "b.png"',
        '{"source": "a.png", "driving": "t.mp4"}',
        "notes\n",
    ],
)
def test_a_journal_that_no_run_wrote_is_kept(folder: Folder, content: str) -> None:
    folder.out.mkdir()
    journal = folder.out / "journal.jsonl"
    journal.write_text(content)
    with pytest.raises(OutputError, match="is not the journal of a batch"):
        folder.run()
    with pytest.raises(OutputError, match="is not the journal of a batch"):
        folder.batch(fail).plan()
    assert journal.read_text() == content


@pytest.mark.parametrize("content", ["", '{"output":"r.m', "\0" * 30])
def test_a_journal_whose_first_line_was_cut_off_is_used(folder: Folder, content: str) -> None:
    folder.out.mkdir()
    (folder.out / "journal.jsonl").write_text(content)
    assert folder.run() == ["made"]
    assert folder.run() == ["present"]


def test_a_summary_that_no_run_wrote_is_kept(folder: Folder) -> None:
    folder.out.mkdir()
    summary = folder.out / "summary.json"
    summary.write_text('{"mine": 1}')
    assert folder.batch(fail).plan().foreign == [summary]
    with pytest.raises(OutputError, match=r"summary\.json exists already"):
        folder.run()
    assert summary.read_text() == '{"mine": 1}'
    assert folder.run(overwrite=True) == ["made"]
    (folder.out / "journal.jsonl").unlink()
    (folder.out / "r.mp4").unlink()
    assert folder.run() == ["made"], "the summary is that of a run"
    assert json.loads(summary.read_text())["made"] == 1


def test_a_table_is_neither_the_journal_nor_a_result(folder: Folder) -> None:
    for name, told in (("journal.jsonl", "the table: it is the journal"), ("r.mp4", "also an input")):
        with pytest.raises(BatchError, match=told):
            replace(folder.batch(fail), table=folder.out / name).check()
