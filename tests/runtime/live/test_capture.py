from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from queue import SimpleQueue

import numpy as np
import pytest

from fakes.cameras import HANG, FakeCamera, Step
from fomm_rt.errors import CameraError, ImageError
from fomm_rt.live.capture import MOST_LEFT_BEHIND, Capture, CaptureState
from fomm_rt.live.frames import CameraFrame
from fomm_rt.live.numbers import Accounting

UNPLUGGED = CameraError("Fake camera was unplugged.")
BUSY = CameraError("Fake camera is held by another program.")
LONG_S = 30.0


class Rig:
    """A capture of a fake camera, with the changes that it told."""

    def __init__(self, scripts: list[list[Step]], **settings: object) -> None:
        self.camera = FakeCamera(scripts, **settings)  # type: ignore[arg-type]
        self.accounting = Accounting()
        self.changes: SimpleQueue[CaptureState] = SimpleQueue()
        self.capture = Capture(self.camera, self.accounting, self.changes.put, retry_s=0.01)

    def phases(self, until: str) -> list[str]:
        """The phases up to one that must come."""
        phases: list[str] = []
        while not phases or phases[-1] != until:
            phases.append(self.changes.get(timeout=LONG_S).phase)
        return phases

    def frame(self) -> CameraFrame:
        frame = self.capture.frames.take(LONG_S)
        assert frame is not None
        return frame

    def captured(self) -> int:
        return self.accounting.numbers(0.0).captured


@pytest.fixture
def make_rig() -> Iterator[Callable[..., Rig]]:
    """Starts captures and ends them after the test."""
    rigs: list[Rig] = []

    def make(*scripts: list[Step], **settings: object) -> Rig:
        rigs.append(Rig(list(scripts), **settings))
        rigs[-1].capture.start()
        return rigs[-1]

    yield make
    for rig in rigs:
        rig.camera.released.set()
        rig.capture.stop()


MakeRig = Callable[..., Rig]


def test_newest_frame_is_given_and_all_are_counted(make_rig: MakeRig) -> None:
    rig = make_rig([0, 1, 2, None], reconnects=False)
    assert rig.phases("ended") == ["open", "ended"]
    assert rig.frame().sequence == 2
    assert rig.capture.frames.take() is None
    assert rig.capture.frames.is_closed
    assert rig.captured() == 3
    assert rig.camera.closed == 1


def test_frames_that_gave_way_in_the_camera_are_counted(make_rig: MakeRig) -> None:
    rig = make_rig([4, 5, 9, None])
    rig.phases("ended")
    # The first is number 0, whatever the camera calls it; 5 is one more, 9 another four.
    assert rig.frame().sequence == 5
    assert rig.captured() == 6


def test_camera_that_cannot_be_opened_at_first(make_rig: MakeRig) -> None:
    rig = make_rig([BUSY])
    assert rig.phases("failed") == ["failed"]
    assert rig.capture.error is BUSY
    assert rig.capture.state.message == str(BUSY)
    assert rig.capture.frames.take(LONG_S) is None


def test_numbers_go_on_when_a_lost_camera_is_back(make_rig: MakeRig) -> None:
    rig = make_rig([0, 1, UNPLUGGED], [UNPLUGGED], [0, 1, None])
    assert rig.phases("ended") == ["open", "lost", "open", "ended"]
    assert rig.frame().sequence == 3
    assert rig.captured() == 4
    assert rig.camera.opened == 3
    assert rig.camera.closed == 2


def test_a_loss_is_reported_once_per_reason(make_rig: MakeRig, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "fomm_rt"):
        rig = make_rig([0, UNPLUGGED], [UNPLUGGED], [UNPLUGGED], [BUSY], [BUSY], [0, None])
        messages = [rig.changes.get(timeout=LONG_S).message for _ in range(5)]
    assert messages == ["", str(UNPLUGGED), str(BUSY), "", ""]
    assert [record.getMessage() for record in caplog.records] == [str(UNPLUGGED), str(BUSY)]


def test_file_that_fails_is_not_opened_again(make_rig: MakeRig) -> None:
    rig = make_rig([0, UNPLUGGED], reconnects=False)
    assert rig.phases("failed") == ["open", "failed"]
    assert rig.capture.error is UNPLUGGED
    assert rig.frame().sequence == 0
    assert rig.camera.opened == 1


def test_defect_of_a_camera_is_no_reason_to_try_again(make_rig: MakeRig) -> None:
    defect = ZeroDivisionError("division by zero")
    rig = make_rig([0, defect])
    rig.phases("failed")
    assert rig.capture.error is defect


def test_array_that_is_no_picture(make_rig: MakeRig) -> None:
    rig = make_rig([np.zeros((8, 8), np.uint8)], reconnects=False)
    rig.phases("failed")
    assert isinstance(rig.capture.error, ImageError)


def test_read_that_never_returns_is_left_behind(make_rig: MakeRig) -> None:
    rig = make_rig([0, HANG], [0, 1, None], patience_s=0.3)
    assert rig.phases("ended") == ["open", "lost", "open", "ended"]
    assert rig.frame().sequence == 2
    assert rig.camera.closed == 1
    rig.camera.released.set()
    for thread in threading.enumerate():
        if thread.name == "fomm-rt camera Fake camera":
            thread.join(LONG_S)
    # It came back, was refused its frame, and closed what it had opened.
    assert rig.capture.frames.take() is None
    assert rig.captured() == 3
    assert rig.camera.closed == 2


def test_stalled_camera_is_explained(make_rig: MakeRig) -> None:
    rig = make_rig([0, HANG], patience_s=0.3)
    rig.phases("lost")
    assert rig.capture.state.message.startswith("Fake camera has sent no picture for 0.3 s; ")


def test_threads_that_hang_are_limited(make_rig: MakeRig) -> None:
    rig = make_rig([0, HANG], ["open", HANG], patience_s=0.01)
    rig.phases("lost")
    while rig.camera.opened < MOST_LEFT_BEHIND:
        threading.Event().wait(0.01)
    threading.Event().wait(0.2)
    assert rig.camera.opened == MOST_LEFT_BEHIND
    rig.camera.released.set()
    rig.phases("open")


@pytest.mark.parametrize("script", [[HANG], ["open", HANG], [0, HANG]], ids=["open", "first read", "later read"])
def test_stop_leaves_a_camera_behind_that_hangs(make_rig: MakeRig, script: list[Step]) -> None:
    rig = make_rig(script)
    while rig.camera.opened == 0:
        threading.Event().wait(0.01)
    rig.capture.stop()
    rig.capture.stop()
    assert rig.phases("ended")[-1] == "ended"
    rig.capture.frames.take()
    assert rig.capture.frames.is_closed
    assert not any(thread.name == "fomm-rt capture" for thread in threading.enumerate())


def test_stop_while_a_lost_camera_is_waited_for(make_rig: MakeRig) -> None:
    rig = make_rig([0, UNPLUGGED])
    rig.phases("lost")
    rig.capture.stop()
    assert rig.capture.frames.is_closed
    assert rig.capture.error is None


def test_stop_before_start() -> None:
    capture = Capture(FakeCamera([[0]]), Accounting())
    capture.stop()
    assert capture.frames.is_closed


def test_interval_and_description_are_those_of_the_open_camera(make_rig: MakeRig) -> None:
    rig = make_rig([0], interval_s=0.02)
    rig.phases("open")
    assert rig.capture.interval_s == 0.02
    assert rig.capture.description == "Fake camera, 8×8, 50 fps"
