"""The window of a live session."""

from fomm_rt.live.outputs.window.window import Window

__all__ = ["Window"]
