from __future__ import annotations

import pytest

from fomm_rt.live.cameras.capture_clock import CaptureClock


def test_stamps_of_the_same_clock_are_taken_as_they_are() -> None:
    clock = CaptureClock(is_monotonic=True)
    assert clock.captured_s(100.0, 100.02, has_waited=True) == 100.0
    assert clock.captured_s(100.033, 100.3, has_waited=False) == 100.033
    assert clock.late_s == pytest.approx(0.247)


def test_a_frame_is_never_taken_after_it_arrived() -> None:
    clock = CaptureClock(is_monotonic=True)
    clock.captured_s(100.0, 100.01, has_waited=True)
    assert clock.captured_s(100.0505, 100.05, has_waited=True) == 100.05


def test_wall_clock_where_the_monotonic_one_was_promised_counts_from_the_arrival() -> None:
    clock = CaptureClock(is_monotonic=True)
    assert clock.captured_s(1.8e9, 100.0, has_waited=True) == 100.0
    assert clock.captured_s(1.8e9 + 0.033, 100.053, has_waited=False) == pytest.approx(100.033)


def test_frame_of_another_clock_counts_from_its_arrival_if_it_was_waited_for() -> None:
    clock = CaptureClock(is_monotonic=False)
    assert clock.captured_s(5.00, 100.020, has_waited=True) == 100.020
    assert clock.captured_s(5.04, 100.065, has_waited=True) == 100.065
    assert clock.late_s == 0


def test_frame_of_another_clock_that_was_there_counts_from_when_it_should_have_come() -> None:
    clock = CaptureClock(is_monotonic=False)
    clock.captured_s(5.00, 100.02, has_waited=True)
    assert clock.captured_s(5.04, 100.36, has_waited=False) == pytest.approx(100.06)
    assert clock.late_s == pytest.approx(0.3)
    assert clock.captured_s(5.08, 100.37, has_waited=False) == pytest.approx(100.10)
    assert clock.late_s == pytest.approx(0.27)


def test_stamps_that_are_only_counted_make_no_frame_late() -> None:
    clock = CaptureClock(is_monotonic=False)
    for number in range(100):
        arrived_s = 100 + number / 15
        assert clock.captured_s(number / 30, arrived_s, has_waited=True) == arrived_s
        assert clock.late_s == 0


@pytest.mark.parametrize("jump_s", [-50.0, 50.0])
def test_camera_that_resets_its_clock(jump_s: float) -> None:
    clock = CaptureClock(is_monotonic=False)
    clock.captured_s(5.0, 100.0, has_waited=True)
    assert clock.captured_s(5.04 + jump_s, 100.04, has_waited=False) == pytest.approx(100.04)
    assert clock.captured_s(5.08 + jump_s, 100.09, has_waited=False) == pytest.approx(100.08)


def test_without_stamps_a_frame_counts_from_its_arrival() -> None:
    clock = CaptureClock(is_monotonic=True)
    assert clock.captured_s(None, 7.0, has_waited=False) == 7.0
    assert clock.late_s == 0
