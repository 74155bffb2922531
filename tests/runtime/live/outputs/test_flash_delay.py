from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from fomm_rt.live.outputs.flash_delay import COLUMNS, ROWS, Flip, Sighting, brightness_of, flash_delay

INTERVAL_S = 1 / 30
CELLS = ROWS * COLUMNS


def flips_of(count: int, seed: int = 0) -> list[Flip]:
    times = 100 + np.cumsum(np.random.default_rng(seed).uniform(0.4, 0.7, count))
    return [Flip(float(time_s), index % 2 == 0) for index, time_s in enumerate(times)]


def seen(
    flips: list[Flip],
    delay_s: float,
    *,
    window: NDArray[np.bool_] | None = None,
    contrast: float = 120.0,
    noise: float = 0.0,
    drift: float = 0.0,
    shown_after_s: float = 0.05,
) -> list[Sighting]:
    """What a camera of 30 fps sees that is so late; it exposes a frame over the whole interval before `captured_s`."""
    random = np.random.default_rng(1)
    window = np.ones(CELLS, bool) if window is None else window
    times = np.arange(flips[0].time_s - 1, flips[-1].time_s + 1, INTERVAL_S) + 0.011
    fine = np.arange(flips[0].time_s - 2, flips[-1].time_s + 2, 0.001)
    is_white = [False, *(flip.is_white for flip in flips)]
    light = np.array(is_white)[np.searchsorted([flip.time_s + delay_s for flip in flips], fine, side="right")]
    sightings = []
    for time_s in times:
        exposed = light[np.searchsorted(fine, time_s - INTERVAL_S) : np.searchsorted(fine, time_s)].mean()
        cells = 60 + contrast * exposed * window + random.normal(0, noise, CELLS) + drift * (time_s - times[0])
        sightings.append(Sighting(float(time_s), float(time_s + shown_after_s), cells.astype(np.float32)))
    return sightings


@pytest.mark.parametrize("delay_s", [0.0, 0.035, 0.3, 1.1])
def test_the_delay_is_found_within_a_frame(delay_s: float) -> None:
    flips = flips_of(20)
    found = flash_delay(flips, seen(flips, delay_s))
    assert found is not None
    assert found.flips == 20
    assert found.seen >= 19
    assert found.capture_ms.p50 is not None
    # A flip counts once it fills half of an exposure: half an interval to one and a half after it came.
    assert 1e3 * (delay_s + 0.5 * INTERVAL_S) - 1 <= found.capture_ms.p50 <= 1e3 * (delay_s + 1.5 * INTERVAL_S) + 1
    assert found.shown_ms.p50 == pytest.approx(found.capture_ms.p50 + 50, abs=0.11)
    assert found.shown_ms.max is not None
    assert found.shown_ms.max <= 1e3 * (delay_s + 1.5 * INTERVAL_S + 0.05) + 1


def test_a_small_dim_window_in_a_noisy_picture_is_found() -> None:
    flips = flips_of(20)
    window = np.zeros((ROWS, COLUMNS), bool)
    window[10:14, 20:25] = True
    found = flash_delay(flips, seen(flips, 0.08, window=window.reshape(-1), contrast=25, noise=8, drift=1.0))
    assert found is not None
    assert found.seen >= 18
    assert found.capture_ms.p50 is not None
    assert 80 <= found.capture_ms.p50 <= 80 + 1.5e3 * INTERVAL_S + 5


@pytest.mark.parametrize("noise", [0.0, 10.0, 60.0])
def test_without_flashes_there_is_no_delay(noise: float) -> None:
    flips = flips_of(20)
    assert flash_delay(flips, seen(flips, 0.08, contrast=0, noise=noise)) is None


def test_a_moving_picture_is_not_taken_for_the_window() -> None:
    flips = flips_of(20)
    assert flash_delay(flips, seen(flips_of(20, seed=7), 0.0)) is None


def test_too_little_is_no_measurement() -> None:
    flips = flips_of(3)
    assert flash_delay(flips, seen(flips, 0.05)) is None
    assert flash_delay([], []) is None
    assert flash_delay(flips_of(20), seen(flips_of(3), 0.05)) is None


def test_frames_that_were_dropped_are_no_flips() -> None:
    flips = flips_of(20)
    sightings = [sighting for index, sighting in enumerate(seen(flips, 0.05)) if index % 3]
    found = flash_delay(flips, sightings)
    assert found is not None
    assert found.seen >= 18


def test_a_session_that_shows_few_frames_is_measured_with_slow_flips() -> None:
    slow = [Flip(100 + 3 * (flip.time_s - 100), flip.is_white) for flip in flips_of(20)]
    sightings = seen(slow, 0.2)[::9]  # 3.3 frames per second
    found = flash_delay(slow, sightings)
    assert found is not None
    assert found.seen >= 18
    assert found.capture_ms.p50 is not None
    assert 200 <= found.capture_ms.p50 <= 200 + 1e3 * 9 * INTERVAL_S


def test_a_frame_that_flickers_is_no_flip() -> None:
    flips = flips_of(20)
    sightings = seen(flips, 0.05)
    steady = flash_delay(flips, sightings)
    for index in range(5, len(sightings), 31):
        glitch = replace(sightings[index], brightness=255 - sightings[index].brightness)
        sightings[index] = glitch
    found = flash_delay(flips, sightings)
    assert steady is not None
    assert found is not None
    assert found.seen >= 15
    assert found.capture_ms.p50 == pytest.approx(steady.capture_ms.p50, abs=1e3 * INTERVAL_S)


def test_brightness_is_that_of_the_cells() -> None:
    picture = np.zeros((240, 320, 3), np.uint8)
    picture[:10, :10] = 255
    cells = brightness_of(picture)
    assert cells.shape == (CELLS,)
    assert cells[0] == 255
    assert cells[1:].max() == 0
