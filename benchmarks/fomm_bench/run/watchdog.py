"""Ends a group of processes once the benchmark is gone, however it ended.

Workers that wait for their turn are stopped; nothing in them or in what they started can notice that nobody will ever
wake them. A process beside them does: its input ends with the benchmark, also where that is killed.
"""

from __future__ import annotations

import subprocess
import sys

WATCH = """
import os, signal, sys
sys.stdin.buffer.read()
try:
    os.killpg(int(sys.argv[1]), signal.SIGKILL)
except ProcessLookupError:
    pass
"""


class Watchdog:
    """Watches over one group.

    Args:
        group: Its number.

    Raises:
        OSError: No process can be started.
    """

    def __init__(self, group: int) -> None:
        # A session of its own: Ctrl-C is not for it. Neither its environment nor packages matter to it.
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", WATCH, str(group)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def dismiss(self) -> None:
        """Ends the watch; the group is gone, and its number may be another's soon."""
        self._process.kill()
        self._process.wait()
        assert self._process.stdin is not None
        self._process.stdin.close()
