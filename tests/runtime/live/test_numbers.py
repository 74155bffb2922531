"""What a session counts."""

from __future__ import annotations

import numpy as np
import pytest

from fomm_rt.live.frames import LiveFrame
from fomm_rt.live.numbers import Accounting, Histogram, Quantiles

PICTURE = np.zeros((2, 2, 3), np.uint8)


def frame(sequence: int | None, captured_s: float, **stages_ms: float) -> LiveFrame:
    return LiveFrame(
        sequence,
        captured_s,
        PICTURE,
        "face",
        PICTURE,
        PICTURE,
        network_ms=stages_ms.get("animation"),
        stages_ms=stages_ms,
    )


def test_every_captured_frame_is_shown_or_dropped() -> None:
    accounting = Accounting()
    for number in range(10):
        accounting.captured(number * 0.1)
    for number in (0, 1, 4, 8):
        accounting.shown(frame(number, number * 0.1), number * 0.1 + 0.02, 0.1)
    running = accounting.numbers(1.0)
    assert (running.captured, running.shown, running.dropped) == (10, 4, 5), "frame 9 is still on its way"
    over = accounting.numbers(1.0, is_over=True)
    assert (over.captured, over.shown, over.dropped) == (10, 4, 6)


def test_pictures_made_without_a_camera_frame_count_nowhere() -> None:
    accounting = Accounting()
    accounting.shown(frame(None, 0.0), 0.1, 0.03)
    numbers = accounting.numbers(1.0, is_over=True)
    assert (numbers.captured, numbers.shown, numbers.dropped, numbers.latency_ms) == (0, 0, 0, Quantiles())


def test_shown_frames_older_than_an_interval_are_stale() -> None:
    accounting = Accounting()
    for number, age_s in enumerate((0.01, 0.05, 0.09)):
        accounting.captured(number)
        accounting.shown(frame(number, number), number + age_s, interval_s=0.04)
    assert accounting.numbers(3.0).stale == 2


def test_stages_add_up_to_the_latency() -> None:
    accounting = Accounting()
    accounting.captured(1.0)
    accounting.shown(frame(0, 1.0, waiting=2.0, framing=1.0, animation=10.0), 1.0 + 0.0165, 0.03)
    numbers = accounting.numbers(1.1)
    assert numbers.latency_ms.p50 == 16.5
    assert numbers.network_ms.p50 == 10.0
    assert numbers.stages_ms["output"].p50 == 3.5
    assert sum(stage.p50 or 0 for stage in numbers.stages_ms.values()) == pytest.approx(16.5)


def test_rates_are_those_of_the_last_second_and_at_the_end_of_all() -> None:
    accounting = Accounting()
    for number in range(60):
        accounting.captured(number / 30)
    for number in range(0, 60, 3):
        accounting.shown(frame(number, number / 30), number / 30 + 0.01, 1 / 30)
    running = accounting.numbers(59 / 30 + 0.001)
    assert running.camera_fps == pytest.approx(30, abs=1)
    assert running.shown_fps == pytest.approx(10, abs=1)
    over = accounting.numbers(2.0, is_over=True)
    assert (over.camera_fps, over.shown_fps) == (30.0, 10.0)


def test_quantiles_are_exact_within_a_bin() -> None:
    histogram = Histogram()
    times = np.random.default_rng(0).gamma(4, 8, 5000)
    for time in times:
        histogram.add(float(time))
    found = histogram.quantiles()
    for share, quantile in ((0.5, found.p50), (0.9, found.p90), (0.99, found.p99)):
        assert quantile == pytest.approx(float(np.quantile(times, share)), abs=0.2)
    assert found.max == round(times.max(), 1)
    slow = Histogram()
    for time in (199.96, 250.4, 300.0, 301.0):
        slow.add(time)
    assert slow.quantiles() == Quantiles(250.0, 301.0, 301.0, 301.0)


def test_a_time_beyond_the_bins_is_counted() -> None:
    histogram = Histogram()
    histogram.add(60_000)
    assert histogram.quantiles() == Quantiles(10_000.0, 10_000.0, 10_000.0, 60_000.0)
