from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from fakes.clock import FakeClock
from fomm_rt.errors import CameraError, MediaError
from fomm_rt.image import Image
from fomm_rt.live.cameras.playback import LARGEST_DELAY_S, LONGEST_SILENCE_S, Playback, Schedule
from fomm_rt.live.frames import CameraFrame

PICTURES = [np.full((4, 4, 3), value, np.uint8) for value in range(3)]


def play(clock: FakeClock, schedule: Schedule) -> Playback:
    return Playback(schedule, 0.1, "test", now=clock.now, wait=clock.wait)


def read(playback: Playback) -> CameraFrame:
    frame = playback.read()
    assert frame is not None
    return frame


def test_pictures_come_when_they_are_due() -> None:
    clock = FakeClock(100.0)
    playback = play(clock, iter([(0.0, PICTURES[0]), (0.1, PICTURES[1]), (0.15, PICTURES[2]), (0.25, None)]))
    for sequence, due_s in enumerate((100.0, 100.1, 100.15)):
        frame = read(playback)
        assert frame.sequence == sequence
        assert [frame.captured_s, clock.now()] == pytest.approx([due_s, due_s])
        assert frame.pixels is PICTURES[sequence]
    assert playback.read() is None
    assert clock.now() == pytest.approx(100.25)


def test_first_picture_is_due_at_once_however_long_it_took_to_prepare() -> None:
    clock = FakeClock(100.0)

    def prepare() -> Iterator[tuple[float, Image | None]]:
        clock.wait(3.0)
        yield 7.0, PICTURES[0]

    assert read(play(clock, prepare())).captured_s == 103.0


def test_a_late_picture_comes_at_once_with_its_due_time() -> None:
    clock = FakeClock(100.0)
    playback = play(clock, iter([(0.0, PICTURES[0]), (0.1, PICTURES[1]), (0.2, PICTURES[2])]))
    read(playback)
    clock.wait(0.25)
    assert read(playback).captured_s == pytest.approx(100.1)
    assert read(playback).captured_s == pytest.approx(100.2)
    assert clock.now() == pytest.approx(100.25)


def test_playback_that_falls_far_behind_continues_from_there() -> None:
    clock = FakeClock(100.0)
    playback = play(clock, iter([(0.0, PICTURES[0]), (0.1, PICTURES[1]), (0.2, PICTURES[2])]))
    read(playback)
    clock.wait(0.2 + LARGEST_DELAY_S)
    late_s = clock.now()
    assert read(playback).captured_s == pytest.approx(late_s)
    assert read(playback).captured_s == pytest.approx(late_s + 0.1)


def test_picture_that_is_shown_for_long_is_given_again() -> None:
    clock = FakeClock(100.0)
    playback = play(clock, iter([(0.0, PICTURES[0]), (1.0, PICTURES[1])]))
    frames = [read(playback) for _ in range(5)]
    assert [frame.sequence for frame in frames] == list(range(5))
    assert [int(frame.pixels[0, 0, 0]) for frame in frames] == [0, 0, 0, 0, 1]
    steps = np.diff([frame.captured_s for frame in frames])
    assert steps == pytest.approx([LONGEST_SILENCE_S] * 4)


def test_file_that_vanishes_is_a_failure_of_the_camera() -> None:
    def vanish() -> Iterator[tuple[float, Image | None]]:
        yield 0.0, PICTURES[0]
        raise MediaError("clip.mp4 does not exist")

    playback = play(FakeClock(0.0), vanish())
    read(playback)
    with pytest.raises(CameraError, match=r"clip\.mp4 does not exist"):
        playback.read()
