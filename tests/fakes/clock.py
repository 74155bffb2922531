"""A fake clock, which moves only when somebody waits."""

from __future__ import annotations


class FakeClock:
    """Seconds that pass in `wait` alone."""

    def __init__(self, now_s: float) -> None:
        self._now_s = now_s

    def now(self) -> float:
        """The time."""
        return self._now_s

    def wait(self, seconds: float) -> None:
        """Lets time pass."""
        self._now_s += seconds
