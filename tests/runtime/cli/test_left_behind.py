from __future__ import annotations

import subprocess
import sys

import pytest

LIMIT_S = 60
CODE = """
from threading import Event, Thread
import typer
from fomm_rt.cli.left_behind import without_threads_left_behind
from fomm_rt.live.threads import ENGINE

if {is_busy}:
    Thread(target=Event().wait, name=ENGINE).start()  # not a daemon: Python would wait for it
with without_threads_left_behind():
    print("done")
    {ending}
print("after")
"""


@pytest.mark.parametrize(
    ("is_busy", "ending", "code", "output"),
    [
        (True, "pass", 0, "done\n"),
        (True, "raise typer.Exit(3)", 3, "done\n"),
        (False, "pass", 0, "done\nafter\n"),
    ],
)
def test_a_busy_engine_does_not_keep_the_process(is_busy: bool, ending: str, code: int, output: str) -> None:
    command = [sys.executable, "-c", CODE.format(is_busy=is_busy, ending=ending)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    assert (done.returncode, done.stdout) == (code, output)
