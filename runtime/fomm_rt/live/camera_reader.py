"""A thread that opens a camera once and reads it."""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread
from time import perf_counter

from fomm_rt.errors import CameraError, FommError
from fomm_rt.image import check_image
from fomm_rt.live.cameras.failures import stalled
from fomm_rt.live.cameras.protocol import Camera, CameraStream
from fomm_rt.live.frames import CameraFrame

OPEN_PATIENCE_S = 15.0
"""A camera that takes longer to open is left behind. It is longer than the timeout of a network stream."""

Ending = Exception | None
"""Why a camera is no longer read: its failure, or None after its last frame."""


class CameraReader:
    """A thread that opens a camera once and reads it until it ends, fails, or its frames are refused."""

    def __init__(
        self,
        camera: Camera,
        opened: Callable[[CameraReader, CameraStream], None],
        deliver: Callable[[CameraReader, CameraFrame, int], bool],
        tell: Callable[[Ending], None],
    ) -> None:
        self._camera, self._opened, self._deliver, self._tell = camera, opened, deliver, tell
        self._progress_s = perf_counter()
        self._is_open = False
        self.thread = Thread(target=self._run, name=f"fomm-rt camera {camera.name}", daemon=True)

    def left_s(self) -> float | None:
        """Seconds until the camera counts as stalled; None if it may take any time."""
        patience_s = self._camera.patience_s
        if patience_s is None:
            return None
        limit_s = patience_s if self._is_open else max(patience_s, OPEN_PATIENCE_S)
        return self._progress_s + limit_s - perf_counter()

    def complaint(self) -> FommError:
        """The error of a camera that has stalled."""
        if not self._is_open:
            return CameraError(f"{self._camera.name} cannot be opened within {OPEN_PATIENCE_S:g} s; plug it in again.")
        return stalled(self._camera.name, self._camera.patience_s or 0.0)

    def _run(self) -> None:
        try:
            stream = self._camera.open()
            try:
                self._progress_s, self._is_open = perf_counter(), True
                self._opened(self, stream)
                self._read(stream)
            finally:
                stream.close()
        except Exception as error:
            self._tell(error)
        else:
            self._tell(None)

    def _read(self, stream: CameraStream) -> None:
        sequence: int | None = None
        while (frame := stream.read()) is not None:
            self._progress_s = perf_counter()
            check_image(frame.pixels)
            new = 1 if sequence is None else max(1, frame.sequence - sequence)
            sequence = frame.sequence
            if not self._deliver(self, frame, new):
                return
