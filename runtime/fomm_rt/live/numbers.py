"""The numbers of a live session: counts of captured, shown and dropped frames, and quantiles of times."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Lock

import numpy as np

from fomm_rt.live.frames import LiveFrame

FINE_MS, LONGEST_MS = 200, 10_000
"""Times below FINE_MS are counted in bins of 0.1 ms, others in bins of 1 ms."""
RECENT_S = 1.0
"""Rates are averages over this time, and over the whole session at its end."""


@dataclass(frozen=True)
class Quantiles:
    """Quantiles of a time in milliseconds, exact within 0.1 ms, above 200 ms within 1 ms; None before the first."""

    p50: float | None = None
    p90: float | None = None
    p99: float | None = None
    max: float | None = None


@dataclass(frozen=True)
class Numbers:
    """The numbers of a session so far.

    Attributes:
        captured: Frames that the camera delivered.
        shown: Frames that the primary output presented.
        dropped: Frames that newer ones replaced. While a session runs, frames since the last shown one are not
            counted yet; at its end, captured = shown + dropped.
        stale: Shown frames that were older than one camera interval when they were shown.
        latency_ms: From capture to presentation, of shown frames. Pictures that were presented again do not count.
        network_ms: Time of the model alone.
        stages_ms: Stage -> its quantiles. The times of a frame add up to its latency: "waiting" until the engine takes
            it, "framing", "animation", and "output" until it is presented.
        camera_fps, shown_fps: Over the last second; at the end over the whole session.
        seconds: Since the first captured frame.
    """

    captured: int = 0
    shown: int = 0
    dropped: int = 0
    stale: int = 0
    latency_ms: Quantiles = field(default_factory=Quantiles)
    network_ms: Quantiles = field(default_factory=Quantiles)
    stages_ms: Mapping[str, Quantiles] = field(default_factory=dict)
    camera_fps: float = 0.0
    shown_fps: float = 0.0
    seconds: float = 0.0


class Histogram:
    """Counts times in bins, so memory does not grow with the length of a session."""

    def __init__(self) -> None:
        self._counts = np.zeros(10 * FINE_MS + LONGEST_MS - FINE_MS + 1, np.int64)
        self._max = 0.0

    def add(self, milliseconds: float) -> None:
        """Adds one time; a longer time than ten seconds goes into the last bin, but `max` keeps its value."""
        self._max = max(self._max, milliseconds)
        within = min(max(milliseconds, 0.0), LONGEST_MS)
        self._counts[round(10 * within) if within < FINE_MS else round(within) + 9 * FINE_MS] += 1

    def quantiles(self) -> Quantiles:
        """The quantiles of all times."""
        cumulative = np.cumsum(self._counts)
        count = int(cumulative[-1])
        if count == 0:
            return Quantiles()
        bins = (int(np.searchsorted(cumulative, share * count)) for share in (0.5, 0.9, 0.99))
        p50, p90, p99 = (round(b / 10, 1) if b < 10 * FINE_MS else float(b - 9 * FINE_MS) for b in bins)
        return Quantiles(p50, p90, p99, round(self._max, 1))


class Accounting:
    """Counts the frames of a session. Capture and the primary output call it from their threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._captured = self._shown = self._stale = 0
        self._last_shown: int | None = None
        self._times: dict[str, list[float]] = {"captured": [], "shown": []}
        self._first_s: float | None = None
        self._last_s = 0.0
        self._latency, self._network = Histogram(), Histogram()
        self._stages: dict[str, Histogram] = {}

    def captured(self, captured_s: float) -> None:
        """Counts a frame that the camera delivered."""
        with self._lock:
            self._captured += 1
            if self._first_s is None:
                self._first_s = captured_s
            self._note("captured", captured_s)

    def shown(self, frame: LiveFrame, presented_s: float, interval_s: float) -> None:
        """Counts a frame that the primary output presented; `interval_s` is that of the camera.

        A picture that was made without a camera frame does not count.
        """
        sequence = frame.sequence
        if sequence is None:
            return
        latency_s = presented_s - frame.captured_s
        with self._lock:
            self._shown += 1
            self._last_shown = sequence
            self._stale += latency_s > interval_s
            self._latency.add(latency_s * 1e3)
            if frame.network_ms is not None:
                self._network.add(frame.network_ms)
            output_ms = latency_s * 1e3 - sum(frame.stages_ms.values())
            for stage, milliseconds in {**frame.stages_ms, "output": output_ms}.items():
                self._stages.setdefault(stage, Histogram()).add(milliseconds)
            self._note("shown", presented_s)

    def numbers(self, now_s: float, *, is_over: bool = False) -> Numbers:
        """The numbers at this time; once the session `is_over`, every frame that was not shown counts as dropped."""
        with self._lock:
            seconds = 0.0 if self._first_s is None else max(now_s, self._last_s) - self._first_s
            decided = self._captured if is_over else 0 if self._last_shown is None else self._last_shown + 1
            return Numbers(
                self._captured,
                self._shown,
                max(decided - self._shown, 0),
                self._stale,
                self._latency.quantiles(),
                self._network.quantiles(),
                {stage: histogram.quantiles() for stage, histogram in self._stages.items()},
                self._rate("captured", self._captured, now_s, seconds, is_over),
                self._rate("shown", self._shown, now_s, seconds, is_over),
                round(seconds, 3),
            )

    def _note(self, kind: str, time_s: float) -> None:
        times = self._times[kind]
        times.append(time_s)
        self._last_s = max(self._last_s, time_s)
        while times and times[0] <= time_s - RECENT_S:
            times.pop(0)

    def _rate(self, kind: str, count: int, now_s: float, seconds: float, is_over: bool) -> float:
        if is_over:
            return round(count / seconds, 2) if seconds else 0.0
        recent = [time_s for time_s in self._times[kind] if time_s > now_s - RECENT_S]
        return round(len(recent) / RECENT_S, 2)
