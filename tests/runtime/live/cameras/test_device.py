"""Cameras of Linux, read by FFmpeg from fake devices in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from fakes.video_devices import FakeVideoDevices
from fomm_bench.numbered_pictures import numbered

READ = """
import time
from fomm_rt.errors import CameraError
from fomm_rt.live.cameras.choose import choose_camera
from fomm_bench.numbered_pictures import number_of
read, error, description = [], None, None
try:
    stream = choose_camera(text, size=size and tuple(size)).open()
    description = stream.description
    while len(read) < count:
        if len(read) == pause_before:
            time.sleep(0.5)
        frame = stream.read()
        age_s = time.perf_counter() - frame.captured_s
        read.append([frame.sequence, number_of(frame.pixels), list(frame.pixels.shape), age_s])
    stream.close()
except CameraError as failure:
    error = str(failure)
result = read, description, error
"""


def read(
    devices: FakeVideoDevices,
    camera: str | None = None,
    size: tuple[int, int] | None = None,
    count: int = 5,
    pause_before: int = -1,
) -> Any:
    """Reads frames: (sequence, drawn number, shape, age in seconds) of each, the description, the error."""
    return devices.evaluate(READ, text=camera, size=size, count=count, pause_before=pause_before)


def why(devices: FakeVideoDevices, camera: str | None = None) -> str:
    """Reads frames until the camera fails; returns the message."""
    error = read(devices, camera, count=100)[2]
    assert error is not None
    return str(error)


def write_jpegs(path: Path, sizes: list[tuple[int, int]]) -> Path:
    pictures = [numbered(number, *size) for number, size in enumerate(sizes)]
    path.write_bytes(b"".join(cv2.imencode(".jpg", picture)[1].tobytes() for picture in pictures))
    return path


def test_frames_come_in_order_with_the_time_of_the_driver(devices: FakeVideoDevices) -> None:
    devices.add(0, card="Logitech C920", sizes="320x240,640x480")
    frames, description, error = read(devices)
    assert error is None
    assert description == "Logitech C920, 640×480, 30 fps, YUYV422"
    assert {tuple(shape) for _, _, shape, _ in frames} == {(480, 640, 3)}
    # Each number that was passed over counts in the sequence too.
    assert all(number - sequence == frames[0][1] - frames[0][0] for sequence, number, _, _ in frames)
    assert all(0 <= age_s < 5 for *_, age_s in frames)


def test_late_reader_gets_the_newest_frame(devices: FakeVideoDevices) -> None:
    devices.add(0)
    frames = read(devices, pause_before=3)[0]
    # Fifteen frames were taken meanwhile. Eight buffers hold the oldest of them, and what follows is newer.
    assert frames[3][1] - frames[2][1] >= 12


def test_wall_clock_of_an_old_driver_is_not_taken_for_ours(devices: FakeVideoDevices) -> None:
    devices.add(0, clock="realtime")
    frames = read(devices)[0]
    assert all(0 <= age_s < 5 for *_, age_s in frames)


def test_the_nearest_size_is_reported(devices: FakeVideoDevices) -> None:
    devices.add(0, sizes="320x240,800x600")
    frames, description, _ = read(devices, size=(640, 480))
    assert "800×600" in description
    assert frames[0][2] == [600, 800, 3]


def test_large_pictures_are_asked_for_as_jpeg(devices: FakeVideoDevices, tmp_path: Path) -> None:
    jpegs = write_jpegs(tmp_path / "pictures.mjpeg", [(1280, 720)] * 4)
    devices.add(0, sizes="640x480,1280x720", mjpeg=jpegs)
    frames, description, _ = read(devices, size=(1280, 720))
    assert "1280×720, 30 fps, MJPEG" in description
    assert {number for _, number, _, _ in frames} <= {0, 1, 2, 3}
    assert "YUYV" in read(devices, size=(640, 480), count=1)[1]


def test_size_that_changes_while_frames_come(devices: FakeVideoDevices, tmp_path: Path) -> None:
    jpegs = write_jpegs(tmp_path / "pictures.mjpeg", [(1280, 720)] * 3 + [(640, 360)] * 3)
    devices.add(0, sizes="1280x720", mjpeg=jpegs)
    shapes = {tuple(shape) for _, _, shape, _ in read(devices, size=(1280, 720), count=12)[0]}
    assert shapes == {(720, 1280, 3), (360, 640, 3)}


def test_damaged_jpeg_is_passed_over(devices: FakeVideoDevices, tmp_path: Path) -> None:
    jpegs = write_jpegs(tmp_path / "pictures.mjpeg", [(1280, 720)] * 3)
    jpegs.write_bytes(b"\xff\xd8 nothing \xff\xd9" + jpegs.read_bytes())
    devices.add(0, sizes="1280x720", mjpeg=jpegs)
    frames, _, error = read(devices, size=(1280, 720), count=6)
    assert error is None
    assert len(frames) == 6


@pytest.mark.parametrize("where", ["open", "format", "buffers"])
def test_camera_that_another_program_holds(devices: FakeVideoDevices, where: str) -> None:
    devices.add(0, card="C920", busy=where)
    assert " is held by another program" in why(devices)


def test_program_that_holds_the_camera_is_named(devices: FakeVideoDevices) -> None:
    path = devices.add(0, card="C920", busy="format")
    with path.open() as held:
        other = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=[held.fileno()])
        try:
            assert f"process {other.pid}" in why(devices, str(path))
        finally:
            other.communicate(b"\n")


def test_camera_that_the_user_may_not_open(devices: FakeVideoDevices) -> None:
    devices.add(0, card="C920", denied="yes")
    message = why(devices)
    assert "may not be opened by this user; " in message
    assert "/dev/video0" in message


def test_camera_that_is_unplugged(devices: FakeVideoDevices) -> None:
    devices.add(0, card="C920", unplug_after=4)
    frames, _, error = read(devices, count=100)
    assert len(frames) >= 1
    assert error == "C920 was unplugged; plug it in again."


def test_camera_that_stalls(devices: FakeVideoDevices) -> None:
    devices.add(0, card="C920", stall_after=3)
    assert why(devices).startswith("C920 has sent no picture for 2 s; ")


@pytest.mark.parametrize("fourcc", ["Z99 ", "GREY"])
def test_format_that_cannot_be_read(devices: FakeVideoDevices, fourcc: str) -> None:
    # FFmpeg knows nothing of the first. Of the second, each frame is of another size than it should be.
    devices.add(0, card="Depth camera", fourcc=fourcc)
    assert why(devices).startswith("Depth camera sends no pictures that can be decoded; ")


def test_buffers_of_the_driver_are_given_back_before_it_is_closed(devices: FakeVideoDevices) -> None:
    # FFmpeg would give them back later, through memory that is free by then.
    devices.add(0)
    assert (
        devices.evaluate(
            """
import av
from fomm_rt.live.cameras.choose import choose_camera
av.logging.set_level(av.logging.WARNING)
with av.logging.Capture() as logs:
    stream = choose_camera("0").open()
    frames = [stream.read() for _ in range(3)]
    stream.close()
av.logging.set_level(None)
result = [message for _, _, message in logs if "owned by the caller" in message]
"""
        )
        == []
    )


def test_no_camera(devices: FakeVideoDevices) -> None:
    devices.add(9)
    assert why(devices).startswith("No camera was found; plug one in, ")


def test_cameras_are_listed_with_their_formats(devices: FakeVideoDevices, tmp_path: Path) -> None:
    jpegs = write_jpegs(tmp_path / "pictures.mjpeg", [(1280, 720)])
    devices.add(10, card="Second", rate=60)
    devices.add(2, card="First", sizes="640x480,1280x720", mjpeg=jpegs)
    devices.add(9, card="OBS")
    devices.add(11, denied="yes")
    assert devices.evaluate(
        """
from fomm_rt.live.cameras.listing import list_cameras
result = [[c.number, c.name, c.path, c.offers, c.problem] for c in list_cameras()]
"""
    ) == [
        [
            2,
            "First",
            "/dev/video2",
            ["YUYV 640×480 30 fps, 1280×720 30 fps", "MJPEG 640×480 30 fps, 1280×720 30 fps"],
            "",
        ],
        [10, "Second", "/dev/video10", ["YUYV 320×240 60 fps"], ""],
        [11, "/dev/video11", "/dev/video11", [], "not permitted"],
    ]


def test_camera_is_found_by_number_path_and_part_of_its_name(devices: FakeVideoDevices) -> None:
    devices.add(0, card="Integrated Camera")
    path = devices.add(4, card="Logitech C920")
    for text in ("4", "logitech", "C920", "/dev/video4", str(path)):
        assert read(devices, text, count=1)[1].startswith("Logitech C920, ")


def test_several_cameras_of_a_name_are_listed(devices: FakeVideoDevices) -> None:
    devices.add(0, card="Webcam A")
    devices.add(2, card="Webcam B")
    assert "give a number: 0 Webcam A, 2 Webcam B" in why(devices, "webcam")


def test_missing_camera_lists_those_that_are_there(devices: FakeVideoDevices) -> None:
    devices.add(0, card="Webcam A")
    assert why(devices, "7") == "There is no camera '7' here; choose one of: 0 Webcam A."
    assert why(devices, "C920") == "There is no camera 'C920' here; choose one of: 0 Webcam A."


@pytest.mark.parametrize("text", ["1", "/dev/video1", "{folder}/video1"])
def test_second_device_of_a_camera_on_usb_is_none(devices: FakeVideoDevices, text: str) -> None:
    devices.add(0, card="C920")
    devices.add(1, card="C920", kind="metadata")
    assert "; choose one of: 0 C920." in why(devices, text.format(folder=devices.folder))
    assert read(devices, "C920", count=1)[1].startswith("C920, ")


def test_numbers_are_drawn_alike_in_c_and_in_python(devices: FakeVideoDevices) -> None:
    devices.add(0)
    numbers = [number for _, number, _, _ in read(devices, count=10)[0]]
    assert numbers == sorted(set(numbers))
    assert np.all(np.diff(numbers) >= 1)
