"""Virtual cameras: v4l2loopback by fake devices behind the real ioctls and FFmpeg, OBS by a fake pyvirtualcam."""

from __future__ import annotations

import logging
import sys
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest

from fakes.live_control import FakeControl, numbered_frame
from fakes.video_devices import FakeVideoDevices
from fomm_bench.numbered_pictures import number_of
from fomm_rt.errors import OutputError
from fomm_rt.image import Image
from fomm_rt.live.outputs.virtual_camera import VirtualCamera

SHOW = """
import json, logging
import numpy as np
from dataclasses import replace
from fakes.live_control import FakeControl, PERSON, live_frame, numbered_frame
from fomm_rt.errors import OutputError
from fomm_rt.live.controls.commands import Command
from fomm_rt.live.controls.control import Thumbnail
from fomm_rt.live.outputs.v4l2_loopback import loopback_devices
from fomm_rt.live.outputs.virtual_camera import VirtualCamera
from fomm_bench.numbered_pictures import numbered

warnings = []
handler = logging.Handler(logging.WARNING)
handler.emit = lambda record: warnings.append(record.getMessage())
logging.getLogger("fomm_rt").addHandler(handler)
control = FakeControl(thumbnails=[Thumbnail("a", numbered(999, 96, 96))])
camera = VirtualCamera(sys.argv[1] or None, (640, 360))
try:
    camera.open(control)
    try:
        for number in range(3):
            camera.present(numbered_frame(number, number / 30))
            if len(sys.argv) > 2:
                Path(sys.argv[2]).unlink()
        camera.present(numbered_frame(2, 2 / 30))
        control.send(Command("mirror-output"))
        camera.present(numbered_frame(0b1000000000000000, 0))
        camera.present(live_frame(np.full((480, 640, 3), 235, np.uint8), driver="passthrough"))
    finally:
        camera.close()
    error = None
except OutputError as failure:
    error = str(failure)
logging.getLogger("fomm_rt").removeHandler(handler)
print(json.dumps([error, warnings]))
"""


def _pictures(devices: FakeVideoDevices, number: int = 9) -> list[Image]:
    text, frames = devices.written(number)
    assert text == "640x360 YU12"
    planes = [np.frombuffer(frame, np.uint8).reshape(540, 640) for frame in frames]
    return [np.asarray(cv2.cvtColor(each, cv2.COLOR_YUV2RGB_I420), np.uint8) for each in planes]


def _avatar(picture: Image) -> Image:
    return picture[:, 140:500]


@pytest.mark.parametrize("choice", ["", "9", "/dev/video9", "fomm", "FOMM-RT"])
def test_readers_get_what_is_shown(devices: FakeVideoDevices, choice: str) -> None:
    devices.add(0, card="Webcam fomm")
    devices.add(9, card="fomm-rt")
    assert devices.run(SHOW, choice) == [None, []]
    card, *shown, mirrored, passthrough = _pictures(devices)
    assert number_of(_avatar(card)) == 999, "the avatar's thumbnail comes before the first result"
    assert [number_of(_avatar(picture)) for picture in shown] == [0, 1, 2, 2]
    assert number_of(_avatar(mirrored)) == 1
    assert passthrough.min() > 220, "the camera's picture fills the canvas"
    for picture in (card, *shown, mirrored):
        assert not (picture[..., 0] > picture[..., 2] + 60.0).any(), "a person is shown, who is red"


def test_takes_the_first_that_is_free(devices: FakeVideoDevices) -> None:
    devices.add(8, kind="loopback", card="first", taken="yes")
    devices.add(9, card="second")
    devices.add(10, kind="loopback", card="third")
    assert devices.run(SHOW, "")[0] is None
    assert len(_pictures(devices, 9)) == 7


MODPROBE = 'sudo modprobe v4l2loopback exclusive_caps=1 card_label="fomm-rt"'


@pytest.mark.parametrize(
    ("choice", "settings", "expected"),
    [
        ("9", {"taken": "yes"}, "/dev/video9 is in use: another program writes to it"),
        ("", {"taken": "yes"}, "/dev/video9 is in use: another program writes to it"),
        ("9", {"busy": "open"}, "/dev/video9 is in use"),
        ("9", {"busy": "format"}, "/dev/video9 is in use"),
        ("9", {"denied": "yes"}, '/dev/video9 may not be opened by this user; run: sudo usermod -aG video "$USER"'),
        ("", {"denied": "yes"}, '/dev/video9 may not be opened by this user; run: sudo usermod -aG video "$USER"'),
        ("9", {"keeps": "800x600"}, "/dev/video9 takes 800x600 YU12 only, as long as another program shows it"),
        ("0", {}, f"/dev/video0 is a camera, not a virtual one; load virtual cameras with: {MODPROBE}"),
        ("7", {}, f"/dev/video7 does not exist; load virtual cameras with: {MODPROBE}"),
        ("/dev/null", {}, "/dev/null is no video device"),
        ("OBS", {}, "no virtual camera is called 'OBS'; there is /dev/video9 (my own)"),
        ("Web", {}, "no virtual camera is called 'Web'; there is /dev/video9 (my own)"),
    ],
)
def test_devices_that_cannot_be_used(
    devices: FakeVideoDevices, choice: str, settings: dict[str, str], expected: str
) -> None:
    devices.add(0, card="Webcam")
    devices.add(9, card="my own", **settings)
    error, warnings = devices.run(SHOW, choice)
    assert error.startswith(expected)
    assert warnings == []


def test_no_virtual_camera(devices: FakeVideoDevices) -> None:
    devices.add(0, card="Webcam")
    error, _ = devices.run(SHOW, "")
    assert error == (
        f"there is no virtual camera; load one with: {MODPROBE} "
        "(the module is installed by: sudo apt install v4l2loopback-dkms)"
    )


def test_a_device_that_chrome_does_not_list(devices: FakeVideoDevices) -> None:
    devices.add(9, card="my own", exclusive="no")
    error, [warning] = devices.run(SHOW, "")
    assert error is None
    assert warning == (
        "/dev/video9 (my own) was loaded without exclusive_caps=1, so Chrome does not list it; "
        f"run: sudo modprobe -r v4l2loopback && {MODPROBE}"
    )


def test_a_device_that_vanishes(devices: FakeVideoDevices) -> None:
    device = devices.add(9)
    error, _ = devices.run(SHOW, "9", device)
    assert error == f"/dev/video9 is gone; load virtual cameras again with: {MODPROBE}"


class _FakeObsCamera:
    """What pyvirtualcam.Camera does with OBS installed."""

    def __init__(self, *, width: int, height: int, fps: float, fmt: str, device: str | None) -> None:
        if device not in (None, "OBS Virtual Camera"):
            raise RuntimeError(f"'obs' backend: not found: {device}\n'unity' backend: no")
        self.device = "OBS Virtual Camera"
        self.settings = (width, height, fps, fmt)
        self.sent: list[int] = []
        self.is_closed = False
        _FakeObsCamera.last = self

    last: _FakeObsCamera

    def send(self, frame: Any) -> None:
        if len(self.sent) == 3:
            raise RuntimeError("error sending frame")
        self.sent.append(number_of(frame[:, 140:500]))

    def close(self) -> None:
        self.is_closed = True


@pytest.fixture
def _elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")


@pytest.mark.usefixtures("_elsewhere")
def test_obs(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    module = SimpleNamespace(Camera=_FakeObsCamera, PixelFormat=SimpleNamespace(RGB="RGB"))
    monkeypatch.setitem(sys.modules, "pyvirtualcam", module)
    camera = VirtualCamera(size=(640, 360))
    camera.open(FakeControl())
    obs = _FakeObsCamera.last
    for number in (5, 6):
        camera.present(numbered_frame(number, 0))
    with pytest.raises(OutputError, match=r"the virtual camera OBS Virtual Camera failed \(error sending frame\)"):
        camera.present(numbered_frame(7, 0))
    camera.close()
    assert obs.settings == (640, 360, 30, "RGB")
    assert obs.sent == [0, 5, 6]
    assert obs.is_closed
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]
    with pytest.raises(OutputError, match=r"not found: other; 'unity' backend: no\); install OBS Studio"):
        VirtualCamera("other").open(FakeControl())


@pytest.mark.usefixtures("_elsewhere")
def test_a_camera_that_fails_at_once_is_freed(monkeypatch: pytest.MonkeyPatch) -> None:
    class Failing(_FakeObsCamera):
        def send(self, frame: Any) -> None:
            raise RuntimeError(f"error sending a frame of {frame.shape}")

    module = SimpleNamespace(Camera=Failing, PixelFormat=SimpleNamespace(RGB="RGB"))
    monkeypatch.setitem(sys.modules, "pyvirtualcam", module)
    with pytest.raises(OutputError, match="error sending a frame"):
        VirtualCamera().open(FakeControl())
    assert _FakeObsCamera.last.is_closed


@pytest.mark.usefixtures("_elsewhere")
def test_obs_needs_an_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyvirtualcam", None)
    with pytest.raises(OutputError, match=r'run: pip install "fomm-rt\[virtual-camera\]" \(install OBS Studio'):
        VirtualCamera().open(FakeControl())


def test_a_camera_that_was_not_opened_can_be_closed() -> None:
    VirtualCamera().close()
