"""A fake camera that does what a script says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from threading import Event

import numpy as np

from fomm_rt.image import Image
from fomm_rt.live.frames import CameraFrame

HANG = "hang"
"""In a script: `open` or `read` does not return before `released` is set."""

Step = int | Exception | str | Image | None
"""A frame of this sequence number, or with this picture; an exception to raise; HANG; None for the end."""


@dataclass(eq=False)
class FakeCamera:
    """Gives what its scripts say: one for each time that it is opened; the last one is repeated.

    A script whose first step is an exception or HANG fails or hangs in `open`, unless it begins with "open". A script
    that is used up hangs.
    """

    scripts: Sequence[Sequence[Step]]
    name: str = "Fake camera"
    reconnects: bool = True
    patience_s: float | None = None
    released: Event = field(default_factory=Event)
    opened: int = 0
    closed: int = 0
    interval_s: float = 0.02

    def open(self) -> FakeStream:
        script = self.scripts[min(self.opened, len(self.scripts) - 1)]
        self.opened += 1
        steps = iter(script)
        first = script[0]
        if isinstance(first, Exception):
            raise first
        if isinstance(first, str):
            if first == HANG:
                self.released.wait()
            next(steps)
        return FakeStream(self, steps)


class FakeStream:
    """What `FakeCamera` opens."""

    def __init__(self, camera: FakeCamera, steps: Iterator[Step]) -> None:
        self._camera, self._steps = camera, steps
        self._sequence = -1
        self.interval_s = camera.interval_s
        self.description = f"{camera.name}, 8×8, 50 fps"

    def read(self) -> CameraFrame | None:
        step = next(self._steps, HANG)
        if isinstance(step, str):
            self._camera.released.wait()
            step = self._sequence + 1
        if isinstance(step, Exception):
            raise step
        if step is None:
            return None
        picture = step if isinstance(step, np.ndarray) else np.zeros((8, 8, 3), np.uint8)
        self._sequence = step if isinstance(step, int) else self._sequence + 1
        return CameraFrame(self._sequence, float(self._sequence), picture)

    def close(self) -> None:
        self._camera.closed += 1
