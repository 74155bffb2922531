"""Other processes that use an engine store, to test what happens when two meet or one is killed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from fomm_rt.engines.store import EngineStore

PRELUDE = """
import os, resource, signal, sys
from dataclasses import replace
from pathlib import Path
from fomm_rt.engines.store import EngineStore
from fomm_rt.errors import EngineError
from fakes.engine_sets import CONTENTS, SPEC, build, manifest_of
store = EngineStore(Path(sys.argv[1]))
def say(*words): print(*words, flush=True)
def die(*_, **__): os.kill(os.getpid(), signal.SIGKILL)
"""


def start(store: EngineStore, *lines: str) -> subprocess.Popen[str]:
    """Starts a Python process that runs these lines on the same store."""
    path = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    return subprocess.Popen(
        [sys.executable, "-c", PRELUDE + "\n".join(lines), store.folder],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": path},
    )  # fmt: skip


def run(store: EngineStore, *lines: str, fails: str | None = None) -> int:
    """Returns the exit status of such a process. It prints nothing on standard error, or an error with these words."""
    with start(store, *lines) as process:
        _, errors = process.communicate()
    assert (fails in errors) if fails else not errors, errors
    return process.returncode


def told(process: subprocess.Popen[str]) -> str:
    """The next line that the process prints."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


def tell(process: subprocess.Popen[str]) -> None:
    """Lets a process continue that waits for a line."""
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()
