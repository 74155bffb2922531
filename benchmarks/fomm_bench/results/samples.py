"""Figures of many samples: percentiles, rates, and ratios that compare within a round only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

Rounds = Sequence[Sequence[float]]
"""Milliseconds of the frames of each round."""


@dataclass(frozen=True)
class Latency:
    """Latency of a frame in milliseconds.

    Attributes:
        frames: How many were measured.
        p50, p90, p99: Percentiles, interpolated linearly between samples.
        max: The largest.
        fps: Frames over the sum of their times.
    """

    frames: int
    p50: float
    p90: float
    p99: float
    max: float
    fps: float


@dataclass(frozen=True)
class Spread:
    """A figure that was found once in each round: its median, least and largest."""

    median: float
    low: float
    high: float


def latency_of(rounds: Rounds) -> Latency | None:
    """The latency over all rounds; None without frames."""
    samples = [sample for frames in rounds for sample in frames]
    if not samples:
        return None
    p50, p90, p99 = (float(p) for p in np.percentile(samples, (50, 90, 99)))
    return Latency(len(samples), p50, p90, p99, max(samples), 1e3 * len(samples) / sum(samples))


def speedup(rounds: Rounds, reference: Rounds) -> Spread | None:
    """How many times as fast as the reference: the ratio of the medians of each round both took part in.

    Args:
        rounds, reference: The same rounds in the same order.

    Returns:
        None where there is no such round.
    """
    return spread_of(
        [median(theirs) / median(ours) for ours, theirs in zip(rounds, reference, strict=False) if ours and theirs]
    )


def throughput_of(batch: int, rounds: Rounds) -> Spread | None:
    """Frames per second of the call of median length in each round; None without calls.

    Args:
        batch: Frames of a call.
        rounds: Milliseconds of the calls of each round.
    """
    return spread_of([1e3 * batch / median(calls) for calls in rounds if calls])


def spread_of(values: Sequence[float]) -> Spread | None:
    """Median, least and largest; None of none."""
    return Spread(median(values), min(values), max(values)) if values else None


def stage_medians(frames: Sequence[dict[str, float]]) -> dict[str, float]:
    """Median milliseconds of each stage over all frames, stages in the order they came."""
    names = list(dict.fromkeys(name for frame in frames for name in frame))
    return {name: median(frame.get(name, 0.0) for frame in frames) for name in names}
