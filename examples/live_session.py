"""Drive an avatar live from a program of your own: it makes the frames and takes the results.

    python examples/live_session.py
    python examples/live_session.py --seconds 60 --avatars ~/faces -m vox-adv

The camera here is OpenCV's reader of the bundled performance; it could be a game, a depth camera or a network. The
output keeps the latest result and writes it as a picture at the end.
"""

import argparse
import time
from pathlib import Path

import cv2
import numpy as np

from fomm_rt import Animator, CameraFrame, LiveFrame, LiveSession, write_picture
from fomm_rt.bundled import bundled_performance


class OpenCvCamera:
    """A camera: it can be opened, and gives a stream of frames."""

    name = "OpenCV"
    reconnects = False  # True for a device that may be plugged in again
    patience_s = None  # after so many seconds without a frame it would count as stalled

    def open(self) -> "OpenCvStream":
        """Opens the camera; called in a thread of the session."""
        return OpenCvStream()


class OpenCvStream:
    """The open camera."""

    interval_s = 1 / 25
    description = "OpenCV, 256×256, 25 fps"

    def __init__(self) -> None:
        self.capture = cv2.VideoCapture(str(bundled_performance()))
        self.count = 0
        self.due_s = time.perf_counter()

    def read(self) -> CameraFrame | None:
        """Waits for the next frame; None ends the session."""
        is_frame, picture = self.capture.read()
        if not is_frame:
            return None
        self.due_s += self.interval_s
        time.sleep(max(0.0, self.due_s - time.perf_counter()))
        rgb = np.ascontiguousarray(picture[..., ::-1], np.uint8)  # OpenCV's frames are BGR
        self.count += 1
        return CameraFrame(self.count - 1, self.due_s, rgb)

    def close(self) -> None:
        """Frees the device."""
        self.capture.release()


class KeepLatest:
    """An output: it gets every result that the session has time for."""

    name = "latest"
    records = False  # True to get every shown frame, in order
    repeat_interval_s: float | None = None  # or: present the last frame again after so many seconds

    def __init__(self) -> None:
        self.latest: LiveFrame | None = None

    def open(self, control: object) -> None:
        """Called before the first frame; `control.send(Command("next-avatar"))` would switch avatars."""

    def present(self, frame: LiveFrame) -> None:
        """Shows a result. `frame.captured_s` says when the camera took the frame that drove it."""
        self.latest = frame

    def close(self) -> None:
        """Called once at the end."""


def main() -> None:
    """Runs the session and prints its numbers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--avatars", type=Path, action="append", default=[], help="folder or picture")
    parser.add_argument("-m", "--model", help="model name or folder; the bundled model by default")
    parser.add_argument("-o", "--output", default="live.png", help="the last result (default: %(default)s)")
    args = parser.parse_args()

    output = KeepLatest()
    with Animator.load(args.model) as animator:
        session = LiveSession(animator, OpenCvCamera(), [output], avatars=args.avatars)
        report = session.run(args.seconds)
    if output.latest is not None:
        write_picture(args.output, output.latest.picture)
    print(report.sentence())
    print(f"{args.output}: the last result")


if __name__ == "__main__":
    main()
