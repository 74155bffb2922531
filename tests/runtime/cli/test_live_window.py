"""`fomm-rt live` with its window, as a process on a display without a screen."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from virtual_display import HEIGHT, WIDTH, VirtualDisplay, virtual_display

LIMIT_S = 90
"""A process that hangs fails after this time; it is no measurement."""
LIVE = (sys.executable, "-m", "fomm_rt", "live", "--camera", "test")


@pytest.fixture(scope="module")
def display() -> Iterator[VirtualDisplay]:
    with virtual_display() as running:
        yield running


def start(display: VirtualDisplay, folder: Path, *arguments: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "DISPLAY": display.name}
    return subprocess.Popen(
        [*LIVE, *arguments], cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    try:
        output, errors = process.communicate(timeout=LIMIT_S)
    finally:
        process.kill()
    return process.returncode, output, errors


def wait_for_a_picture(display: VirtualDisplay, process: subprocess.Popen[str]) -> None:
    """Until the window shows more than the words that it waits."""
    end_s = time.monotonic() + LIMIT_S
    while np.median(display.screenshot()[HEIGHT // 3 : HEIGHT // 2, WIDTH // 3 : WIDTH // 2]) < 30:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end_s, "no picture is shown"
        time.sleep(0.1)


@pytest.mark.parametrize("end", ["Escape", "Ctrl-C"])
def test_a_session_in_a_window(display: VirtualDisplay, tmp_path: Path, end: str) -> None:
    process = start(display, tmp_path, "--json")
    try:
        wait_for_a_picture(display, process)
        display.do("key", "p", "F1")
        display.do("key", "Escape")
        if end == "Escape":
            display.do("key", "Escape")
        else:
            process.send_signal(signal.SIGINT)
    finally:
        code, output, errors = ended(process)
    assert code == 0, errors
    report = json.loads(output)
    assert report["shown"] > 0
    assert report["captured"] == report["shown"] + report["dropped"]
    assert report["files"] == []
    assert display.windows() == []
    if end == "Escape":
        assert [file.name for file in tmp_path.iterdir()] == ["snapshot.png"]


def test_without_a_display_it_says_what_to_do(tmp_path: Path) -> None:
    environment = {**os.environ, "DISPLAY": "", "WAYLAND_DISPLAY": ""}
    done = subprocess.run(
        LIVE, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=LIMIT_S, check=False
    )
    assert done.returncode == 1
    assert "--no-window" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_probe_that_is_ended_early_has_no_result(display: VirtualDisplay, tmp_path: Path) -> None:
    code, output, errors = ended(start(display, tmp_path, "--probe", "--duration", "1"))
    assert (code, output) == (1, "")
    assert "before it was done" in errors
