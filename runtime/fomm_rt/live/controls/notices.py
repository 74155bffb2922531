"""Short notices of changed settings that the picture does not show at once."""

from __future__ import annotations

from collections.abc import Callable

from fomm_rt.live.controls.state import LiveState

VIEW_NAMES = {"result": "Result", "panel": "Source, driving face, result", "explain": "How the result is made"}


def notice_of(before: LiveState, after: LiveState) -> str | None:
    """The change in a few words; None if nothing changed, or if the window shows it anyway."""
    return next((words(after) for value_of, words in _NOTICES if value_of(before) != value_of(after)), None)


def _square(state: LiveState) -> str:
    crop = state.crop
    if (crop.zoom, crop.x, crop.y) == (1.0, 0.0, 0.0):
        return "Size and place: reset"
    return f"Size {crop.zoom:.2f}, place {100 * crop.x:+.0f} %, {100 * crop.y:+.0f} %"


_NOTICES: tuple[tuple[Callable[[LiveState], object], Callable[[LiveState], str]], ...] = (
    (lambda state: state.relative, lambda state: "Motion: relative" if state.relative else "Motion: absolute"),
    (
        lambda state: state.adapt_scale,
        lambda state: f"Motion adapted to the avatar's size: {'on' if state.adapt_scale else 'off'}",
    ),
    (
        lambda state: state.smoothing,
        lambda state: f"Smoothing: {100 * state.smoothing:.0f} %" if state.smoothing else "Smoothing: off",
    ),
    (
        lambda state: state.crop.follows_face,
        lambda state: "The square follows the face" if state.crop.follows_face else "The square is moved by hand",
    ),
    (lambda state: state.crop, _square),
    (lambda state: state.overlay_opacity, lambda state: f"Your face on top: {100 * state.overlay_opacity:.0f} %"),
    (lambda state: state.view, lambda state: f"View: {VIEW_NAMES[state.view]}"),
    (
        lambda state: state.mirror_preview,
        lambda state: f"This window: {'mirrored' if state.mirror_preview else 'not mirrored'}",
    ),
    (
        lambda state: state.mirror_output,
        lambda state: f"Output: {'mirrored' if state.mirror_output else 'not mirrored'}",
    ),
)
"""Functions of the state: the value that a notice reports, and its text."""
