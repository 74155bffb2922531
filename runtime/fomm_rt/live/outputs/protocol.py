"""What a live session needs of an output."""

from __future__ import annotations

from typing import Protocol

from fomm_rt.live.controls.control import Control
from fomm_rt.live.frames import LiveFrame


class Output(Protocol):
    """Takes results. Each output has a thread of its own, in which all its methods are called.

    The first output of a session is its primary one: frames that it has presented count as shown. An output that
    `records` gets exactly the shown frames, in order; all others get the newest result and miss those that came while
    they were busy.

    Attributes:
        name: As a user would call it.
        records: True if it must get every shown frame.
        repeat_interval_s: Present the last frame again if nothing new came for so long, so that a reader does not take
            the output for dead; None to wait.
    """

    name: str
    records: bool
    repeat_interval_s: float | None

    def open(self, control: Control) -> None:
        """Opens the output, before the first frame; what it shows follows the state in `control`.

        Raises:
            OutputError: It cannot be opened. The message is one sentence that says what to do.
        """

    def present(self, frame: LiveFrame) -> None:
        """Shows or writes one frame; returns when it is on its way to the eye.

        Raises:
            OutputError: It failed; the session goes on without this output, and ends if it was the primary one.
            BrokenPipeError: The reader is gone; the session ends.
        """

    def close(self) -> None:
        """Finishes what was written; called once after `open`, even after a failure."""
