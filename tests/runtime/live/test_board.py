"""What the threads of a session share."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fomm_rt.live.avatars import Avatar
from fomm_rt.live.board import MESSAGE_S, Board
from fomm_rt.live.controls.commands import Command
from fomm_rt.live.controls.control import Thumbnail
from fomm_rt.live.controls.state import LiveState


def test_changes_are_announced() -> None:
    changes: list[bool] = []
    board = Board(LiveState(), lambda: changes.append(board.state.frozen))
    board.send(Command("freeze"))
    assert changes == [True]


def test_actions_wait_in_order() -> None:
    board = Board(LiveState())
    board.send(Command("set-reference"))
    board.send(Command("freeze"))
    board.send(Command("best-reference"))
    assert board.actions() == ["set-reference", "best-reference"]
    assert board.actions() == []


def test_messages_pass_or_last(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = 100.0
    monkeypatch.setattr("fomm_rt.live.board.perf_counter", lambda: now_s)
    board = Board(LiveState())
    board.say("hello")
    board.set_lasting("camera", "the camera is gone")
    assert list(board.messages()) == ["the camera is gone", "hello"]
    now_s += MESSAGE_S + 0.1
    assert list(board.messages()) == ["the camera is gone"]
    board.set_lasting("camera", "it is still gone")
    assert list(board.messages()) == ["it is still gone"]
    board.set_lasting("camera", None)
    assert not board.messages()


def test_a_changed_gallery_keeps_the_chosen_avatar() -> None:
    a, b, c = (avatar(name) for name in "abc")
    board = Board(LiveState(smoothing=0.5, avatar=2))
    board.set_avatars((c,), is_first=True)
    assert (board.state.avatar_count, board.state.avatar) == (1, 0)
    board.set_avatars((a, b, c))
    assert (board.state.avatar_count, board.state.avatar, board.state.smoothing) == (3, 2, 0.5)
    assert board.chosen() == (board.state, c)
    newer = avatar("c")
    board.set_avatars((a, newer))
    assert board.chosen()[1] is newer, "another version of the same file"
    board.set_avatars((a, b))
    assert board.state.avatar == 1


def avatar(name: str) -> Avatar:
    picture = np.zeros((8, 8, 3), np.uint8)
    return Avatar(Path(name), picture, Thumbnail(name, picture))
