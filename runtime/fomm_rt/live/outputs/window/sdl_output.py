"""The base of outputs that own a window."""

from __future__ import annotations

from typing_extensions import override

from fomm_rt.errors import StateError
from fomm_rt.live.outputs.protocol import MainThreadOutput
from fomm_rt.live.outputs.window.sdl_window import SdlWindow


class SdlOutput(MainThreadOutput):
    """An output with a window: subclasses open it in `open`; `close` and `wake` may come at any time."""

    records = False
    repeat_interval_s = None

    def __init__(self) -> None:
        self._window: SdlWindow | None = None

    @override
    def wake(self) -> None:
        if self._window is not None:
            self._window.wake()

    @override
    def close(self) -> None:
        if self._window is not None:
            self._window.close()

    @property
    def _opened(self) -> SdlWindow:
        if self._window is None:
            raise StateError("the window is not open; call open first")
        return self._window
