"""The windows of a live session: SDL2 is loaded when one opens."""

from fomm_rt.live.outputs.window.probe_window import ProbeWindow
from fomm_rt.live.outputs.window.window import Window

__all__ = ["ProbeWindow", "Window"]
