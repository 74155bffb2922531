"""Runs `fomm-rt batch` in a process of its own, and finds its workers."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

CODE = "import sys; from fomm_rt.__main__ import main; main()"
PATIENCE_S = 300


def start_batch(*arguments: object, before: str = "", **settings: Any) -> subprocess.Popen[str]:
    """Starts the command; `before` is code to run first."""
    command = [sys.executable, "-c", before + CODE, "batch", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **settings)


def run_batch(*arguments: object, **settings: Any) -> tuple[int, str, str]:
    """Runs the command; returns exit code, standard output and standard error."""
    process = start_batch(*arguments, **settings)
    out, err = process.communicate(timeout=PATIENCE_S)
    return process.returncode, out, err


def summary(folder: Path) -> dict[str, Any]:
    """What summary.json says."""
    document: dict[str, Any] = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    return document


def made(folder: Path) -> list[str]:
    """Names of the results in a folder."""
    return sorted(file.name for file in folder.glob("*.mp4"))


def wait_for(condition: Callable[[], Any]) -> Any:
    """Waits until a condition holds; returns its value."""
    end = time.monotonic() + PATIENCE_S
    while not (value := condition()):
        if time.monotonic() > end:
            pytest.fail("what the test waits for did not happen")
        time.sleep(0.02)
    return value


def workers_of(process: subprocess.Popen[str]) -> list[int]:
    """Ids of the worker processes."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    if not children.parent.parent.exists():
        pytest.skip("processes are found in /proc")
    found = []
    for tasks in Path(f"/proc/{process.pid}/task").iterdir():
        found += [int(each) for each in (tasks / "children").read_text(encoding="ascii").split()]
    return found
