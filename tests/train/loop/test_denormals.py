"""Numbers too small to matter, in threads of torch's as well."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import sys
import torch
from fomm_train.loop.denormals import flush_denormal_numbers
KNOWS = flush_denormal_numbers() if sys.argv[1] == "flush" else False
tiny = torch.full((1 << 20,), 1e-38)  # enough for every thread of torch's
print(KNOWS, int((tiny * 1e-3 != 0).sum()))
"""


def _left(how: str) -> tuple[bool, int]:
    """Whether the CPU can flush, and how many denormal results of 2**20 are not zero."""
    command = [sys.executable, "-c", PROGRAM, how]
    output = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.split()
    return output[0] == "True", int(output[1])


def test_denormal_results_are_zeros_in_every_thread() -> None:
    knows, left = _left("flush")
    assert left == (0 if knows else 1 << 20)
    assert _left("keep") == (False, 1 << 20)
