"""A window that flashes, to measure the delay from glass to glass: see `fomm_rt.live.outputs.flash_delay`."""

from __future__ import annotations

from ctypes import byref
from time import perf_counter
from typing import Any

from typing_extensions import override

from fomm_rt.errors import OutputError
from fomm_rt.live.controls.commands import Command
from fomm_rt.live.controls.control import Control
from fomm_rt.live.frames import LiveFrame
from fomm_rt.live.outputs.flash_delay import FlashDelay, Sighting, brightness_of
from fomm_rt.live.outputs.flash_measurement import ENDED_EARLY, FlashMeasurement
from fomm_rt.live.outputs.window.overlay import picture_box
from fomm_rt.live.outputs.window.panel import DIM, SOLID, WHITE, Box, Canvas, Panel, Style
from fomm_rt.live.outputs.window.pictures import for_screen, panel_for_screen
from fomm_rt.live.outputs.window.sdl_output import SdlOutput
from fomm_rt.live.outputs.window.sdl_window import SdlWindow
from fomm_rt.live.outputs.window.text import BOLD, line_height, width_of

INSET_SHARE = 0.2
"""Of the window's height: the camera's picture, for aiming, and the result."""
HINT = "Keep the camera still, and the light as it is. Esc: quit"


class ProbeWindow(SdlOutput):
    """Flashes, and finds the flashes in the camera's frames; quits the session when it has measured.

    As the primary output of a session it measures all that a frame goes through, the model included.

    Args:
        flip_count: Changes between black and white to measure.
        patience_s: Time for the user to aim the camera.
    """

    name = "probe window"

    def __init__(self, flip_count: int = 30, patience_s: float = 60.0) -> None:
        super().__init__()
        self._flip_count, self._patience_s = flip_count, patience_s
        self._control: Control
        self._flashes: FlashMeasurement | None = None
        self._is_white = False
        self._frame: LiveFrame | None = None
        self._event: Any = None
        self._text: tuple[object, Panel] | None = None
        self._has_quit = False

    def delay(self) -> FlashDelay:
        """The measured delays.

        Raises:
            OutputError: The camera did not see the window, too few frames were shown, or it was ended too early.
        """
        if self._flashes is None:
            raise OutputError(ENDED_EARLY)
        return self._flashes.delay()

    @override
    def open(self, control: Control) -> None:
        self._window = SdlWindow("fomm-rt live --probe")
        self._event = self._window.sdl.SDL_Event()
        self._control = control
        self._flashes = FlashMeasurement(self._flip_count, self._patience_s, perf_counter())
        control.send(Command("follow-face", False))  # the camera looks at a screen, not at a face

    @override
    def present(self, frame: LiveFrame) -> None:
        self._read_events(0)
        self._frame = frame
        self._draw()
        if frame.sequence is not None:  # the first picture of an avatar has none
            # After drawing: the result is on its way to the screen.
            self._measurement.sighted(Sighting(frame.captured_s, perf_counter(), brightness_of(frame.camera)))
        self._look()

    @override
    def wait(self, timeout_s: float) -> None:
        window, measurement = self._opened, self._measurement
        end_s = perf_counter() + timeout_s
        while True:
            is_woken = window.take_wake()
            left_s = 0.0 if is_woken else min(end_s, measurement.next_flip_s) - perf_counter()
            self._read_events(left_s)
            if perf_counter() >= measurement.next_flip_s:
                self._draw()
            self._look()
            if is_woken or perf_counter() >= end_s:
                return

    @property
    def _measurement(self) -> FlashMeasurement:
        assert self._flashes is not None  # `open` creates it with the window
        return self._flashes

    def _look(self) -> None:
        measurement = self._measurement
        measurement.look(perf_counter())
        if measurement.has_ended and not self._has_quit:
            self._has_quit = True
            self._control.send(Command("quit"))

    def _draw(self) -> None:
        """Draws the window, in the other colour if that is due."""
        window, measurement = self._opened, self._measurement
        is_due = perf_counter() >= measurement.next_flip_s
        self._is_white ^= is_due
        renderer = window.renderer
        renderer.clear((255, 255, 255) if self._is_white else (0, 0, 0))
        self._draw_pictures(window)
        panel = self._instructions(window)
        if not renderer.holds("text", panel):
            renderer.upload("text", panel, panel_for_screen(panel.pixels), is_transparent=True)
        renderer.draw("text", panel.box)
        renderer.show()
        if is_due:
            measurement.flipped(perf_counter(), self._is_white)

    def _draw_pictures(self, window: SdlWindow) -> None:
        if self._frame is None:
            return
        width, height = window.size
        side = round(INSET_SHARE * height)
        for left, name, picture in ((0, "camera", self._frame.camera), (width - side, "result", self._frame.picture)):
            if not window.renderer.holds(name, self._frame):
                window.renderer.upload(name, self._frame, for_screen(picture, mirrored=False))
            box = picture_box(side, side, *picture.shape[1::-1])
            window.renderer.draw(name, Box(left + box.x, height - side + box.y, box.width, box.height))

    def _instructions(self, window: SdlWindow) -> Panel:
        (width, height), title = window.size, self._measurement.progress
        content = (width, height, title)
        if self._text is None or self._text[0] != content:
            style = Style.of_window(width, height, window.pixel_ratio)
            space = style.padding
            inner = max(width_of(title, style.text, BOLD), width_of(HINT, style.small))
            canvas = Canvas(
                inner + 2 * space, style.line + line_height(style.small) + 2 * space, style.radius, opacity=SOLID
            )
            canvas.write(space, space, title, style.text, WHITE, BOLD)
            canvas.write(space, space + style.line, HINT, style.small, DIM)
            panel = Panel((width - canvas.pixels.shape[1]) // 2, style.gap, canvas.pixels)
            self._text = (content, panel)
        return self._text[1]

    def _read_events(self, timeout_s: float) -> None:
        sdl, event = self._opened.sdl, byref(self._event)
        has_event = sdl.SDL_WaitEventTimeout(event, max(1, int(1e3 * timeout_s))) if timeout_s > 0 else 0
        while has_event or sdl.SDL_PollEvent(event):
            has_event = 0
            is_escape = self._event.type == sdl.SDL_KEYDOWN and self._event.key.keysym.sym == sdl.SDLK_ESCAPE
            if self._event.type == sdl.SDL_QUIT or is_escape:
                self._control.send(Command("quit"))
        self._opened.check_display()
