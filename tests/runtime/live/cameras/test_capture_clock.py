from __future__ import annotations

import pytest

from fomm_rt.live.cameras.capture_clock import WINDOW_S, CaptureClock


def test_stamps_of_the_same_clock_are_taken_as_they_are() -> None:
    clock = CaptureClock(is_monotonic=True)
    assert clock.captured_s(100.0, 100.02) == 100.0
    assert clock.captured_s(100.033, 100.3) == 100.033
    assert clock.late_s == pytest.approx(0.247)


def test_a_frame_is_never_taken_after_it_arrived() -> None:
    clock = CaptureClock(is_monotonic=True)
    clock.captured_s(100.0, 100.01)
    assert clock.captured_s(100.0505, 100.05) == 100.05


def test_wall_clock_where_the_monotonic_one_was_promised_counts_from_the_arrival() -> None:
    clock = CaptureClock(is_monotonic=True)
    assert clock.captured_s(1.8e9, 100.0) == 100.0
    assert clock.captured_s(1.8e9 + 0.033, 100.053) == pytest.approx(100.033)


def test_other_clock_is_laid_beside_by_the_most_punctual_frame() -> None:
    clock = CaptureClock(is_monotonic=False)
    assert clock.captured_s(5.00, 100.020) == pytest.approx(100.020)
    assert clock.captured_s(5.04, 100.045) == pytest.approx(100.045)
    assert clock.captured_s(5.08, 100.385) == pytest.approx(100.085)
    assert clock.late_s == pytest.approx(0.3)


def test_drift_of_the_other_clock_is_followed() -> None:
    clock = CaptureClock(is_monotonic=False)
    drift = 1.001
    captured_s = clock.captured_s(0.0, 0.0)
    for second in range(1, 100):
        captured_s = clock.captured_s(float(second), second * drift)
    assert 99 * drift - captured_s < 2.5 * WINDOW_S * (drift - 1)


@pytest.mark.parametrize("jump_s", [-50.0, 50.0])
def test_camera_that_sets_its_clock_anew(jump_s: float) -> None:
    clock = CaptureClock(is_monotonic=False)
    clock.captured_s(5.0, 100.0)
    assert clock.captured_s(5.04 + jump_s, 100.04) == pytest.approx(100.04)
    assert clock.captured_s(5.08 + jump_s, 100.09) == pytest.approx(100.08)


def test_without_stamps_a_frame_counts_from_its_arrival() -> None:
    clock = CaptureClock(is_monotonic=True)
    assert clock.captured_s(None, 7.0) == 7.0
    assert clock.late_s == 0
