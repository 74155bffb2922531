"""Runs code in a process of its own that never collects garbage, and reads what it says about its memory."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

_PRELUDE = """
import gc, json, os, sys
from pathlib import Path

gc.disable()

def bytes_of(field):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(field))

def resident(): return bytes_of("VmRSS")
def peak(): return bytes_of("VmHWM")
def threads(): return len(os.listdir("/proc/self/task"))
def report(value): print(json.dumps(value))

"""


def run_without_collector(code: str, *arguments: object) -> Any:
    """Runs code that calls `report` once; returns what it reported. It may call `resident`, `peak` and `threads`."""
    if not Path("/proc/self/status").exists():
        pytest.skip("memory is read from /proc")
    done = subprocess.run(
        [sys.executable, "-c", _PRELUDE + code, *map(str, arguments)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])
