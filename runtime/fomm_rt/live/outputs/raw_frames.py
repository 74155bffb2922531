"""Raw frames on standard output, for FFmpeg and every program that reads pixels from a pipe.

Raw video carries no times: a reader takes frame n for time n / rate. So frames are written at exactly the announced
rate. A result that is shown for two periods is written twice, and of two results in one period the newer is written.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from time import perf_counter

from typing_extensions import override

from fomm_rt.errors import OutputError
from fomm_rt.live.controls.control import Control
from fomm_rt.live.frames import LiveFrame
from fomm_rt.live.outputs.canvas import DEFAULT_SIZE, Canvas, Size
from fomm_rt.live.outputs.protocol import Output

DEFAULT_RATE = 30
LONGEST_GAP_S = 1.0
"""After a longer gap, no frames are repeated: the reader had stopped, and would stay late forever."""


class RawFrames(Output):
    """Writes (height, width, 3) uint8 RGB frames to a file descriptor.

    Args:
        size: Width and height of the canvas.
        rate: Frames per second.
        descriptor: Standard output by default.
        clock: Returns seconds.
    """

    name = "raw frames"
    records = False
    repeat_interval_s: float | None

    def __init__(
        self,
        size: Size = DEFAULT_SIZE,
        rate: int = DEFAULT_RATE,
        descriptor: int | None = None,
        clock: Callable[[], float] = perf_counter,
    ) -> None:
        self.repeat_interval_s = 1 / rate
        self._canvas = Canvas(size)
        self._rate = rate
        self._descriptor = descriptor
        self._clock = clock
        self._start_s: float | None = None
        self._written = 0

    @property
    def ffmpeg_input(self) -> str:
        """The arguments with which ffmpeg and ffplay read these frames from a pipe."""
        width, height = self._canvas.size
        return f"-f rawvideo -pixel_format rgb24 -video_size {width}x{height} -framerate {self._rate} -i -"

    @override
    def open(self, control: Control) -> None:
        self._control = control
        if self._descriptor is None:
            self._descriptor = _standard_output()
        if os.isatty(self._descriptor):
            raise OutputError(
                "raw frames would flood this terminal; send them to a program, "
                f"for example: fomm-rt live … | ffplay {self.ffmpeg_input}"
            )

    @override
    def present(self, frame: LiveFrame) -> None:
        count = self._frames_due()
        if not count:
            return
        pixels = self._canvas.compose(frame, is_mirrored=self._control.state.mirror_output)
        for _ in range(count):
            self._write(pixels.data.cast("B"))

    @override
    def close(self) -> None:
        """The descriptor belongs to the process and is left open."""

    def _frames_due(self) -> int:
        """Number of frames that are due by now, including this one."""
        now_s = self._clock()
        if self._start_s is None:
            self._start_s = now_s
        due = int((now_s - self._start_s) * self._rate + 0.5) + 1 - self._written
        if due > LONGEST_GAP_S * self._rate:
            self._start_s = now_s - self._written / self._rate
            due = 1
        count = max(due, 0)
        self._written += count
        return count

    def _write(self, content: memoryview) -> None:
        assert self._descriptor is not None
        try:
            while content:
                content = content[os.write(self._descriptor, content) :]
        except BrokenPipeError:
            raise
        except OSError as error:
            if sys.platform == "win32":  # where a broken pipe is EINVAL
                raise BrokenPipeError(error.errno, error.strerror) from error
            raise OutputError(f"raw frames cannot be written ({error.strerror}); check where they are sent") from error


def _standard_output() -> int:
    try:
        descriptor = sys.stdout.fileno()
    except (AttributeError, OSError, ValueError) as error:
        raise OutputError("raw frames need standard output, which is closed; send it to a program") from error
    if sys.platform == "win32":
        import msvcrt

        msvcrt.setmode(descriptor, os.O_BINARY)
    return descriptor
