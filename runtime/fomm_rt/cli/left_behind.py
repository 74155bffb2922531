"""Ends the process of a live session whose engine is still in native code."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import typer

from fomm_rt.live.threads import ENGINE


@contextmanager
def without_engine_left_behind() -> Iterator[None]:
    """Runs the body of a command; if that leaves an engine behind, ends the process with the same exit code.

    Python would free what that thread uses, and the process would crash or hang.
    """
    try:
        yield
    except typer.Exit as ended:
        _leave(ended.exit_code)
        raise
    _leave(0)


def _leave(exit_code: int) -> None:
    if any(thread.name == ENGINE for thread in threading.enumerate()):
        with suppress(OSError, ValueError):  # a closed standard output
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(exit_code)
