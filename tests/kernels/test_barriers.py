"""Kernels with several threads per block under the thread sanitizer, see host_threads.h.

No barrier is missing, since the sanitizer reports nothing; none is superfluous, since it reports each removed one.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import kernel_cases
from fomm_kernels import KERNELS, HostKernels
from fomm_kernels.host import COMPILERS, OPTIONS
from fomm_kernels.sources import FOLDER, HEADERS, defines
from kernel_cases import results

THREADS = 3
"""Threads of a block; odd, see host_threads.h."""

RACE = "ThreadSanitizer: data race"
REPORTED = 66
"""Exit status of a process that the sanitizer stopped."""
SECONDS = 120
"""Seconds after which threads count as deadlocked."""

BARRIER = "FOMM_BARRIER();"
BARRIERS = [
    (path, number)
    for path in (*sorted(FOLDER.glob("*.cu")), *sorted(HEADERS.glob("*.h")))
    for number, line in enumerate(path.read_text().splitlines())
    if line.strip() == BARRIER
]
"""Files and lines, counted from 0."""

kernels = pytest.mark.parametrize("kernel", KERNELS)


class Watched:
    """Runs kernels under the thread sanitizer.

    Args:
        compiler: A command.
        runtime: The sanitizer's library.
    """

    def __init__(self, compiler: list[str], runtime: str) -> None:
        self.compiler = compiler
        # Where addresses are random, the sanitizer does not always find room for its own memory.
        self.command = ["setarch", "-R", "env", f"LD_PRELOAD={runtime}", sys.executable]
        options = {"TSAN_OPTIONS": f"halt_on_error=1 exitcode={REPORTED}", "OPENBLAS_NUM_THREADS": "1"}
        self.environment = {**os.environ, **options, "PYTHONPATH": str(FOLDER.parent)}

    def run(self, source: Path, kernel: str) -> subprocess.CompletedProcess[str]:
        """Compiles a source file and runs all cases of its kernel; writes the results beside it as .npz."""
        library, found = source.with_suffix(".so"), source.with_suffix(".npz")
        macros = [f"-D{name}={value}" for name, value in {**defines(half=False), "FOMM_HOST_THREADS": THREADS}.items()]
        options = [*OPTIONS, "-pthread", "-fsanitize=thread", *macros]
        subprocess.run([*self.compiler, *options, "-x", "c++", str(source), "-o", str(library)], check=True)
        return self.python(kernel_cases.__file__, str(library), kernel, str(found))

    def python(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs a process that loads the compiled library."""
        command = [*self.command, *arguments]
        return subprocess.run(
            command, env=self.environment, capture_output=True, text=True, check=False, timeout=SECONDS
        )


@pytest.fixture(scope="module")
def watched() -> Watched:
    compiler = shlex.split(os.environ.get("CXX") or next(name for name in COMPILERS if shutil.which(name)))
    asked = [*compiler, "-print-file-name=libtsan.so"]
    runtime = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
    if not Path(runtime).is_absolute():
        pytest.skip("the compiler brings no thread sanitizer that a process can load")
    if not shutil.which("setarch"):
        pytest.skip("there is no setarch, to start a process with the thread sanitizer")
    watched = Watched(compiler, runtime)
    if (done := watched.python("-c", "pass")).returncode:
        pytest.skip(f"no process starts with the thread sanitizer: {done.stderr.strip()}")
    return watched


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """A folder with copies of all sources."""
    for path in (*FOLDER.glob("*.cu"), *HEADERS.glob("*.h")):
        shutil.copy(path, tmp_path)
    return tmp_path


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))


@kernels
def test_nothing_is_reported(watched: Watched, sources: Path, executor: HostKernels, kernel: str) -> None:
    """Several threads produce the results of one thread."""
    done = watched.run(sources / f"{kernel}.cu", kernel)
    assert not done.stderr
    assert done.returncode == 0
    with np.load(sources / f"{kernel}.npz") as found:
        for one, other in zip(found.values(), results(executor, kernel), strict=True):
            assert np.array_equal(one, other, equal_nan=True)


def test_all_barriers_are_tried() -> None:
    """Every barrier is on a line of its own, apart from comments and definitions."""
    texts = [path.read_text() for path in (*FOLDER.glob("*.cu"), *HEADERS.glob("*.h"))]
    used = [line for text in texts for line in text.splitlines() if re.match(r"(?!\s*//|#define).*FOMM_BARRIER", line)]
    assert len(BARRIERS) == len(used) > 0


@pytest.mark.parametrize(("path", "line"), BARRIERS, ids=[f"{path.name}:{line + 1}" for path, line in BARRIERS])
def test_each_barrier_is_needed(watched: Watched, sources: Path, path: Path, line: int) -> None:
    changed = sources / path.name
    lines = changed.read_text().splitlines()
    lines[line] = ""
    changed.write_text("\n".join(lines) + "\n")
    users = [path.stem] if path.suffix == ".cu" else KERNELS
    runs = [watched.run(sources / f"{kernel}.cu", kernel) for kernel in users]
    assert any(RACE in done.stderr and done.returncode == REPORTED for done in runs)


def test_blocks_that_write_the_same_are_found(watched: Watched, sources: Path) -> None:
    change(sources / "motion.cu", "if (block == 0) ", "")
    done = watched.run(sources / "motion.cu", "motion")
    assert RACE in done.stderr
    assert done.returncode == REPORTED


def test_a_barrier_that_not_all_reach_is_found(watched: Watched, sources: Path) -> None:
    change(sources / "motion.cu", BARRIER, f"{BARRIER} FOMM_THREADS(i, 1) {{ {BARRIER} }}")
    done = watched.run(sources / "motion.cu", "motion")
    assert "threads of one block wait in lines" in done.stderr
    assert done.returncode < 0, "aborted"
