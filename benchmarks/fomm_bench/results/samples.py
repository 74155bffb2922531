"""Statistics of samples: percentiles, rates, and ratios within a round."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

Rounds = Sequence[Sequence[float]]
"""Milliseconds of each frame or call, by round."""


@dataclass(frozen=True)
class Latency:
    """Latency of a frame in milliseconds: percentiles interpolated linearly between samples, and the largest sample.

    `fps` is the number of frames divided by the sum of their times.
    """

    frames: int
    p50: float
    p90: float
    p99: float
    max: float
    fps: float


@dataclass(frozen=True)
class Spread:
    """Median, smallest and largest of one figure per round."""

    median: float
    low: float
    high: float


def latency_of(rounds: Rounds) -> Latency | None:
    """The latency over all rounds; None without samples."""
    samples = [sample for frames in rounds for sample in frames]
    if not samples:
        return None
    p50, p90, p99 = (float(p) for p in np.percentile(samples, (50, 90, 99)))
    return Latency(len(samples), p50, p90, p99, max(samples), 1e3 * len(samples) / sum(samples))


def speedup(rounds: Rounds, reference: Rounds) -> Spread | None:
    """How many times as fast as the reference: the ratio of the medians, within each round that both have."""
    both = [(ours, theirs) for ours, theirs in zip(rounds, reference, strict=False) if ours and theirs]
    return spread_of([median(theirs) / median(ours) for ours, theirs in both]) if both else None


def spread_of(values: Sequence[float]) -> Spread:
    """Median, smallest and largest of at least one value."""
    return Spread(median(values), min(values), max(values))


def stage_medians(frames: Sequence[dict[str, float]]) -> dict[str, float]:
    """Stage -> median milliseconds over all frames, in the order the stages first appear."""
    names = list(dict.fromkeys(name for frame in frames for name in frame))
    return {name: median(frame.get(name, 0.0) for frame in frames) for name in names}
