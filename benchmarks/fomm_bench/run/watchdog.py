"""Kills a process group when the benchmark dies, however it dies.

Workers are stopped between their turns, so neither they nor their children notice that the benchmark is gone. The
watchdog is another process, and its standard input ends with the benchmark, even if that is killed.
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
    """Watches one process group.

    Args:
        group: Id of the group.

    Raises:
        OSError: No process can be started.
    """

    def __init__(self, group: int) -> None:
        # A session of its own keeps Ctrl-C away. It needs neither environment variables nor packages.
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", WATCH, str(group)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def dismiss(self) -> None:
        """Ends the watch. Call it once the group is gone: its id may be reused."""
        self._process.kill()
        self._process.wait()
        assert self._process.stdin is not None
        self._process.stdin.close()
