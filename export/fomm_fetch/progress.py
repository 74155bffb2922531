"""The progress reports of a fetch."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Literal

Step = Literal["waiting", "downloading", "verifying", "exporting", "notice"]
"""The current step; "notice" reports an unexpected event, such as a source that failed."""

RATE_WINDOW_S = 10.0


@dataclass(frozen=True)
class FetchProgress:
    """A report.

    Attributes:
        step: The current step.
        message: A short phrase for people.
        done_bytes, total_bytes: Of a download; None where unknown and in other steps.
        bytes_per_s: Rate over the last seconds; None where unknown.
    """

    step: Step
    message: str
    done_bytes: int | None = None
    total_bytes: int | None = None
    bytes_per_s: float | None = None

    @property
    def remaining_s(self) -> float | None:
        """Estimated time to the end of the download; None where unknown."""
        if self.done_bytes is None or self.total_bytes is None or not self.bytes_per_s:
            return None
        return max(self.total_bytes - self.done_bytes, 0) / self.bytes_per_s


ProgressCallback = Callable[[FetchProgress], None]
"""Called often, from the thread that fetches. An exception that it raises stops the fetch; the next one resumes the
download."""


class RateMeter:
    """Bytes per second over the last RATE_WINDOW_S."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._seen: deque[tuple[float, int]] = deque()

    def update(self, done_bytes: int) -> float | None:
        """Takes the number of bytes done so far; returns the rate, None until there is one."""
        now = self._clock()
        self._seen.append((now, done_bytes))
        while len(self._seen) > 2 and now - self._seen[0][0] > RATE_WINDOW_S:
            self._seen.popleft()
        start, first = self._seen[0]
        return (done_bytes - first) / (now - start) if now > start else None
