"""The report of a live session."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from fomm_rt.backends.protocol import BackendDescription
from fomm_rt.live.numbers import Numbers

ENDINGS: Mapping[str, str] = {
    "quit": "ended by the user",
    "duration": "the duration is over",
    "camera": "the camera has ended",
    "reader": "the reader of the output is gone",
    "failure": "the session could not continue",
}
"""Why a session ended -> in words."""


@dataclass(frozen=True)
class LiveReport:
    """The numbers of a whole session.

    Attributes:
        numbers: Of all its frames; captured = shown + dropped.
        backend: Which backend ran, on which device, and why.
        ended_by: A key of ENDINGS.
        output: Name of the primary output, which counts what was shown; None without outputs.
    """

    numbers: Numbers
    backend: BackendDescription
    ended_by: str
    output: str | None

    @property
    def sound_delay_ms(self) -> int | None:
        """By how much to delay sound that is recorded elsewhere, for example in OBS; None if nothing was shown."""
        p50 = self.numbers.latency_ms.p50
        return None if p50 is None else round(p50)

    def document(self) -> dict[str, Any]:
        """The report as plain values, for JSON."""
        return {
            **asdict(self.numbers),
            "backend": self.backend.name,
            "device": self.backend.device,
            "reason": self.backend.reason,
            "output": self.output,
            "sound_delay_ms": self.sound_delay_ms,
            "ended_by": self.ended_by,
        }

    def sentence(self) -> str:
        """The most important numbers, in one line."""
        n = self.numbers
        if n.latency_ms.p50 is None:
            return f"{n.captured} frames captured, none shown; {ENDINGS[self.ended_by]}"
        return (
            f"{n.shown} frames shown ({n.shown_fps:.1f} fps), {n.dropped} dropped of {n.captured} captured "
            f"({n.camera_fps:.1f} fps); latency {n.latency_ms.p50:.0f} ms, 99 %: {n.latency_ms.p99:.0f} ms; "
            f"{ENDINGS[self.ended_by]}"
        )
