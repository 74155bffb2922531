"""A display without a screen for tests of windows: Xvfb, its keys and mouse by xdotool, and what it shows."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from fomm_train.people.graphics import graphics

WIDTH, HEIGHT = 1200, 1000


class VirtualDisplay:
    """A running Xvfb.

    Attributes:
        name: What DISPLAY is set to.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def do(self, *arguments: object) -> str:
        """Presses keys and moves the mouse, with the arguments of xdotool; returns what it prints."""
        command = ["xdotool", *map(str, arguments)]
        environment = {**os.environ, "DISPLAY": self.name}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=False)
        return done.stdout

    def windows(self) -> list[str]:
        """The windows of fomm-rt."""
        return self.do("search", "--class", "fomm-rt").split()

    def screenshot(self) -> NDArray[np.uint8]:
        """(HEIGHT, WIDTH, 3) uint8 RGB."""
        with av.open(self.name, format="x11grab", options={"draw_mouse": "0"}) as screen:
            frame = next(screen.decode(video=0))
        return np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)


@contextmanager
def virtual_display() -> Iterator[VirtualDisplay]:
    """Runs a display; skips the test without Xvfb and xdotool, or fails it where CI promised them."""
    missing = [program for program in ("Xvfb", "xdotool") if shutil.which(program) is None]
    missing += [] if find_spec("sdl2") else ["PySDL2"]
    if missing:
        stop = pytest.fail if os.environ.get("FOMM_REQUIRE_DISPLAY") == "1" else pytest.skip
        stop(f"tests of windows need {' and '.join(missing)}")
    reading, writing = os.pipe()
    command = [
        "Xvfb",
        "-displayfd",
        str(writing),
        "-screen",
        "0",
        f"{WIDTH}x{HEIGHT}x24",
        "-nolisten",
        "tcp",
        "-noreset",
    ]
    server = subprocess.Popen(command, pass_fds=[writing], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.close(writing)
    with os.fdopen(reading) as answer, server:
        try:
            number = answer.readline().strip()
            assert number, "Xvfb did not start"
            yield VirtualDisplay(f":{number}")
        finally:
            server.terminate()


@contextmanager
def without_current_context() -> Iterator[None]:
    """Sets aside the OpenGL context with which tests of rendered people draw in this thread.

    GLX refuses to make the context of a window current beside it, and Xlib ends the process at that error.
    """
    drawing = [graphics().context] if graphics.cache_info().currsize else []
    for context in drawing:
        context.__exit__(None, None, None)
    try:
        yield
    finally:
        for context in drawing:
            context.__enter__()
