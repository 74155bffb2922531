"""The protocol of an output of a live session."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from fomm_rt.live.controls.control import Control
from fomm_rt.live.frames import LiveFrame


class Output(Protocol):
    """Takes results. The methods of an output are called in its own thread, except those of a `MainThreadOutput`.

    The first output of a session is its primary one: frames that it has presented count as shown. An output that
    `records` gets exactly the shown frames, in order; all others get the newest result and miss those that came while
    they were busy.

    Attributes:
        name: As a user would call it.
        records: True if it must get every shown frame.
        repeat_interval_s: Present the last frame again if no new one came for this time, so that readers do not time
            out; None to wait.
    """

    name: str
    records: bool
    repeat_interval_s: float | None

    def open(self, control: Control) -> None:
        """Opens the output, before the first frame; its picture follows the state in `control`.

        Raises:
            OutputError: It cannot be opened. The message is one sentence that says what to do.
        """

    def present(self, frame: LiveFrame) -> None:
        """Shows or writes one frame; returns when it was handed to the screen or the device.

        Raises:
            OutputError: It failed; the session goes on without this output, and ends if it was the primary one. An
                output that `records` still gets later frames: it has switched recording off.
            BrokenPipeError: The reader is gone; the session ends.
        """

    def close(self) -> None:
        """Finishes the output; called once after `open`, even after a failure."""


@runtime_checkable
class MainThreadOutput(Output, Protocol):
    """An output that also takes input from the user, as a window does; a session has one of these at most.

    All its methods but `wake` are called in the main thread of the process: some systems allow windows nowhere else.
    Its loop calls `wait` wherever that of another output waits in a slot:

        while not ends():
            frame = slot.take()
            if frame is None:
                output.wait(timeout_s)  # `wake` follows every `slot.put`, and what ends the session
            else:
                output.present(frame)
    """

    def wait(self, timeout_s: float) -> None:
        """Handles the user's input until `wake` is called or the time is over; one call of `wake` ends one `wait`.

        The last frame is drawn again if the state or the size of the window changes; that frame does not count as
        presented. A time of 0 handles pending input only. Python's signal handlers run at least every 50 ms.

        Raises:
            OutputError: As in `present`.
        """

    def wake(self) -> None:
        """Ends the running `wait`, or else the next one. May be called from any thread, and after `close`."""
