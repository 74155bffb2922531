"""No display, and no library."""

from __future__ import annotations

import subprocess
import sys

import pytest

from fakes.live_control import FakeControl
from fomm_rt.errors import OutputError
from fomm_rt.live.outputs.window import Window
from fomm_rt.live.outputs.window.sdl import INSTALL

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="displays are named by DISPLAY on Linux only")


@pytest.fixture(autouse=True)
def no_display(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER", "XDG_RUNTIME_DIR"):
        monkeypatch.delenv(name, raising=False)


def failure() -> str:
    window = Window()
    with pytest.raises(OutputError) as failed:
        window.open(FakeControl())
    window.close()
    window.close()
    window.wake()
    return str(failed.value)


def test_without_a_display_the_error_says_what_to_do() -> None:
    pytest.importorskip("sdl2")
    assert "neither DISPLAY nor WAYLAND_DISPLAY is set" in failure()
    assert "--no-window" in failure()


def test_a_display_that_cannot_be_reached_is_named(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("sdl2")
    monkeypatch.setenv("DISPLAY", ":4711")
    assert "a display, and :4711 cannot be reached" in failure()
    assert capfd.readouterr() == ("", "")


def test_without_the_extra_the_message_has_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sdl2", None)
    assert INSTALL in failure()


def test_a_driver_that_the_user_asks_for_may_show_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("sdl2")
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    window = Window()
    window.open(FakeControl())
    window.wait(0)
    window.close()


def test_the_module_needs_no_library_until_a_window_opens() -> None:
    code = "import sys; sys.modules['sdl2'] = None; from fomm_rt.live.outputs.window import Window; Window()"
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, timeout=60)
