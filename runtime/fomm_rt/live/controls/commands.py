"""Commands of a live session. A command changes the state, or asks the session for an action.

A command has a name, which pages and key tables use, and some have a value. A switch without a value is toggled; with
True or False it is set.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from fomm_rt.errors import StateError
from fomm_rt.live.controls.state import LARGEST_ZOOM, SMALLEST_ZOOM, LiveState
from fomm_rt.live.frames import View

Value = bool | int | float | str | None

ZOOM_STEP = 1.06
MOVE_STEP, FINE_MOVE_STEP = 0.04, 0.01
"""Shares of the square's side."""
OVERLAY_STEP = 0.1
SMOOTHING_STEPS = (0.0, 0.3, 0.5, 0.7, 1.0)

Action = Literal["set-reference", "best-reference", "snapshot", "reload-avatars", "quit"]
"""Commands that do not change the state: the session executes them."""
ACTIONS: tuple[str, ...] = get_args(Action)


@dataclass(frozen=True)
class Command:
    """A command, for example Command("avatar", 3) or Command("freeze").

    Attributes:
        name: A key of CHANGES, or one of ACTIONS.
        value: What the command sets, for those that take a value.
    """

    name: str
    value: Value = None

    def __post_init__(self) -> None:
        if self.name not in CHANGES and self.name not in ACTIONS:
            raise StateError(f"unknown command {self.name!r}; expected one of {', '.join([*CHANGES, *ACTIONS])}")

    @property
    def is_action(self) -> bool:
        """True if the session executes it, instead of changing the state."""
        return self.name in ACTIONS


def changed(state: LiveState, command: Command) -> LiveState:
    """The state after a command; an action leaves it unchanged.

    Raises:
        StateError: The value has another type or lies outside its range.
    """
    change = CHANGES.get(command.name)
    return state if change is None else change(state, command.value)


Change = Callable[[LiveState, Value], LiveState]


def _switch(name: str) -> Change:
    def change(state: LiveState, value: Value) -> LiveState:
        if value is not None and not isinstance(value, bool):
            raise StateError(f"expected True, False or no value; got {value!r}")
        new = not getattr(state, name) if value is None else value
        settings: dict[str, Any] = {name: new}
        return replace(state, **settings)

    return change


def _avatar(state: LiveState, value: Value) -> LiveState:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise StateError(f"expected the number of an avatar from 0; got {value!r}")
    # A digit beyond the gallery does nothing: a keyboard has ten, a folder may have three pictures.
    return replace(state, avatar=value, passthrough=False) if value < state.avatar_count else state


def _other_avatar(step: int) -> Change:
    def change(state: LiveState, _value: Value) -> LiveState:
        if state.avatar_count == 0:
            return state
        return replace(state, avatar=(state.avatar + step) % state.avatar_count, passthrough=False)

    return change


def _zoom(factor: float) -> Change:
    def change(state: LiveState, _value: Value) -> LiveState:
        zoom = min(max(state.crop.zoom * factor, SMALLEST_ZOOM), LARGEST_ZOOM)
        return replace(state, crop=replace(state.crop, zoom=zoom))

    return change


def _move(right: int, down: int) -> Change:
    def change(state: LiveState, value: Value) -> LiveState:
        step = MOVE_STEP if value is None else _number(value, 0, 1)
        # Left and right as the user sees them: in a mirrored window, left is the camera's right.
        to_the_right = -step if state.mirror_preview else step
        x = min(max(state.crop.x + right * to_the_right, -1.0), 1.0)
        y = min(max(state.crop.y + down * step, -1.0), 1.0)
        return replace(state, crop=replace(state.crop, x=x, y=y))

    return change


def _follow_face(state: LiveState, value: Value) -> LiveState:
    follows = not state.crop.follows_face if value is None else bool(value)
    return replace(state, crop=replace(state.crop, follows_face=follows))


def _reset_crop(state: LiveState, _value: Value) -> LiveState:
    return replace(state, crop=replace(state.crop, zoom=1.0, x=0.0, y=0.0))


def _overlay(step: float) -> Change:
    def change(state: LiveState, _value: Value) -> LiveState:
        opacity = min(max(round(state.overlay_opacity + step, 2), 0.0), 1.0)
        return replace(state, overlay_opacity=opacity)

    return change


def _smoothing(state: LiveState, value: Value) -> LiveState:
    if value is None:
        following = [step for step in SMOOTHING_STEPS if step > state.smoothing]
        return replace(state, smoothing=following[0] if following else SMOOTHING_STEPS[0])
    return replace(state, smoothing=_number(value, 0, 1))


def _view(state: LiveState, value: Value) -> LiveState:
    views = get_args(View)
    if value is None:
        value = views[(views.index(state.view) + 1) % len(views)]
    if value not in views:
        raise StateError(f"expected a view out of {', '.join(views)}; got {value!r}")
    return replace(state, view=value)  # type: ignore[arg-type]


def _number(value: Value, lowest: float, highest: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not lowest <= value <= highest:
        raise StateError(f"expected a number from {lowest:g} to {highest:g}; got {value!r}")
    return float(value)


CHANGES: dict[str, Change] = {
    "avatar": _avatar,
    "next-avatar": _other_avatar(1),
    "previous-avatar": _other_avatar(-1),
    "passthrough": _switch("passthrough"),
    "freeze": _switch("frozen"),
    "record": _switch("recording"),
    "relative": _switch("relative"),
    "adapt-scale": _switch("adapt_scale"),
    "smoothing": _smoothing,
    "follow-face": _follow_face,
    "zoom-in": _zoom(ZOOM_STEP),
    "zoom-out": _zoom(1 / ZOOM_STEP),
    "move-left": _move(-1, 0),
    "move-right": _move(1, 0),
    "move-up": _move(0, -1),
    "move-down": _move(0, 1),
    "reset-crop": _reset_crop,
    "view": _view,
    "overlay-more": _overlay(OVERLAY_STEP),
    "overlay-less": _overlay(-OVERLAY_STEP),
    "mirror-preview": _switch("mirror_preview"),
    "mirror-output": _switch("mirror_output"),
    "help": _switch("shows_help"),
    "gallery": _switch("shows_gallery"),
    "numbers": _switch("shows_numbers"),
    "keypoints": _switch("shows_keypoints"),
    "driving": _switch("shows_driving"),
}
"""Name of a command -> the function that changes the state."""
