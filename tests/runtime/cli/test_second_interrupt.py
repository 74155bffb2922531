"""The second Ctrl-C ends a process whose native code does not return."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from fomm_rt.cli.second_interrupt import SAME_PRESS_S

termios = pytest.importorskip("termios")

CODE = """
import hashlib, itertools, sys, time, tty
from pathlib import Path
from fomm_rt.cli.terminal import running
from fomm_rt.files.interruption import uninterrupted
from fomm_rt.files.staging import StagedFolder, StagedOutput

work, target = sys.argv[1:]
with running(quiet=False, as_json=False):
    if sys.stdin.isatty():
        tty.setraw(0)
    staged = StagedFolder(Path(target)) if "%" in target else StagedOutput(Path(target))
    with staged:
        (staged.path / "1.png" if "%" in target else staged.path).write_bytes(b"half")
        print("busy", flush=True)
        if work == "native":
            hashlib.pbkdf2_hmac("sha256", b"", b"", 2**31 - 1)
        elif work == "native step":
            with uninterrupted():
                hashlib.pbkdf2_hmac("sha256", b"", b"", 2**31 - 1)
        elif work == "with Python's lock":
            sum(itertools.repeat(1))
        else:
            while True:
                time.sleep(0.1)
"""


@contextmanager
def busy(work: str, target: Path, **streams: Any) -> Iterator[subprocess.Popen[bytes]]:
    """A process that writes to a target and computes without end."""
    streams = {"stdin": subprocess.DEVNULL, "stderr": subprocess.PIPE, **streams}
    command = [sys.executable, "-c", CODE, work, str(target)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, **streams) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"busy\n"
            time.sleep(0.5)  # until it is within the native call
            yield process
        finally:
            process.kill()


def press_again(process: subprocess.Popen[bytes], number: int = signal.SIGINT) -> int:
    """Sends a signal twice, as a person would; returns the exit code."""
    process.send_signal(number)
    time.sleep(2 * SAME_PRESS_S)
    assert process.poll() is None
    process.send_signal(number)
    return process.wait(timeout=30)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("name", ["result.mp4", "result-%03d.png"])
def test_the_second_signal_ends_native_code(tmp_path: Path, name: str, number: int) -> None:
    with busy("native", tmp_path / name) as process:
        assert len(list(tmp_path.iterdir())) == 1
        assert press_again(process, number) == 128 + number
        assert process.stderr is not None
        assert process.stderr.read() == b"interrupted again; ended at once\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform != "linux", reason="needs glibc")
def test_the_second_ctrl_c_ends_native_code_that_keeps_the_lock_of_python(tmp_path: Path) -> None:
    with busy("with Python's lock", tmp_path / "result.mp4") as process:
        assert press_again(process) == -signal.SIGINT


def test_the_same_ctrl_c_sent_twice_counts_once(tmp_path: Path) -> None:
    with busy("native", tmp_path / "result.mp4") as process:
        assert process.stderr is not None
        process.send_signal(signal.SIGINT)
        # Until the process has taken the signal over again; a second one before that may end it.
        time.sleep(SAME_PRESS_S / 4)
        for _ in range(2):
            process.send_signal(signal.SIGINT)
        assert process.stderr.readline() == b"still busy; press Ctrl-C again to end at once\n"
        assert process.poll() is None


def test_the_first_ctrl_c_ends_python_code(tmp_path: Path) -> None:
    with busy("Python", tmp_path / "result.mp4") as process:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=30)
        assert process.stderr is not None
        assert process.stderr.read().startswith(b"interrupted\n")
    assert list(tmp_path.iterdir()) == []


def test_files_that_are_being_moved_are_not_cut_short(tmp_path: Path) -> None:
    with busy("native step", tmp_path / "result.mp4") as process:
        assert press_again(process) == 128 + signal.SIGINT
    assert len(list(tmp_path.iterdir())) == 1, "for the next run, which finishes the move"


def test_the_terminal_is_given_back(tmp_path: Path) -> None:
    main, terminal = os.openpty()
    before = termios.tcgetattr(terminal)
    with busy("native", tmp_path / "result.mp4", stdin=terminal, stderr=terminal) as process:
        assert termios.tcgetattr(terminal) != before
        assert press_again(process) == 130
    assert termios.tcgetattr(terminal) == before
    assert b"\x1b[?25h" in os.read(main, 1000)
    os.close(main)
    os.close(terminal)


def test_handlers_are_restored_after_a_command() -> None:
    code = """
import signal
from fomm_rt.cli.terminal import running
before = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]
with running(quiet=False, as_json=False):
    pass
assert [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)] == before
assert signal.set_wakeup_fd(-1) == -1
for _ in range(2):
    try:
        signal.raise_signal(signal.SIGINT)
    except KeyboardInterrupt:
        print("raised")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "raised\nraised\n"), done.stderr
