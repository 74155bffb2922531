"""A real window on a display without a screen: real keys, and what is to be seen."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ctypes import byref
from dataclasses import replace
from threading import Timer
from time import perf_counter

import numpy as np
import pytest
from numpy.typing import NDArray

from fakes.live_control import PERSON, FakeControl, live_frame
from fomm_rt.errors import OutputError
from fomm_rt.image import Image
from fomm_rt.live.controls.commands import Command
from fomm_rt.live.controls.control import Thumbnail
from fomm_rt.live.controls.keys import KEYS, command_of
from fomm_rt.live.controls.state import LiveState
from fomm_rt.live.frames import Driver, LiveFrame
from fomm_rt.live.outputs.protocol import MainThreadOutput
from fomm_rt.live.outputs.window import Window
from fomm_rt.live.outputs.window import window as window_module
from fomm_rt.live.outputs.window.gallery import gallery_layout
from fomm_rt.live.outputs.window.panel import Style
from fomm_rt.live.outputs.window.sdl import load_sdl
from virtual_display import HEIGHT, WIDTH, VirtualDisplay

SIDE = 720
LEFT, TOP = (WIDTH - SIDE) // 2, (HEIGHT - SIDE) // 2
GREEN, BLUE, YELLOW, GREY = (0, 200, 0), (0, 0, 220), (230, 230, 0), (90, 90, 90)
BARE = LiveState(mirror_preview=False, shows_numbers=False)
LONG_S = 60.0
"""A wait that only a wake-up can end in time."""


def quarters() -> Image:
    """Green and blue above, yellow and grey below."""
    picture = np.zeros((64, 64, 3), np.uint8)
    picture[:32, :32], picture[:32, 32:], picture[32:, :32], picture[32:, 32:] = GREEN, BLUE, YELLOW, GREY
    return picture


def plain(colour: tuple[int, int, int]) -> Image:
    return np.full((64, 64, 3), colour, np.uint8)


def result(picture: Image, driver: Driver = "face") -> LiveFrame:
    """A frame without a view of its own."""
    return replace(live_frame(picture, driver=driver), view="result", view_picture=None)


@contextmanager
def opened(control: FakeControl) -> Iterator[Window]:
    window = Window()
    try:
        window.open(control)
        yield window
    finally:
        window.close()


def seen(display: VirtualDisplay, window: Window, frame: LiveFrame | None = None) -> NDArray[np.uint8]:
    """What the window shows, (SIDE, SIDE, 3), after a frame or after what has changed meanwhile."""
    window.wait(0)
    if frame is not None:
        window.present(frame)
    return display.screenshot()[TOP : TOP + SIDE, LEFT : LEFT + SIDE]


def at(picture: NDArray[np.uint8], x: float, y: float) -> tuple[int, int, int]:
    """The colour at a place in shares of the side."""
    red, green, blue = picture[int(y * picture.shape[0]), int(x * picture.shape[1])].tolist()
    return red, green, blue


def wait_for(window: Window, is_done: Callable[[], bool]) -> None:
    """Lets the window handle what is on its way through the display."""
    end = perf_counter() + LONG_S
    while not is_done():
        assert perf_counter() < end, "the window did not get it"
        window.wait(0.05)


def push(name: str) -> None:
    """Lets SDL report an event."""
    sdl = load_sdl()
    event = sdl.SDL_Event()
    event.type = getattr(sdl, name)
    sdl.SDL_PushEvent(byref(event))


def thumbnails(count: int) -> list[Thumbnail]:
    return [Thumbnail(f"face {number}", np.full((96, 96, 3), YELLOW, np.uint8)) for number in range(count)]


@pytest.mark.parametrize("renderer", ["opengl", "software"])
@pytest.mark.parametrize("is_mirrored", [False, True])
def test_a_frame_is_shown(
    display: VirtualDisplay, monkeypatch: pytest.MonkeyPatch, renderer: str, is_mirrored: bool
) -> None:
    monkeypatch.setenv("SDL_RENDER_DRIVER", renderer)
    control = FakeControl(replace(BARE, mirror_preview=is_mirrored))
    with opened(control) as window:
        picture = seen(display, window, result(quarters()))
    corners = [at(picture, x, y) for x, y in [(0.2, 0.2), (0.8, 0.2), (0.2, 0.8), (0.8, 0.8)]]
    assert corners == ([BLUE, GREEN, GREY, YELLOW] if is_mirrored else [GREEN, BLUE, YELLOW, GREY])


def test_a_view_is_never_mirrored(display: VirtualDisplay) -> None:
    with opened(FakeControl(replace(BARE, mirror_preview=True))) as window:
        picture = seen(display, window, replace(result(plain(GREY)), view="panel", view_picture=quarters()))
    assert at(picture, 0.2, 0.2) == GREEN


def test_the_person_is_seen_only_if_asked_for(display: VirtualDisplay) -> None:
    control = FakeControl(BARE)
    frame = result(plain(GREEN))
    with opened(control) as window:
        picture = seen(display, window, frame)
        assert {at(picture, x / 8, y / 8) for x in range(8) for y in range(8)} == {GREEN}
        control.send(Command("driving"))
        corner = seen(display, window)
        assert at(corner, 0.85, 0.85) == tuple(PERSON[0, 0])
        assert at(corner, 0.2, 0.2) == GREEN
        control.send(Command("driving"))
        for _ in range(5):
            control.send(Command("overlay-more"))
        mixed = np.array(at(seen(display, window), 0.5, 0.3))
    assert np.abs(mixed - (np.array(GREEN) + PERSON[0, 0]) / 2).max() <= 2


def test_the_camera_is_never_shown_without_a_warning(display: VirtualDisplay) -> None:
    control = FakeControl(BARE)
    with opened(control) as window:
        quiet = seen(display, window, result(plain(GREEN)))
        control.send(Command("passthrough"))
        asked = seen(display, window)
        control.send(Command("passthrough", False))
        still_shown = seen(display, window, result(plain(GREEN), driver="passthrough"))
    red = [at(picture, 0.01, 0.01)[0] > 200 for picture in (quiet, asked, still_shown)]
    assert red == [False, True, True]


def test_every_key_sends_its_command(display: VirtualDisplay) -> None:
    names = {"?": "question", "Space": "space", "ArrowLeft": "Left", "ArrowRight": "Right"}
    control = FakeControl(LiveState(avatar_count=12))
    with opened(control) as window:
        window.present(result(plain(GREEN)))
        wait_for(window, lambda: bool(display.windows()))
        for key in KEYS:
            expected = command_of(key, control.state)
            control.sent.clear()
            display.do("key", names.get(key, key.replace("Shift+", "shift+")))
            wait_for(window, lambda: bool(control.sent))
            assert control.sent == [expected], key
        control.sent.clear()
        display.do("key", "ctrl+a", "alt+g", "F12", "udiaeresis", "KP_3")
        wait_for(window, lambda: bool(control.sent))
        assert control.sent == [Command("avatar", 2)]


def test_a_held_key_repeats_steps_only(display: VirtualDisplay) -> None:
    control = FakeControl(BARE)
    with opened(control) as window:
        window.present(result(plain(GREEN)))
        display.do("keydown", "space", "keydown", "w")
        wait_for(window, lambda: len(control.sent) >= 4)
        display.do("keyup", "space", "keyup", "w")
    assert [command.name for command in control.sent[:4]] == ["freeze", "zoom-in", "zoom-in", "zoom-in"]


def test_help_opens_over_the_picture_and_closes(display: VirtualDisplay) -> None:
    control = FakeControl(BARE)
    with opened(control) as window:
        before = seen(display, window, result(plain((255, 255, 255))))
        display.do("key", "F1")
        wait_for(window, lambda: control.state.shows_help)
        during = seen(display, window)
        display.do("key", "Escape")
        wait_for(window, lambda: not control.state.shows_help)
        after = seen(display, window)
    middle = during[SIDE // 4 : 3 * SIDE // 4, SIDE // 4 : 3 * SIDE // 4].astype(int)
    assert np.median(middle) < 60
    assert ((middle.min(axis=2) > 200).mean()) > 0.02  # its text
    assert np.array_equal(before, after)
    assert at(before, 0.5, 0.5) == (255, 255, 255)


def test_mouse(display: VirtualDisplay) -> None:
    control = FakeControl(replace(BARE, avatar_count=5, shows_gallery=True), thumbnails(5))
    layout = gallery_layout(5, None, 0, Style.of_window(SIDE, SIDE), SIDE, SIDE)
    x, y, side, _ = layout.tile_box(3)
    with opened(control) as window:
        picture = seen(display, window, result(plain(GREEN)))
        assert at(picture, (x + side / 2) / SIDE, (y + side / 2) / SIDE) == YELLOW
        display.do("mousemove", LEFT + x + side // 2, TOP + y + side // 2, "click", 1)
        wait_for(window, lambda: bool(control.sent))
        assert control.sent == [Command("avatar", 3)]
        control.sent.clear()
        display.do("mousemove", LEFT + 300, TOP + 100, "mousedown", 1)
        display.do("mousemove", LEFT + 372, TOP + 64, "mouseup", 1, "click", 4)
        wait_for(window, lambda: any(command.name == "zoom-in" for command in control.sent))
    moved = {"move-left": 0.0, "move-up": 0.0, "move-down": 0.0, "move-right": 0.0}
    for command in control.sent:
        if command.name in moved:
            moved[command.name] += float(command.value or 0)
    # The face follows the pointer: to the right, so the square goes to the left.
    assert moved == pytest.approx({"move-left": 0.1, "move-down": 0.05, "move-up": 0, "move-right": 0})


def test_size_and_full_screen(display: VirtualDisplay) -> None:
    control = FakeControl(BARE)
    frame = result(plain(GREEN))
    with opened(control) as window:
        window.present(frame)
        display.do("windowsize", "--sync", display.windows()[0], 1000, 500)
        wait_for(window, lambda: window.size == (1000, 500))
        wide = display.screenshot()
        across = (wide == np.array(GREEN)).all(axis=2).sum(axis=1).max()
        assert abs(int(across) - 500) <= 2  # the picture stays square
        display.do("key", "F11")
        # Only as SDL sees it: a window manager would make the window as large.
        wait_for(window, lambda: window.size == (WIDTH, HEIGHT))
        display.do("key", "F11")
        wait_for(window, lambda: window.size == (1000, 500))
        display.do("key", "F11")
        wait_for(window, lambda: window.size == (WIDTH, HEIGHT))
        display.do("key", "Escape")
        wait_for(window, lambda: window.size == (1000, 500))
        assert control.sent == []
        display.do("key", "Escape")
        wait_for(window, lambda: control.sent == [Command("quit")])


def test_the_close_button_quits(display: VirtualDisplay) -> None:
    control = FakeControl()
    with opened(control) as window:
        assert len(display.windows()) == 1
        push("SDL_QUIT")  # what SDL makes of the close button
        window.wait(0)
    assert control.sent == [Command("quit")]
    assert display.windows() == []


def test_changes_by_another_seat_are_seen_without_a_frame(display: VirtualDisplay) -> None:
    control = FakeControl(BARE)
    with opened(control) as window:
        before = seen(display, window, result(plain(GREEN)))
        control.messages_now = ["The camera was unplugged."]
        during = seen(display, window)
        assert not np.array_equal(before, during)
        control.messages_now = ["The cameras are unplugged."]
        changed = seen(display, window)
        assert not np.array_equal(during, changed)
        control.messages_now = []
        assert np.array_equal(before, seen(display, window))
    control.messages_now = ["The cameras are unplugged."]
    with opened(control) as window:
        assert np.array_equal(changed, seen(display, window, result(plain(GREEN))))


def test_it_says_that_it_waits_for_the_camera(display: VirtualDisplay) -> None:
    with opened(FakeControl(BARE)) as window:
        waiting = seen(display, window)
        shown = seen(display, window, result(plain((11, 12, 14))))
    assert waiting.max() > 200
    assert shown.max() < 20


@pytest.mark.usefixtures("display")
def test_wake_ends_a_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(window_module, "SLICE_S", LONG_S)  # so that nothing else ends it
    with opened(FakeControl(BARE)) as window:
        assert isinstance(window, MainThreadOutput)
        for wake_early in (True, False):
            start = perf_counter()
            if wake_early:
                window.wake()
                window.wake()
            else:
                Timer(0.2, window.wake).start()
            window.wait(LONG_S)
            assert perf_counter() - start < LONG_S / 2
    window.wake()  # after its end, an output may still be woken


@pytest.mark.usefixtures("display")
def test_ctrl_c_ends_a_wait() -> None:
    with opened(FakeControl(BARE)) as window:
        Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
        start = perf_counter()
        with pytest.raises(KeyboardInterrupt):
            window.wait(LONG_S)
        assert perf_counter() - start < LONG_S / 2


def test_a_failing_renderer_falls_back_to_software(
    display: VirtualDisplay, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    frame = result(quarters())
    sdl = load_sdl()
    update = sdl.SDL_UpdateTexture
    failures = [-1]
    with opened(FakeControl(BARE)) as window:
        monkeypatch.setattr(sdl, "SDL_UpdateTexture", lambda *args: failures.pop() if failures else update(*args))
        picture = seen(display, window, frame)
        assert "the CPU draws the window now" in caplog.text
        assert at(picture, 0.2, 0.2) == GREEN
        failures += [-1, -1]
        with pytest.raises(OutputError, match="--no-window"):
            window.present(replace(frame, sequence=1))


def test_a_gpu_that_was_reset_draws_again(display: VirtualDisplay, monkeypatch: pytest.MonkeyPatch) -> None:
    sdl = load_sdl()
    create, created = sdl.SDL_CreateRenderer, []

    def count(*arguments: object) -> object:
        created.append(arguments)
        return create(*arguments)

    with opened(FakeControl(BARE)) as window:
        window.present(result(quarters()))
        monkeypatch.setattr(sdl, "SDL_CreateRenderer", count)
        push("SDL_RENDER_DEVICE_RESET")
        assert at(seen(display, window), 0.8, 0.2) == BLUE
    assert len(created) == 1


def test_windows_can_be_opened_one_after_the_other(display: VirtualDisplay) -> None:
    for _ in range(2):
        with opened(FakeControl(BARE)) as window:
            assert at(seen(display, window, result(plain(GREEN))), 0.5, 0.2) == GREEN
        assert display.windows() == []
