"""Ends the process of a live session while one of its threads is still in native code."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import typer

from fomm_rt.live.threads import ENGINE, GALLERY


@contextmanager
def without_threads_left_behind() -> Iterator[None]:
    """Runs the body of a command; if that leaves a thread behind, ends the process with the same exit code.

    Python would free what engine and gallery use in ONNX Runtime, and the process would crash or hang.
    """
    try:
        yield
    except typer.Exit as ended:
        _leave(ended.exit_code)
        raise
    except SystemExit as ended:  # a signal that ends the process
        _leave(ended.code if isinstance(ended.code, int) else 1)
        raise
    _leave(0)


def _leave(exit_code: int) -> None:
    if any(thread.name in (ENGINE, GALLERY) for thread in threading.enumerate()):
        with suppress(OSError, ValueError):  # a closed standard output
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(exit_code)
