"""Settings that speed up a CPU, each in a process of its own."""

from __future__ import annotations

import subprocess
import sys

import pytest

MEBIBYTES = 200
FREE_MEMORY = f"""
import resource, sys
from fomm_train.loop.cpu_settings import keep_freed_memory
KEPT = keep_freed_memory() if sys.argv[1] == "set" else False
def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize() >> 20
before = resident()
tensor = bytearray({MEBIBYTES} << 20)
assert resident() - before >= {MEBIBYTES} - 1
del tensor
print(KEPT, resident() - before)
"""
COUNT_DENORMALS = """
import sys
import torch
from fomm_train.loop.cpu_settings import flush_denormal_numbers
FLUSHED = flush_denormal_numbers() if sys.argv[1] == "set" else False
tiny = torch.full((1 << 20,), 1e-38)  # enough for every thread of torch
print(FLUSHED, int((tiny * 1e-3 != 0).sum()))
"""


def _outcome(program: str, setting: str) -> tuple[bool, int]:
    """True if the setting took effect, and the number that the program measured."""
    command = [sys.executable, "-c", program, setting]
    output = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.split()
    return output[0] == "True", int(output[1])


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_freed_memory_stays_with_the_process() -> None:
    effective, held = _outcome(FREE_MEMORY, "set")
    if not effective:
        pytest.skip("the C library is not glibc")
    assert held >= MEBIBYTES - 5
    assert _outcome(FREE_MEMORY, "default")[1] < 20


def test_denormal_results_are_zeros_in_every_thread() -> None:
    effective, left = _outcome(COUNT_DENORMALS, "set")
    assert left == (0 if effective else 1 << 20)
    assert _outcome(COUNT_DENORMALS, "default") == (False, 1 << 20)
