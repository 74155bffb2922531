"""What the process keeps of memory it frees."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

MEBIBYTES = 200
PROGRAM = f"""
import resource
from fomm_train.loop.allocator import keep_freed_memory
KEEP = keep_freed_memory() if __import__("sys").argv[1] == "keep" else False
def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize() >> 20
before = resident()
tensor = bytearray({MEBIBYTES} << 20)
assert resident() - before >= {MEBIBYTES} - 1
del tensor
print(KEEP, resident() - before)
"""


def _held(how: str) -> tuple[bool, int]:
    output = subprocess.run(
        [sys.executable, "-c", PROGRAM, how], capture_output=True, text=True, check=True, timeout=60
    ).stdout.split()
    return output[0] == "True", int(output[1])


def test_freed_memory_stays_with_the_process() -> None:
    understood, held = _held("keep")
    if not understood:
        pytest.skip("the C library is not glibc")
    assert held >= MEBIBYTES - 5
    assert _held("give back")[1] < 20
