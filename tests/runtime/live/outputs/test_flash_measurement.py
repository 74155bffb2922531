from __future__ import annotations

import numpy as np
import pytest

from fomm_rt.errors import OutputError
from fomm_rt.live.outputs.flash_delay import COLUMNS, ROWS, Sighting
from fomm_rt.live.outputs.flash_measurement import ENDED_EARLY, LEAST_FRAMES, NOT_SEEN, FlashMeasurement

INTERVAL_S, DELAY_S = 1 / 30, 0.1


def run(measurement: FlashMeasurement, until_s: float, sees_from_s: float = 0.0) -> list[float]:
    """Runs a window and a camera that sees it so much later; returns the times of the flips."""
    flips: list[tuple[float, bool]] = []
    now_s = 0.0
    while now_s < until_s and not measurement.has_ended:
        if now_s >= measurement.next_flip_s:
            flips.append((now_s, len(flips) % 2 == 0))
            measurement.flipped(*flips[-1])
        is_white = [False, *(white for time_s, white in flips if time_s <= now_s - DELAY_S)][-1]
        level = 200.0 if is_white and now_s >= sees_from_s else 20.0
        measurement.sighted(Sighting(now_s, now_s + 0.05, np.full(ROWS * COLUMNS, level, np.float32)))
        measurement.look(now_s)
        now_s += INTERVAL_S
    return [time_s for time_s, _ in flips]


def test_it_aims_then_measures_then_ends() -> None:
    measurement = FlashMeasurement(12, 60, 0.0)
    assert measurement.progress == "Point the camera at this window"
    run(measurement, 3.0)
    assert not measurement.is_measuring
    with pytest.raises(OutputError, match=ENDED_EARLY):
        measurement.delay()
    measurement = FlashMeasurement(12, 60, 0.0)
    run(measurement, 60, sees_from_s=8.0)
    assert measurement.has_ended
    assert measurement.progress == "Measuring: 12 of 12 flashes"
    delay = measurement.delay()
    assert (delay.flips, delay.seen) == (12, 12)
    assert delay.capture_ms.p50 == pytest.approx(1e3 * DELAY_S + 17, abs=18)
    assert delay.document()["sound_delay_ms"] == round(delay.shown_ms.p50 or 0)
    assert delay.sentences[2].startswith(f"In OBS, delay the microphone by {delay.shown_ms.p50:.0f} ms")


def test_flips_are_slower_than_three_a_second_and_uneven() -> None:
    steps = np.diff(run(FlashMeasurement(30, 60, 0.0), 60))
    assert steps.min() > 1 / 3
    assert steps.std() > 0.03


def test_a_slow_session_flips_later() -> None:
    measurement = FlashMeasurement(30, 60, 0.0)
    for number in range(30):
        measurement.sighted(Sighting(0.5 * number, 0.5 * number, np.zeros(ROWS * COLUMNS, np.float32)))
    measurement.flipped(15.0, True)
    assert measurement.next_flip_s >= 15.0 + LEAST_FRAMES * 0.5


def test_a_session_that_is_too_slow_gives_an_error() -> None:
    measurement = FlashMeasurement(30, 5, 0.0)
    for number in range(10):
        measurement.sighted(Sighting(0.5 * number, 0.5 * number, np.zeros(ROWS * COLUMNS, np.float32)))
    measurement.look(6.0)
    with pytest.raises(OutputError, match=r"only 2\.0 frames per second"):
        measurement.delay()


def test_without_flashes_the_error_says_what_to_do() -> None:
    measurement = FlashMeasurement(12, 20, 0.0)
    run(measurement, 60, sees_from_s=1000)
    assert measurement.has_ended
    with pytest.raises(OutputError, match=NOT_SEEN[:30]):
        measurement.delay()


def test_a_camera_that_is_turned_away_while_it_measures_gives_no_result() -> None:
    measurement = FlashMeasurement(12, 60, 0.0)
    run(measurement, 9.0)
    assert measurement.is_measuring
    run(measurement, 60, sees_from_s=1000)
    with pytest.raises(OutputError, match=NOT_SEEN[:30]):
        measurement.delay()
