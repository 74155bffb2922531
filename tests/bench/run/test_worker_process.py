"""Workers that die, hang or send nonsense are reported and gone; workers that answer are ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from fomm_bench.contestants.protocol import UnavailableError
from fomm_bench.model.model_spec import ModelSpec
from fomm_bench.run.messages import Animate, Memory, ReadMemory
from fomm_bench.run.session import Session
from fomm_bench.run.worker_process import (
    PACKAGES,
    WorkerDiedError,
    WorkerProcess,
    worker_command,
    worker_environment,
)
from fomm_rt.errors import BenchmarkError

REQUEST = ReadMemory()
SERVES = """
from multiprocessing.connection import Connection
from fomm_bench.run.messages import Memory, encode
requests, answers = Connection(0, writable=False), Connection(1, readable=False)
while True:
    requests.recv_bytes()
    answers.send_bytes(encode(Memory(CHILD, None)))
"""
"""A worker that answers everything with CHILD, the id of a process that it started."""

BENCHMARK = """
import os, sys, time
from fomm_bench.run.messages import ReadMemory
from fomm_bench.run.worker_process import WorkerProcess
worker = WorkerProcess("rival", [sys.executable, "-c", sys.argv[1]], dict(os.environ), 60)
child = worker.ask(ReadMemory()).host_bytes
print(worker.pid, child, flush=True)
time.sleep(600)
"""


def worker(script: str, timeout_s: float = 20) -> closing[WorkerProcess]:
    return closing(WorkerProcess("rival", [sys.executable, "-c", script], dict(os.environ), timeout_s))


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_reports_a_death_with_the_last_output() -> None:
    script = "import sys; sys.stdin.buffer.read(8); print('out of luck', file=sys.stderr); sys.exit(3)"
    with worker(script) as process, pytest.raises(WorkerDiedError, match=r"rival ended with exit code 3.*out of luck"):
        process.ask(REQUEST)
    assert gone(process.pid)


def test_names_the_signal_of_a_death() -> None:
    script = "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"
    with worker(script) as process, pytest.raises(WorkerDiedError, match="SIGSEGV"):
        process.ask(REQUEST)


def test_ends_a_hanging_worker() -> None:
    with (
        worker("import time; time.sleep(600)", 0.3) as process,
        pytest.raises(WorkerDiedError, match=r"no answer to ReadMemory within 0 s$"),
    ):
        process.ask(REQUEST)
    assert gone(process.pid)


def test_ends_a_worker_that_does_not_read() -> None:
    frames = np.zeros(1 << 20, np.uint8)  # more than a pipe holds
    with worker("import time; time.sleep(600)", 0.3) as process, pytest.raises(WorkerDiedError, match="no answer"):
        process.ask(Animate(frames))


def test_ends_a_worker_that_sends_nonsense() -> None:
    script = "import sys; sys.stdin.buffer.read(8); print('Loading weights, please wait', flush=True); sys.stdin.read()"
    with worker(script) as process, pytest.raises(WorkerDiedError, match="sent no answer: "):
        process.ask(REQUEST)
    assert gone(process.pid)


def wait_until_gone(pid: int) -> None:
    for _ in range(600):  # its adoptive parent may not have reaped it yet
        if gone(pid) or "Z" in Path(f"/proc/{pid}/stat").read_text().split(")")[1][:3]:
            return
        time.sleep(0.05)
    pytest.fail("the process still runs")


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_stopped_workers_end_with_a_benchmark_that_is_killed(number: int) -> None:
    """Both the worker and its child are stopped, so they cannot notice by themselves."""
    child = "import subprocess; CHILD = subprocess.Popen(['sleep', '600']).pid\n"
    benchmark = subprocess.Popen([sys.executable, "-c", BENCHMARK, child + SERVES], stdout=subprocess.PIPE, text=True)
    assert benchmark.stdout is not None
    pids = [int(pid) for pid in benchmark.stdout.readline().split()]
    assert len(pids) == 2
    for pid in pids:
        for _ in range(200):
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T":
                break
            time.sleep(0.05)
        else:
            pytest.fail("the process is not stopped")
    benchmark.send_signal(number)
    benchmark.wait(30)
    benchmark.stdout.close()
    for pid in pids:
        wait_until_gone(pid)


def test_a_worker_imports_nothing_from_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "numpy.py").write_text("raise SystemExit('the wrong one')", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PYTHONSAFEPATH", raising=False)
    command, environment = worker_command("pytorch", None), worker_environment(tmp_path, None)
    with closing(WorkerProcess("rival", command, environment, 60)) as process:
        assert isinstance(process.ask(REQUEST), Memory)


def test_children_end_with_their_worker(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    script = (
        "import subprocess, sys, pathlib;"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']);"
        f"pathlib.Path({str(note)!r}).write_text(str(child.pid)); sys.stdin.buffer.read(8)"
    )
    with worker(script) as process, pytest.raises(WorkerDiedError):
        process.ask(REQUEST)
    wait_until_gone(int(note.read_text()))


def test_names_a_program_that_cannot_be_started() -> None:
    with pytest.raises(WorkerDiedError, match="cannot be started"):
        WorkerProcess("rival", ["/nowhere/python"], {}, 1)


def session(name: str, folder: Path, timeout_s: float = 60) -> Session:
    return Session(name, worker_command(name, None), worker_environment(folder, None), timeout_s)


def test_a_real_worker(tmp_path: Path, tiny_spec: ModelSpec) -> None:
    frames = np.random.default_rng(1).integers(0, 255, (3, 64, 64, 3), np.uint8)
    name = "fomm-rt:onnxruntime-cpu"
    contestant = session(name, tmp_path)
    try:
        opened = contestant.open(tiny_spec, frames[0])
        assert opened.device.startswith("CPU, ONNX Runtime")
        assert not opened.takes_batches
        assert "onnxruntime" in opened.versions
        assert contestant.first_frame(frames[0]) > opened.open_ms
        animated = contestant.animate(frames, pictures=True)
        assert animated.pictures is not None
        assert animated.pictures.shape == frames.shape
        assert len(animated.latency_ms) == len(animated.stage_ms) == 3
        assert contestant.animate(frames, pictures=False).pictures is None
        memory = contestant.memory()
        assert memory.host_bytes is not None
        assert memory.host_bytes > 10_000_000
        assert memory.device_bytes is None
        with pytest.raises(UnavailableError, match="one frame at a time"):
            contestant.animate_batch(frames)
    finally:
        contestant.close()
        contestant.close()


def test_errors_come_back_as_exceptions(tmp_path: Path, tiny_spec: ModelSpec) -> None:
    contestant = session("onnxruntime", tmp_path)
    frames = np.zeros((1, 64, 64, 3), np.uint8)
    try:
        with pytest.raises(UnavailableError, match="not been opened"):
            contestant.animate(frames, pictures=False)
        contestant.open(tiny_spec, frames[0])
        with pytest.raises(BenchmarkError, match=r"onnxruntime failed: .*INVALID_ARGUMENT"):
            contestant.animate(frames[:, :32, :32], pictures=False)
        assert contestant.animate(frames, pictures=False).latency_ms
    finally:
        contestant.close()


def test_another_python_gets_only_this_projects_packages(tmp_path: Path) -> None:
    environment = worker_environment(tmp_path, "/usr/bin/python3")
    packages = Path(environment["PYTHONPATH"])
    assert packages.parent == tmp_path
    assert {path.name for path in packages.iterdir()} == set(PACKAGES)
    assert (packages / "fomm_rt" / "errors.py").is_file()
    assert "PYTHONPATH" not in worker_environment(tmp_path, None) or "PYTHONPATH" in os.environ
