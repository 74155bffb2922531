"""Statistics of known samples."""

from __future__ import annotations

import numpy as np
import pytest

from fomm_bench.results.samples import latency_of, speedup, stage_medians


def test_percentiles() -> None:
    samples = [float(i) for i in range(1, 101)]
    latency = latency_of([samples[:50], samples[50:]])
    assert latency is not None
    assert (latency.frames, latency.p50, latency.max) == (100, 50.5, 100.0)
    assert latency.p90 == pytest.approx(90.1)
    assert latency.p99 == pytest.approx(np.percentile(samples, 99))
    assert latency.fps == pytest.approx(1e3 * 100 / 5050)


def test_without_frames_there_is_no_latency() -> None:
    assert latency_of([]) is None
    assert latency_of([[], []]) is None


def test_ratios_compare_medians_within_a_round() -> None:
    ours = [[10.0, 10.0, 1000.0], [40.0], [20.0]]
    reference = [[20.0, 20.0, 20.0], [80.0], [60.0]]
    spread = speedup(ours, reference)
    assert spread is not None
    assert (spread.median, spread.low, spread.high) == (2.0, 2.0, 3.0)


def test_drift_of_both_cancels() -> None:
    reference = [[10.0 * 2**i] * 3 for i in range(6)]
    spread = speedup([[time / 1.5 for time in frames] for frames in reference], reference)
    assert spread is not None
    assert (spread.low, spread.median, spread.high) == pytest.approx((1.5, 1.5, 1.5))


def test_rounds_of_only_one_do_not_count() -> None:
    spread = speedup([[10.0]], [[20.0], [90.0]])
    assert spread is not None
    assert spread.high == 2.0
    assert speedup([], [[1.0]]) is None


def test_stages() -> None:
    frames = [{"detector": 1.0, "warp": 5.0}, {"detector": 3.0, "warp": 5.0}, {"detector": 2.0}]
    assert stage_medians(frames) == {"detector": 2.0, "warp": 5.0}
    assert stage_medians([]) == {}
