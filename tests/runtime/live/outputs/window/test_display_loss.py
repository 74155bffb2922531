"""An X server that goes away under a window. A process of its own, because SDL cannot be used afterwards."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from virtual_display import virtual_display

LIMIT_S = 60
CODE = """
import sys
import numpy as np
from fakes.live_control import FakeControl, live_frame
from fomm_rt.errors import OutputError
from fomm_rt.live.outputs.window import Window

window = Window()
window.open(FakeControl())
window.wait(0)
print("open", flush=True)
sys.stdin.readline()
try:
    for number in range(100):
        if sys.argv[1] == "present":
            window.present(live_frame(np.zeros((64, 64, 3), np.uint8), number))
        else:
            window.wait(0.05)
except OutputError as error:
    print(error)
window.wake()
window.close()
print("closed")
"""


@pytest.mark.parametrize("call", ["present", "wait"])
@pytest.mark.parametrize("renderer", ["opengl", "software"])
def test_a_display_that_goes_away_ends_the_window_but_not_the_process(
    monkeypatch: pytest.MonkeyPatch, call: str, renderer: str
) -> None:
    monkeypatch.setenv("SDL_RENDER_DRIVER", renderer)
    monkeypatch.setenv("PYTHONPATH", ":".join([str(Path(__file__).parents[4]), *sys.path]))
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    with virtual_display() as display:
        monkeypatch.setenv("DISPLAY", display.name)
        process = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", CODE, call],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
    try:
        output, errors = process.communicate("\n", timeout=LIMIT_S)
    finally:
        process.kill()
    assert output == f"the display {display.name} of the window is gone\nclosed\n", errors
    assert (process.returncode, errors) == (0, "")
