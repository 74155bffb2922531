"""What commands do to the state."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import pytest

from fomm_rt.errors import StateError
from fomm_rt.live.controls.commands import ACTIONS, CHANGES, Command, changed
from fomm_rt.live.controls.state import LARGEST_ZOOM, SMALLEST_ZOOM, LiveState

THREE = LiveState(avatar_count=3)
PLAIN = LiveState(mirror_preview=False)


def after(state: LiveState, *names: str) -> LiveState:
    for name in names:
        state = changed(state, Command(name))
    return state


def test_avatars_go_round() -> None:
    assert after(THREE, "next-avatar").avatar == 1
    assert after(THREE, "previous-avatar").avatar == 2
    assert after(THREE, *["next-avatar"] * 3).avatar == 0
    assert after(LiveState(), "next-avatar", "previous-avatar").avatar == 0


def test_a_number_beyond_the_gallery_does_nothing() -> None:
    assert changed(THREE, Command("avatar", 2)).avatar == 2
    assert changed(THREE, Command("avatar", 3)) == THREE


def test_choosing_an_avatar_ends_the_view_of_the_camera() -> None:
    state = replace(THREE, passthrough=True)
    for command in (Command("avatar", 1), Command("next-avatar"), Command("previous-avatar")):
        assert not changed(state, command).passthrough


def test_switches_change_sides_or_are_set() -> None:
    for name in ("passthrough", "freeze", "record", "mirror-output", "help", "numbers", "relative"):
        twice = after(LiveState(), name, name)
        assert after(LiveState(), name) != LiveState()
        assert twice == LiveState()
        assert changed(changed(LiveState(), Command(name, True)), Command(name, True)) == changed(
            LiveState(), Command(name, True)
        )


def test_the_square_stays_within_limits() -> None:
    assert after(LiveState(), *["zoom-in"] * 100).crop.zoom == LARGEST_ZOOM
    assert after(LiveState(), *["zoom-out"] * 100).crop.zoom == SMALLEST_ZOOM
    assert after(PLAIN, *["move-left"] * 100).crop.x == -1
    assert after(PLAIN, *["move-down"] * 100).crop.y == 1
    moved = after(PLAIN, "move-right", "move-up", "zoom-in")
    assert (moved.crop.x > 0, moved.crop.y < 0, moved.crop.zoom > 1) == (True, True, True)
    assert after(moved, "reset-crop") == PLAIN
    assert changed(PLAIN, Command("move-right", 0.5)).crop.x == 0.5


def test_in_a_mirror_left_is_the_right_of_the_camera() -> None:
    mirrored = LiveState(mirror_preview=True)
    assert after(mirrored, "move-left").crop.x == -after(PLAIN, "move-left").crop.x
    assert after(mirrored, "move-up").crop.y == after(PLAIN, "move-up").crop.y


def test_views_and_strengths_go_round() -> None:
    views = [LiveState()]
    for _ in range(3):
        views.append(after(views[-1], "view"))
    assert [state.view for state in views] == ["result", "panel", "explain", "result"]
    strengths = [LiveState()]
    for _ in range(5):
        strengths.append(after(strengths[-1], "smoothing"))
    assert strengths[1].smoothing > 0
    assert strengths[-1].smoothing == 0
    assert changed(LiveState(), Command("smoothing", 0.4)).smoothing == 0.4
    assert after(LiveState(), *["overlay-more"] * 20).overlay_opacity == 1
    assert after(LiveState(), "overlay-more", "overlay-less", "overlay-less").overlay_opacity == 0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("avatar", None),
        ("avatar", -1),
        ("avatar", True),
        ("avatar", "1"),
        ("freeze", "yes"),
        ("freeze", 1),
        ("smoothing", 2),
        ("smoothing", "a lot"),
        ("view", "sideways"),
        ("move-left", -1),
        ("move-left", float("nan")),
    ],
)
def test_wrong_values_are_refused(name: str, value: object) -> None:
    with pytest.raises(StateError, match="expected"):
        changed(LiveState(), Command(name, value))  # type: ignore[arg-type]


def test_unknown_commands_are_refused() -> None:
    with pytest.raises(StateError, match="unknown command 'explode'"):
        Command("explode")


def test_actions_leave_the_state_alone() -> None:
    for name in ACTIONS:
        assert Command(name).is_action
        assert changed(THREE, Command(name)) is THREE
    assert not set(ACTIONS) & set(CHANGES)


def test_a_page_can_share_the_state() -> None:
    assert json.loads(json.dumps(asdict(THREE)))["crop"]["zoom"] == 1.0
