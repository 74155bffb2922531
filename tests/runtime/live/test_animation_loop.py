"""The loop that animates camera frames, with a fake network."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from fomm_bench.live_stand_ins import timed_animator
from fomm_bench.numbered_pictures import number_of, numbered
from fomm_rt.animator import Animator
from fomm_rt.bundled import bundled_avatars
from fomm_rt.framing import Framing
from fomm_rt.live.animation_loop import AnimationLoop
from fomm_rt.live.avatars import Avatar, Gallery
from fomm_rt.live.board import Board
from fomm_rt.live.controls.commands import Command
from fomm_rt.live.controls.state import LiveState
from fomm_rt.live.engine import Engine
from fomm_rt.live.frames import CameraFrame, LiveFrame
from fomm_rt.live.latest import Latest


@pytest.fixture
def animator() -> Iterator[Animator]:
    with timed_animator(0) as animator:
        yield animator


@pytest.fixture
def board(animator: Animator) -> Board:
    board = Board(LiveState(), lambda: None)
    board.set_avatars(Gallery([bundled_avatars()[0]], animator.size, Framing(), None).avatars, is_first=True)
    return board


def run(
    animator: Animator, board: Board, after: Callable[[int, Latest[CameraFrame]], None], *, has_room: bool = True
) -> list[LiveFrame]:
    """Runs a loop; `after` is called with the count of results so far, and the slot to put the next frame into."""
    results: list[LiveFrame] = []
    frames: Latest[CameraFrame] = Latest()

    def deliver(frame: LiveFrame, _avatar: Avatar) -> None:
        results.append(frame)
        assert loop.last is frame
        after(len(results), frames)

    loop = AnimationLoop(Engine(animator, board.say), frames, board, lambda: has_room, deliver)
    loop.run()
    return results


def camera_frame(number: int) -> CameraFrame:
    return CameraFrame(number, number / 30, numbered(number, in_square=True))


def test_the_resting_avatar_comes_first_then_every_frame(animator: Animator, board: Board) -> None:
    def after(count: int, frames: Latest[CameraFrame]) -> None:
        if count < 5:
            frames.put(camera_frame(count))
        else:
            frames.close()

    results = run(animator, board, after)
    assert [frame.sequence for frame in results] == [None, 1, 2, 3, 4]
    assert [number_of(frame.picture) for frame in results[1:]] == [1, 2, 3, 4]


def test_a_frozen_picture_of_the_camera_is_hidden_when_the_user_turns_it_off(animator: Animator, board: Board) -> None:
    def after(count: int, frames: Latest[CameraFrame]) -> None:
        if count == 1:
            board.send(Command("passthrough", True))
            frames.put(camera_frame(1))
        elif count == 2:
            board.send(Command("freeze", True))
            board.send(Command("passthrough", False))
        else:
            frames.close()

    assert [frame.driver for frame in run(animator, board, after)] == ["source", "passthrough", "source"]


def test_frames_are_dropped_while_an_output_has_no_room(animator: Animator, board: Board) -> None:
    def after(count: int, frames: Latest[CameraFrame]) -> None:
        frames.put(camera_frame(count))
        frames.close()

    assert [frame.sequence for frame in run(animator, board, after, has_room=False)] == [None]
