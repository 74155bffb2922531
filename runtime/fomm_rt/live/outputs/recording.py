"""A recording of exactly the shown frames, as MKV. The user can start and stop it any number of times.

A frame is stamped with the time of its capture, not of its presentation. So the motion is right, and the sound of a
microphone, which is also stamped with its capture time, is in sync with it whatever the latency of the session was.
"""

from __future__ import annotations

import logging
from pathlib import Path

import cv2
import numpy as np
from typing_extensions import override

from fomm_rt.errors import OutputError
from fomm_rt.files.overwriting import Overwrite, check_overwrite
from fomm_rt.files.staging import check_target
from fomm_rt.live.controls.commands import Command
from fomm_rt.live.controls.control import Control
from fomm_rt.live.frames import LiveFrame
from fomm_rt.live.outputs.canvas import Size, check_size
from fomm_rt.live.outputs.microphone import Microphone
from fomm_rt.live.outputs.numbered_files import create_next
from fomm_rt.live.outputs.protocol import Output
from fomm_rt.live.outputs.recording_file import RecordingFile, even_size

_logger = logging.getLogger("fomm_rt")

SUFFIX = ".mkv"
DEFAULT_NAME = Path("live.mkv")
PUMP_INTERVAL_S = 0.25


class Recording(Output):
    """Records while `state.recording` is set, each time into a new file: live.mkv, live-2.mkv and so on.

    A failure ends the file, switches the recording off and is raised. Afterwards the user can record again.

    Args:
        path: The first file, which ends in .mkv.
        overwrite: True if the first file may replace an existing one; None takes the next free name instead, as all
            later files do.
        size: Even width and height of the files; that of its first picture by default.
        microphone: Its sound is also recorded.

    Raises:
        OutputError: The file cannot be written, exists and may not be replaced, or the size is odd.
    """

    name = "recording"
    records = True
    # A repeated frame still writes the sound, and can end the file while the picture is frozen.
    repeat_interval_s: float | None = PUMP_INTERVAL_S

    def __init__(
        self,
        path: Path = DEFAULT_NAME,
        overwrite: Overwrite | None = None,
        size: Size | None = None,
        microphone: Microphone | None = None,
    ) -> None:
        if path.suffix.lower() != SUFFIX:
            raise OutputError(
                f"{path}: a recording is written as {SUFFIX}, which can be read even if it was cut off; "
                f"convert it afterwards: ffmpeg -i NAME{SUFFIX} -c copy NAME.mp4"
            )
        if size is not None:
            check_size(size)
        check_target(path)
        self._replaces = overwrite is not None and path.exists()
        if self._replaces and overwrite is not None:
            check_overwrite([path], overwrite)
        self.files: list[Path] = []
        self._path = path
        self._size = size
        self._microphone = microphone
        self._file: RecordingFile | None = None
        self._sequence: int | None = None

    @override
    def open(self, control: Control) -> None:
        self._control = control
        if self._microphone is not None:
            self._microphone.open()

    @override
    def present(self, frame: LiveFrame) -> None:
        state = self._control.state
        try:
            if not state.recording:
                self._finish()
            elif frame.sequence is not None and frame.sequence != self._sequence:
                self._write(frame, is_mirrored=state.mirror_output)
            self._sequence = frame.sequence
            self._write_sound()
        except OutputError:
            self._file = None
            self._control.send(Command("record", False))
            raise

    @override
    def close(self) -> None:
        try:
            self._write_sound()
            self._finish()
        finally:
            self._file = None
            if self._microphone is not None:
                self._microphone.close()

    def _write(self, frame: LiveFrame, *, is_mirrored: bool) -> None:
        if self._file is None:
            self._file = self._start(frame)
        picture = np.asarray(cv2.flip(frame.picture, 1), np.uint8) if is_mirrored else frame.picture
        self._file.write(picture, frame.captured_s)

    def _start(self, frame: LiveFrame) -> RecordingFile:
        if self._replaces:
            path, self._replaces = self._path, False
        else:
            path = create_next(self._path)
        size = self._size or even_size(frame.picture)
        sound = None if self._microphone is None else self._microphone.form
        file = RecordingFile(path, size, frame.captured_s, sound)
        self.files.append(path)
        _logger.debug("%s: recording, %d×%d", path, *size)
        return file

    def _write_sound(self) -> None:
        """Writes the sound so far. Without a file it stays in the microphone: pictures are shown after their sound."""
        if self._microphone is not None and self._file is not None:
            for chunk in self._microphone.take():
                self._file.write_sound(chunk.frame, chunk.captured_s)

    def _finish(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.finish()
            _logger.debug("%s: %d pictures recorded", file.path, file.count)
