"""Parts of clips: which frames they have and when these are shown."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from fomm_rt.errors import MediaError
from fomm_rt.media.part import Part, find_part, seconds
from fomm_rt.media.timing import Timing

CLIP = Path("clip.mp4")
NTSC = Fraction(30000, 1001)
VARYING = Timing(None, Fraction(1, 1000), 4, Fraction(6), Fraction(1))
VARYING_TIMES = [Fraction(0), Fraction(3), Fraction(4), Fraction(5)]


def constant(rate: Fraction | int, count: int, start: Fraction, duration: Fraction | None, first: int = 0) -> Part:
    """The part of a clip whose frame `first` is shown at its time 0."""
    rate = Fraction(rate)
    times = [(index - first) / rate for index in range(first, first + count)]
    return find_part(CLIP, times, Timing.constant(rate, count), start, duration)


def varying(start: float, duration: float | None = None) -> Part:
    return find_part(
        CLIP, VARYING_TIMES, VARYING, seconds("s", start), None if duration is None else seconds("d", duration)
    )


@pytest.mark.parametrize(
    ("start", "duration", "begins", "frames"),
    [
        ("0", "1", "0", 25),
        ("1", None, "1", 25),
        ("0.99", "0.5", "0.96", 13),  # 12.5 frames are rounded up
        ("1.95", "5", "1.92", 2),
        ("0.5", "0.03", "0.48", 1),
        ("0.5", "0.001", "0.48", 1),
        ("0.0395", "0.04", "0.04", 1),  # within a millisecond of a frame's time
        ("1.999", None, "1.96", 1),
    ],
)
def test_constant_rate(start: str, duration: str | None, begins: str, frames: int) -> None:
    part = constant(25, 50, Fraction(start), None if duration is None else Fraction(duration))
    assert part.start == Fraction(begins)
    assert (part.timing.rate, part.timing.frame_count) == (Fraction(25), frames)
    assert part.timing.duration == Fraction(frames, 25)
    assert part.timing.last_duration is None
    assert part.is_before(part.start - Fraction(1, 25))
    assert not part.is_before(part.start)
    assert part.time_of(part.start + Fraction(2, 25)) == Fraction(2, 25)
    if duration is not None and part.start + frames / Fraction(25) < 2:
        assert not part.is_behind(part.start + Fraction(frames - 1, 25))
        assert part.is_behind(part.start + Fraction(frames, 25))


def test_ntsc_times_stay_exact() -> None:
    part = constant(NTSC, 300, Fraction(1), Fraction(2))
    assert part.start == 30 / NTSC  # at 1.001 s, a millisecond late
    assert part.timing.frame_count == 60
    assert part.end == part.start + 60 / NTSC


def test_the_highest_rate() -> None:
    part = constant(1000, 50, Fraction("0.01"), Fraction("0.002"))
    assert (part.start, part.timing.frame_count) == (Fraction("0.01"), 2)


def test_a_container_that_rounds_times() -> None:
    """Matroska keeps milliseconds: frame 30 of NTSC video is shown at 1.001 s, frame 31 at 1.034 s."""
    part = constant(NTSC, 300, Fraction("1.001"), Fraction("0.067"))
    assert part.start == 30 / NTSC
    assert not part.is_before(Fraction("1.001"))
    assert not part.is_behind(Fraction("1.034"))
    assert part.is_behind(Fraction("1.068"))


def test_a_held_last_frame_stays_held() -> None:
    timing = Timing.constant(Fraction(25), 3, Fraction(1))
    times = [Fraction(index, 25) for index in range(3)]
    assert find_part(CLIP, times, timing, Fraction("0.04"), None).timing.last_duration == 1
    late = find_part(CLIP, times, timing, Fraction("0.5"), None)
    assert (late.start, late.timing.frame_count, late.timing.last_duration) == (Fraction("0.48"), 1, Fraction("0.6"))
    cut = find_part(CLIP, times, timing, Fraction(0), Fraction("0.2"))
    assert (cut.timing.frame_count, cut.timing.last_duration) == (3, Fraction("0.12"))


@pytest.mark.parametrize(
    ("start", "duration", "times", "last_duration"),
    [
        (0, 2, [0], 2),
        (1, 3, [0, 2], 1),
        (1, None, [0, 2, 3, 4], 1),
        (3, 1.5, [0, 1], 0.5),
        (5.5, None, [0], 0.5),
        (2, 100, [0, 1, 2, 3], 1),
    ],
)
def test_varying_times(start: float, duration: float | None, times: list[float], last_duration: float) -> None:
    """The frames at both ends are shown for the part of their time that lies inside."""
    part = varying(start, duration)
    inside = [time for time in VARYING_TIMES if not (part.is_before(time) or part.is_behind(time))]
    assert [part.time_of(time) for time in inside] == times
    assert part.start == start
    assert (part.timing.rate, part.timing.frame_count) == (None, len(times))
    assert part.timing.last_duration == Fraction(last_duration)
    assert part.timing.duration == times[-1] + Fraction(last_duration)


def test_a_start_before_the_first_frame_keeps_the_distance() -> None:
    """If the sound begins 2 s earlier, a start at 1 s leaves 1 s of sound before the first frame."""
    times = [2 + Fraction(index, 25) for index in range(10)]
    part = find_part(CLIP, times, Timing.constant(Fraction(25), 10), Fraction(1), None)
    assert part.time_of(times[0]) == 1
    assert part.timing.frame_count == 10


@pytest.mark.parametrize("start", ["2", "2.5", "100"])
def test_a_start_behind_the_end(start: str) -> None:
    with pytest.raises(MediaError, match=rf"^clip\.mp4 ends after 2\.00 s; a start at {start} s is past its end$"):
        constant(25, 50, Fraction(start), None)
    with pytest.raises(MediaError, match=r"ends after 6\.00 s"):
        varying(6)


def test_a_part_without_a_frame() -> None:
    with pytest.raises(MediaError, match="no frame begins within"):
        constant(25, 0, Fraction(0), Fraction(1))
    with pytest.raises(MediaError, match="expected a duration"):
        constant(25, 50, Fraction(0), Fraction(0))


@pytest.mark.parametrize("value", [-1, -0.5, float("nan"), float("inf"), 1e10])
def test_seconds_are_checked(value: float) -> None:
    with pytest.raises(MediaError, match="start_s: expected seconds from 0"):
        seconds("start_s", value)


def test_seconds_are_rounded_to_milliseconds() -> None:
    assert seconds("start_s", 1 / 3) == Fraction("0.333")
    assert seconds("start_s", Fraction(1, 2)) == Fraction(1, 2)
