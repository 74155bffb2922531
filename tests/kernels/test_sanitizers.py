"""The tests of the kernels under the address and undefined-behaviour sanitizers.

Arrays are allocated without padding, so access one element beyond the end is found; deliberate faults must be found.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fomm_kernels import KERNELS
from fomm_kernels.host import COMPILERS, SANITIZERS, build, sanitizer_runtime

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def sanitized() -> dict[str, str]:
    """The environment of a process that can load the sanitized build."""
    runtime = sanitizer_runtime()
    if runtime is None:
        pytest.skip("the compiler brings no sanitizer runtime")
    for half in (False, True):
        build(half, sanitize=True)  # here, because a compiler that is watched too is slow
    options = {"LD_PRELOAD": runtime, "ASAN_OPTIONS": "detect_leaks=0", "FOMM_TEST_SANITIZED": "1"}
    return {**os.environ, **options}


def run_python(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *arguments]
    return subprocess.run(command, env=environment, cwd=HERE.parents[1], capture_output=True, text=True, check=False)


def test_every_kernel_runs_clean(sanitized: dict[str, str]) -> None:
    files = [str(HERE / f"test_{name}.py") for name in KERNELS]
    done = run_python(sanitized, "-m", "pytest", "-q", "-s", "-p", "no:cacheprovider", *files)
    assert "Sanitizer" not in done.stderr, done.stderr
    assert "runtime error" not in done.stderr, done.stderr
    assert done.returncode == 0, done.stdout
    assert "skipped" not in done.stdout


FAULT = """
import numpy as np
from fomm_kernels import *

class Faulty:
    on_device = False
    def launch(self, launch, stream=None):
        a = launch.arguments
        {fault}
        HostKernels(sanitize=True).launch(launch)

def ones(*shape, dtype=np.float32):
    return np.ones(shape, dtype)

{launch}
print("done")
"""
"""Launches a kernel with arguments changed after the launcher's checks."""

HEAD = "keypoint_head(Faulty(), ones(1, 2, 5, 7), None, ones(1, 2, 6), temperature=0.1)"
SAMPLE = "grid_sample(Faulty(), ones(1, 3, 5, 7), ones(1, 3, 3, 2), ones(1, 3, 3, 3), align_corners=True)"
PREDICTION = "prediction_output(Faulty(), ones(1, 3, 5, 7), ones(1, 5, 7, 3, dtype=np.uint8))"
OVERFLOW = "AddressSanitizer: heap-buffer-overflow"
FAULTS = {
    "none": (PREDICTION, "pass", ""),
    "one more column": (HEAD, "a.logits.width += 1", OVERFLOW),
    "one element further to read": (SAMPLE, "a.source.address += 4", OVERFLOW),
    "one byte further to write": (PREDICTION, "a.pictures += 1", OVERFLOW),
    "one byte too few that are shared": (HEAD, "object.__setattr__(launch, 'shared_bytes', 7 * 1024 - 1)", OVERFLOW),
    "an address within an element": (PREDICTION, "a.prediction.address += 1", "misaligned address"),
    "more columns than an int counts": (PREDICTION, "a.prediction.width = 1 << 30", "signed integer overflow"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_are_found(sanitized: dict[str, str], fault: str) -> None:
    launch, change, expected = FAULTS[fault]
    environment = {**sanitized, "ASAN_OPTIONS": "detect_leaks=0:symbolize=0"}  # quick: the place is known
    done = run_python(environment, "-c", FAULT.format(launch=launch, fault=change))
    assert (done.stdout == "done\n") == (not expected)
    assert expected in done.stderr
    assert (done.returncode == 0) == (not expected)


def test_numbers_that_no_int_holds_are_found(sanitized: dict[str, str], tmp_path: Path) -> None:
    """NaN to int is 0 on a GPU and INT_MIN on most CPUs; only a sanitizer detects it."""
    compiler = os.environ.get("CXX") or next(name for name in COMPILERS if shutil.which(name))
    source = tmp_path / "cast.cpp"
    source.write_text("int main(int count, char**) { return static_cast<int>(count * 1e30f) & 1; }\n")
    program = tmp_path / "cast"
    subprocess.run([*shlex.split(compiler), *SANITIZERS, str(source), "-o", str(program)], check=True)
    done = subprocess.run([str(program)], env=sanitized, capture_output=True, text=True, check=False)
    assert "is outside the range of representable values of type 'int'" in done.stderr
