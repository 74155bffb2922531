from __future__ import annotations

import re
from collections import Counter
from typing import get_args

import pytest

from fomm_rt.live.controls.commands import ACTIONS, CHANGES, Command, changed
from fomm_rt.live.controls.keys import FULL_SCREEN, GROUPS, KEYS, REPEATED, command_of
from fomm_rt.live.controls.notices import VIEW_NAMES, notice_of
from fomm_rt.live.controls.state import LiveState
from fomm_rt.live.frames import View

STATE = LiveState(avatar_count=12, mirror_preview=False)


def press(key: str, state: LiveState = STATE) -> LiveState:
    command = command_of(key, state)
    assert command is not None
    return changed(state, command)


def test_each_key_is_bound_once() -> None:
    keys = Counter(key for group in GROUPS for row in group.rows for key in row.commands)
    assert [key for key, count in keys.items() if count > 1] == []
    assert FULL_SCREEN not in KEYS


def test_every_command_has_a_key() -> None:
    assert {command.name for command in KEYS.values()} == {*CHANGES, *ACTIONS}


def test_names_of_keys_follow_the_rule() -> None:
    for key in KEYS:
        assert re.fullmatch(r"[a-z0-9?]|Shift\+[A-Z]|F\d+|Space|Escape|Arrow(Left|Right)", key), key


def test_the_labels_name_the_keys() -> None:
    for group in GROUPS:
        for row in group.rows:
            if row.label in ("1 – 9", FULL_SCREEN):
                continue
            shown = {"Escape" if word == "Esc" else word for word in row.label.replace("Shift ", "Shift+").split()}
            # More keys than the label shows: arrows, and Shift where the text mentions it.
            more = {key for key in row.commands if key.startswith("Arrow") or ("Shift: " in row.text and "+" in key)}
            assert {key.upper() for key in row.commands if key not in more} == {name.upper() for name in shown}


@pytest.mark.parametrize(("key", "avatar"), [("1", 0), ("9", 8), ("d", 5), ("a", 3), ("ArrowRight", 5)])
def test_avatars(key: str, avatar: int) -> None:
    state = LiveState(avatar=4, avatar_count=12, passthrough=True)
    assert press(key, state) == LiveState(avatar=avatar, avatar_count=12)


def test_zero_shows_the_camera() -> None:
    assert press("0").passthrough
    assert not press("0", press("0")).passthrough


def test_w_makes_the_face_larger_and_shift_z_resets() -> None:
    assert press("w").crop.zoom > 1 > press("s").crop.zoom
    assert press("Shift+Z", press("w", press("k"))) == STATE


@pytest.mark.parametrize(("key", "x", "y"), [("u", 0, -1), ("h", -1, 0), ("j", 0, 1), ("k", 1, 0)])
@pytest.mark.parametrize("is_mirrored", [False, True])
def test_moves_follow_the_preview(key: str, x: int, y: int, is_mirrored: bool) -> None:
    state = LiveState(mirror_preview=is_mirrored)
    coarse, fine = press(key, state).crop, press(f"Shift+{key.upper()}", state).crop
    seen = -x if is_mirrored else x
    assert (coarse.x > 0) - (coarse.x < 0) == seen
    assert (coarse.y > 0) - (coarse.y < 0) == y
    assert 0 < abs(fine.x) + abs(fine.y) < abs(coarse.x) + abs(coarse.y)


def test_escape_closes_overlays_before_it_quits() -> None:
    help_over_gallery = LiveState(shows_help=True, shows_gallery=True)
    gallery = press("Escape", help_over_gallery)
    assert gallery == LiveState(shows_gallery=True)
    assert press("Escape", gallery) == LiveState()
    assert command_of("Escape", LiveState()) == Command("quit")


def test_a_held_key_repeats_steps_but_no_switches() -> None:
    assert set(CHANGES) > REPEATED
    assert command_of("w", STATE, is_repeated=True) == Command("zoom-in")
    assert command_of("Space", STATE, is_repeated=True) is None
    assert command_of("Escape", STATE, is_repeated=True) is None


def test_unknown_keys_do_nothing() -> None:
    assert command_of("F12", STATE) is None
    assert command_of("ü", STATE) is None


@pytest.mark.parametrize(
    ("key", "notice"),
    [
        ("m", "Motion: absolute"),
        ("Shift+M", "Motion adapted to the avatar's size: off"),
        ("e", "Smoothing: 30 %"),
        ("b", "The square is moved by hand"),
        ("k", "Size 1.00, place +4 %, +0 %"),
        ("c", "Your face on top: 10 %"),
        ("n", "View: Source, driving face, result"),
        ("r", "This window: mirrored"),
        ("t", "Output: mirrored"),
        ("i", None),
        ("1", None),
    ],
)
def test_notices(key: str, notice: str | None) -> None:
    assert notice_of(STATE, press(key)) == notice


def test_resetting_says_so() -> None:
    assert notice_of(press("w"), STATE) == "Size and place: reset"


def test_each_view_has_a_name() -> None:
    assert set(VIEW_NAMES) == set(get_args(View))
